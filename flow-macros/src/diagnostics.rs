//! What is wrong with the user's code, and where.
//!
//! In: mistakes, from every stage. Out: one `compile_error!` for each, at the user's token. A message is one line
//! that says the fact; a second one, `help: ..`, says what to write.

use std::fmt::Display;

use quote::ToTokens;

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

/// The known name nearest to what the user wrote, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = written.chars().count().max(3) / 3;
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// The Levenshtein distance, by the row-by-row algorithm of Wagner and Fischer.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = *cell;
            left = substituted.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let known = ["retry", "timeout", "deadline"];
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("retri", known), Some("retry"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn distances_count_single_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    #[should_panic(expected = "errors were dropped unread")]
    fn unread_errors_are_a_bug() {
        let mut errors = Errors::default();
        errors.push(syn::Error::new(proc_macro2::Span::call_site(), "x"));
    }
}
