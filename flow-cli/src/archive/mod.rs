//! Runs in one file, to be carried from one store to another: what `flow export` writes and `flow import` reads.
//!
//! A file is lines of JSON, each with a checksum: a header, then the large values and the record of each run, and an end
//! that counts them. Records and requests are the bytes of the library, which every later version reads, so equal
//! runs have equal lines, whatever store they come from. `docs/cli.md` describes the file.

mod file;
mod line;
mod read;
mod write;

pub(crate) use file::ArchiveFile;
pub(crate) use line::Counts;
pub(crate) use read::{Archive, Broken};
pub(crate) use write::Writer;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
