//! Values that are typed, or stand elsewhere.

use std::fs;
use std::io;

use crate::failure::Failure;

/// What is meant by a value that was typed: what stands on standard input for `-`, in a file for `@FILE`, else itself.
pub(crate) fn text(typed: &str) -> Result<String, Failure> {
    let read = match (typed, typed.strip_prefix('@')) {
        ("-", _) => io::read_to_string(io::stdin()),
        (_, Some(path)) => fs::read_to_string(path),
        _ => return Ok(typed.to_owned()),
    };
    let from = if typed == "-" { "standard input" } else { typed.trim_start_matches('@') };
    read.map_err(|source| Failure::Read { from: from.to_owned(), source })
}
