//! What is wrong with the user's code, and where.
//!
//! In: mistakes, from every stage. Out: one `compile_error!` for each, at the user's token. A message is one line
//! that says the fact; a second one, `help: ..`, says what to write.

use std::fmt::Display;

use quote::ToTokens;
use syn::Ident;

/// The errors of one macro call, in source order. Must be read: dropping unread errors is a bug.
#[must_use]
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    read: bool,
}

impl Errors {
    /// Reports at exactly these tokens.
    pub(crate) fn report(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports what the parser found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// All errors, to be shown.
    pub(crate) fn finish(mut self) -> Option<syn::Error> {
        self.read = true;
        self.found.take()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if !self.read && !std::thread::panicking() {
            assert!(self.found.is_none(), "errors were dropped unread");
        }
    }
}

/// A name that stands where one is bound and would be read as a constant where it is used.
pub(crate) fn begins_like_a_constant(name: &Ident) -> String {
    format!("`{name}` begins like a constant, so it binds nothing\nhelp: begin the name with a small letter")
}

/// The name that was most likely meant.
pub(crate) fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    // One letter of one is no likeness.
    let length = text.chars().count();
    let limit = (length / 3).max(1).min(length.saturating_sub(1));
    known
        .iter()
        .map(|name| (distance(text, name), *name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be changed, added, left out or swapped with their neighbour to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
            let changed = at(&row, j) + usize::from(x != y);
            let mut best = changed.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let known = ["retry", "timeout", "deadline"];
        assert_eq!(nearest("timout", &known), Some("timeout"));
        assert_eq!(nearest("retri", &known), Some("retry"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("ordr", &["order"]), Some("order"));
        assert_eq!(nearest("y", &["a", "x"]), None);
    }

    #[test]
    fn distances_count_single_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("frist", "first"), 1);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    #[should_panic(expected = "errors were dropped unread")]
    fn unread_errors_are_a_bug() {
        let mut errors = Errors::default();
        errors.push(syn::Error::new(proc_macro2::Span::call_site(), "x"));
    }
}
