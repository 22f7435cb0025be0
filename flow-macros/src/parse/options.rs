//! In: the tokens between the parentheses of `#[node(..)]` or `#[with(..)]`. Out: a list of options as written. A
//! broken one is reported and left out, and reading goes on behind the next comma.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Ident, Token, parenthesized};

use crate::diagnostics::Errors;

/// One option as written.
pub(crate) struct Item {
    /// Its name.
    pub(crate) name: Ident,
    /// What stands behind the name.
    pub(crate) value: Value,
}

/// What stands behind an option's name.
pub(crate) enum Value {
    /// Nothing: `pure`.
    Flag,
    /// A value: `timeout = "30s"`.
    Is(Box<Expr>),
    /// A list: `retry(times = 3)`.
    List(TokenStream),
}

/// Reads options.
pub(crate) fn list(errors: &mut Errors, tokens: TokenStream) -> Vec<Item> {
    let mut items = Vec::new();
    for part in split_at_commas(tokens) {
        match Item::parse.parse2(part) {
            Ok(item) => items.push(item),
            Err(error) => errors.push(error),
        }
    }
    items
}

/// The tokens between commas; those in parentheses are one token tree and stay together.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            (_, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `if` and `crate` are keywords elsewhere.
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "expected the name of an option\nhelp: options look like `timeout = \"30s\"`, `pure` or `retry(times = 3)`")
        })?;
        let value = if input.peek(Token![=]) {
            let equals: Token![=] = input.parse()?;
            if input.is_empty() {
                let message = format!("`{name}` has no value\nhelp: write it behind the `=`");
                return Err(syn::Error::new_spanned(equals, message));
            }
            Value::Is(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            Value::List(content.parse()?)
        } else {
            Value::Flag
        };
        if !input.is_empty() {
            return Err(input.error("expected `,` behind an option"));
        }
        Ok(Self { name, value })
    }
}
