//! The errors of one macro call. Placeholder until the shared one lands.

use std::fmt::Display;

use quote::ToTokens;

/// The errors of one macro call, in source order.
#[must_use]
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    read: bool,
}

impl Errors {
    pub(crate) fn report(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

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
