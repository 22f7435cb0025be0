//! In: the attributes before a statement, a call or an arm. Out: what they say about the step. Options of `#[with]`
//! are kept as tokens; they mean the same as at `#[node]` and are read by the same code.

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, Token};

use crate::diagnostics::Errors;

/// What the attributes before a step say.
#[derive(Default)]
pub(crate) struct StepAttributes {
    /// `#[after(a, b)]`
    pub(crate) after: Vec<Ident>,
    /// `#[catch]`, as its name.
    pub(crate) catch: Option<Ident>,
    /// `#[with(..)]`: the name, and the tokens between the parentheses.
    pub(crate) with: Option<(Ident, TokenStream)>,
    /// Each `#[migrate(..)]`: the name, and the tokens between the parentheses.
    pub(crate) migrate: Vec<(Ident, TokenStream)>,
    /// `#[id = ".."]`
    pub(crate) id: Option<LitStr>,
    /// The first attribute's name, to point at where none may stand.
    pub(crate) first: Option<Ident>,
}

/// What is to be written.
pub(crate) const MIGRATE: &str = "help: write `#[migrate(from = 1, with = function)]`";

/// The most bytes of a step's id.
const MAX_ID_BYTES: usize = 128;

/// Reads the attributes before a step.
pub(crate) fn step(errors: &mut Errors, attrs: &[Attribute]) -> StepAttributes {
    let mut read = StepAttributes::default();
    for attr in attrs {
        let Some(name) = attr.path().get_ident() else {
            unknown(errors, attr);
            continue;
        };
        read.first.get_or_insert_with(|| name.clone());
        match name.to_string().as_str() {
            "after" => read.after.extend(after(errors, attr)),
            "catch" => {
                if let Meta::List(_) | Meta::NameValue(_) = &attr.meta {
                    errors.report(&attr.meta, "`catch` takes nothing\nhelp: write `#[catch]`");
                }
                once(errors, name, read.catch.is_some());
                read.catch = Some(name.clone());
            }
            "with" => {
                once(errors, name, read.with.is_some());
                match &attr.meta {
                    Meta::List(list) => read.with = Some((name.clone(), list.tokens.clone())),
                    meta => errors.report(meta, "`with` needs options\nhelp: write `#[with(timeout = \"5s\")]`"),
                }
            }
            "migrate" => match &attr.meta {
                Meta::List(list) => read.migrate.push((name.clone(), list.tokens.clone())),
                meta => errors.report(meta, format!("`migrate` needs a version and a function\n{MIGRATE}")),
            },
            "id" => {
                once(errors, name, read.id.is_some());
                read.id = id(errors, attr);
            }
            "doc" => {}
            _ if is_lint(attr) => {}
            _ => unknown(errors, attr),
        }
    }
    read
}

/// What these attributes say of lints.
pub(crate) fn lints(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs.iter().filter(|attr| is_lint(attr)).cloned().collect()
}

fn is_lint(attr: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| attr.path().is_ident(level))
}

/// The label that `#[id = ".."]` gives to an arm.
pub(crate) fn arm(errors: &mut Errors, attrs: &[Attribute]) -> Option<LitStr> {
    let read = step(errors, attrs);
    let options = read.with.iter().chain(&read.migrate).map(|(name, _)| name);
    let misplaced = read.catch.iter().chain(options).chain(&read.after).next();
    if let Some(name) = misplaced {
        errors.report(name, "an arm takes `#[id = \"..\"]` alone\nhelp: put this before the step inside the arm");
    }
    read.id
}

fn unknown(errors: &mut Errors, attr: &Attribute) {
    let path = attr.path();
    let name = path.get_ident().map_or_else(|| "this".to_owned(), |name| format!("`#[{name}]`"));
    errors.report(
        path,
        format!("{name} has no meaning before a step\nhelp: one of `#[after(..)]`, `#[catch]`, `#[with(..)]`, `#[migrate(..)]`, `#[id = \"..\"]`"),
    );
}

fn once(errors: &mut Errors, name: &Ident, seen: bool) {
    if seen {
        errors.report(name, format!("`#[{name}]` stands here twice\nhelp: remove one"));
    }
}

fn after(errors: &mut Errors, attr: &Attribute) -> Vec<Ident> {
    let usage = "help: write `#[after(a, b)]` with the names of steps";
    let Meta::List(list) = &attr.meta else {
        errors.report(&attr.meta, format!("`after` needs the steps to wait for\n{usage}"));
        return Vec::new();
    };
    match list.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated) {
        Ok(names) if names.is_empty() => {
            errors.report(&attr.meta, format!("`after` needs the steps to wait for\n{usage}"));
            Vec::new()
        }
        Ok(names) => names.into_iter().collect(),
        Err(error) => {
            let span = if list.tokens.is_empty() { attr.path().span() } else { error.span() };
            errors.push(syn::Error::new(span, format!("`after` takes names of steps\n{usage}")));
            Vec::new()
        }
    }
}

fn id(errors: &mut Errors, attr: &Attribute) -> Option<LitStr> {
    let text = match &attr.meta {
        Meta::NameValue(meta) => match &meta.value {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    match &text {
        None => errors.report(&attr.meta, "an id is a text\nhelp: write `#[id = \"name\"]`"),
        Some(text) if !is_id(&text.value()) => errors.report(
            text,
            format!(
                "`{}` is no id\nhelp: use letters, digits, `_` and `-`, at most {MAX_ID_BYTES} bytes",
                text.value()
            ),
        ),
        Some(_) => {}
    }
    text.filter(|text| is_id(&text.value()))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID_BYTES && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
