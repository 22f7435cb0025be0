//! The names of the files in an inbox: which run, the how manyeth request, and which one.
//!
//! In: a run, a number and the id of a request. Out: a name that says them, `w-order-1.00000001-<digest>.ask`, and the
//! same of a name. The digest makes the same request the same file's; the number puts requests in the order in which
//! they came, whatever their senders' clocks said.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::disk;
use crate::state::WorkflowId;

/// How the name of a request ends.
const REQUEST: &str = ".ask";
/// How the name of a deletion ends.
const DELETION: &str = ".deleted";
/// How many bytes of a hash stand in a name. One more, and the longest name would be too long while its file is made.
const DIGEST: usize = 14;
/// How many digits a number has.
const DIGITS: usize = 8;

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// The run, as [`run_name`] writes it.
    pub(super) run: &'a str,
    pub(super) number: u32,
    pub(super) what: What<'a>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// A request, of whose id this is the digest.
    Request(&'a str),
    /// The run is being deleted, with its requests up to this number.
    Deletion,
}

/// The beginning of the names of all that is there of a run.
pub(super) fn run_name(run: &WorkflowId) -> String {
    disk::encode_name(run.as_str())
}

/// What stands in a name for the id of a request.
pub(super) fn digest(id: &str) -> String {
    let mut digest = String::with_capacity(2 * DIGEST);
    for byte in Sha256::digest(id.as_bytes()).iter().take(DIGEST) {
        // Writing into a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

pub(super) fn of_request(run: &str, number: u32, digest: &str) -> String {
    format!("{run}.{number:08x}-{digest}{REQUEST}")
}

pub(super) fn of_deletion(run: &str, number: u32) -> String {
    format!("{run}.{number:08x}{DELETION}")
}

/// What this name says; `None` if no inbox has such names.
pub(super) fn read(name: &str) -> Option<Name<'_>> {
    let (run, rest) = name.split_once('.')?;
    let (number, rest) = rest.split_at_checked(DIGITS)?;
    let what = if rest == DELETION {
        What::Deletion
    } else {
        let digest = rest.strip_prefix('-')?.strip_suffix(REQUEST)?;
        (digest.len() == 2 * DIGEST && is_hex(digest)).then_some(What::Request(digest))?
    };
    let number = u32::from_str_radix(number, 16).ok().filter(|_| is_hex(number))?;
    run.starts_with("w-").then_some(Name { run, number, what })
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest name that file systems take.
    const MAX_NAME: usize = 255;

    #[test]
    fn names_say_what_they_are_and_are_never_too_long() {
        for id in ["order-1", "a/B.c", &"A".repeat(59), &"a".repeat(178), &"a".repeat(256), &"ü".repeat(128)] {
            let run = run_name(&WorkflowId::new(id).unwrap());
            let digest = digest("a request");
            for number in [1, 0xabcd, u32::MAX] {
                let (request, deletion) = (of_request(&run, number, &digest), of_deletion(&run, number));
                assert_eq!(read(&request), Some(Name { run: &run, number, what: What::Request(&digest) }));
                assert_eq!(read(&deletion), Some(Name { run: &run, number, what: What::Deletion }));
                // `replace_durably` puts a dot before, and the process, a number and `.tmp` behind.
                let temp = request.len() + ".".len() + ".4294967295".len() + ".0123456789abcdef".len() + ".tmp".len();
                assert!(temp <= MAX_NAME && deletion.len() <= MAX_NAME, "{id}: {temp}");
            }
        }
    }

    #[test]
    fn names_of_one_run_are_in_the_order_of_their_numbers() {
        let name = |number, id| of_request("w-a", number, &digest(id));
        assert!(name(1, "z") < name(2, "a") && name(9, "b") < name(10, "a") && name(0xff, "") < name(0x100, ""));
    }

    #[test]
    fn foreign_names_say_nothing() {
        let digest = digest("a");
        for name in [
            "LOCK".to_owned(),
            format!("a.00000001-{digest}.ask"),
            format!("w-a.0000001-{digest}.ask"),
            format!("w-a.0000000A-{digest}.ask"),
            format!("w-a.+0000001-{digest}.ask"),
            format!("w-a.00000001-{digest}.ask.tmp"),
            format!("w-a.00000001-{}.ask", digest.to_uppercase()),
            format!("w-a.00000001-{}.ask", &digest[1..]),
            format!("w-a.00000001{digest}.ask"),
            format!(".w-a.00000001-{digest}.ask.1.0123456789abcdef.tmp"),
            "w-a.00000001.deleted.tmp".to_owned(),
            "w-a.é0000001.deleted".to_owned(),
        ] {
            assert_eq!(read(&name), None, "{name}");
        }
    }
}
