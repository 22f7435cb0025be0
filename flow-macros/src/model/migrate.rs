//! In: `#[migrate(from = 1, with = function)]` as written, and what it stands before. Out: how stored outputs of that
//! version become those of this one.

use proc_macro2::TokenStream;
use syn::{Expr, Ident, Lit, LitInt, Path};

use super::wait::Wait;
use super::workflow::{Call, Kind};
use crate::diagnostics::{Errors, nearest};
use crate::parse::attributes::MIGRATE;
use crate::parse::options::{self, Item, Value};

/// How a step's outputs of one older version become those of this one.
pub(crate) struct Migration {
    /// The attribute's name, to point at.
    pub(crate) name: Ident,
    pub(crate) from: Version,
    pub(crate) how: How,
}

/// What makes the new outputs of the old.
pub(crate) enum How {
    /// This function.
    With(Path),
    /// The migrations of the workflow that the step calls, from this version of it.
    Called(Version),
}

/// A version as it is written.
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) written: LitInt,
}

const OPTIONS: &[&str] = &["from", "with", "called"];

/// What these attributes say. Only a call has an output that is stored, and only one that is no timer has a type of it.
pub(crate) fn migrations(errors: &mut Errors, attributes: Vec<(Ident, TokenStream)>, kind: &Kind) -> Vec<Migration> {
    let refusal = match kind {
        Kind::Branch(_) => {
            Some("a branch stores no output of its own\nhelp: put `#[migrate(..)]` before a step inside its arms")
        }
        Kind::Each(_) => {
            Some("a `for` stores no output of its own\nhelp: put `#[migrate(..)]` before a step inside its body")
        }
        Kind::Call(Call { wait: Some(Wait::Sleep | Wait::SleepUntil), .. }) => {
            Some("a wait for a time has no output\nhelp: remove `#[migrate(..)]`")
        }
        Kind::Call(_) => None,
    };
    let mut migrations = Vec::new();
    for (name, tokens) in attributes {
        match refusal {
            Some(message) => errors.report(&name, message),
            None => migrations.extend(migration(errors, name, tokens)),
        }
    }
    migrations
}

fn migration(errors: &mut Errors, name: Ident, tokens: TokenStream) -> Option<Migration> {
    let (mut from, mut how) = (None, None);
    let mut seen: Vec<String> = Vec::new();
    let items = options::list(errors, tokens);
    let (is_empty, mut is_strange) = (items.is_empty(), false);
    for Item { name, value } in items {
        let written = name.to_string();
        if !OPTIONS.contains(&written.as_str()) {
            let help = nearest(&written, OPTIONS).map_or_else(
                || "in `migrate` there are `from`, `with`, `called`".to_owned(),
                |known| format!("did you mean `{known}`?"),
            );
            errors.report(&name, format!("unknown option `{written}`\nhelp: {help}"));
            is_strange = true;
        } else if seen.contains(&written) {
            errors.report(&name, format!("`{written}` is given twice\nhelp: remove one"));
        } else if written == "from" {
            from = version(errors, &name, &value);
        } else if seen.iter().any(|seen| ["with", "called"].contains(&seen.as_str())) {
            let help = "`with` is for a node, `called` for a workflow; remove one";
            errors.report(&name, format!("a step calls a node or a workflow\nhelp: {help}"));
        } else if written == "with" {
            how = function(errors, &name, &value).map(How::With);
        } else {
            how = version(errors, &name, &value).map(How::Called);
        }
        seen.push(written);
    }
    let is_said = |option: &str| seen.iter().any(|seen| seen == option);
    if is_empty {
        errors.report(&name, format!("`migrate` needs a version and a function\n{MIGRATE}"));
    } else if is_strange {
        // What stands there in place of what is missing was reported.
    } else if !is_said("from") {
        errors.report(&name, "`migrate` needs the version of the stored outputs\nhelp: add `from = 1`");
    } else if !is_said("with") && !is_said("called") {
        errors.report(&name, "`migrate` needs the function that makes the new output\nhelp: add `with = function`");
    }
    Some(Migration { name, from: from?, how: how? })
}

fn version(errors: &mut Errors, name: &Ident, value: &Value) -> Option<Version> {
    if let Value::Is(value) = value
        && let Expr::Lit(literal) = &**value
        && let Lit::Int(written) = &literal.lit
        && let Ok(number) = written.base10_parse()
        && number > 0
    {
        return Some(Version { number, written: written.clone() });
    }
    let message = format!("a version is a number from 1\nhelp: write `{name} = 1`");
    match value {
        Value::Is(value) => errors.report(value, message),
        Value::Flag | Value::List(_) => errors.report(name, message),
    }
    None
}

fn function(errors: &mut Errors, name: &Ident, value: &Value) -> Option<Path> {
    if let Value::Is(value) = value
        && let Expr::Path(path) = &**value
        && path.qself.is_none()
    {
        return Some(path.path.clone());
    }
    let message =
        "`with` names a function, `fn(Old) -> New` or `fn(Old) -> Result<New, E>`\nhelp: write `with = function`";
    match value {
        Value::Is(value) => errors.report(value, message),
        Value::Flag | Value::List(_) => errors.report(name, message),
    }
    None
}
