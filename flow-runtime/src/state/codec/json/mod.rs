//! Records as JSON, made for reading by eye: one document per run, pretty, with everything in it.
//!
//! In: a record, or the bytes of a file of any origin. Out: those bytes, or an equal record. Names stand for enums,
//! times are written as people write them, payloads that are JSON or text stand as they are. The first line is a
//! header with a checksum over the whole file; what is behind it is refused if it is not exactly of this form.

mod brief;
mod header;
mod list;
mod names;
mod payload;
mod plan;
mod record;
mod text;
mod time;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use brief::{Brief, read_brief};
pub(crate) use header::Header;
#[cfg(test)]
pub(crate) use header::seal;
pub(crate) use record::{Stored, read_record, write_record};

use super::CodecError;

/// The most bytes of one file.
pub(crate) const MAX_BYTES: usize = 1 << 30;
/// The most items of one list.
const MAX_ITEMS: usize = 1 << 20;
/// The most names of one map: fewer, since a name takes far more room in memory than in a file.
const MAX_NAMES: usize = 1 << 16;

/// A name, or a form, that this version does not know.
fn unknown(what: &str, name: &str, known: &str) -> CodecError {
    let name: String = name.escape_debug().take(64).collect();
    CodecError::Newer { found: format!("{what} `{name}`"), known: known.to_owned() }
}
