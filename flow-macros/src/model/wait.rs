//! Calls that wait for something outside, by their names: `sleep`, `sleep_until`, `wait_for`, `approval`. In: a path and
//! its arguments. Out: which of them it is; a length of time that is written as text becomes one.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Expr, Lit, LitStr, Path, PathArguments, parse_quote_spanned};

use super::duration::{self, USAGE};
use super::workflow::{Call, Kind, Model};
use crate::diagnostics::Errors;
use crate::parse::language::bare;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// That a time passes.
    Sleep,
    /// A point in time.
    SleepUntil,
    /// A signal.
    Signal,
}

impl Wait {
    /// What a call of this path waits for. A node of the user's that has such a name is called by a path of its own.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let is_ours =
            path.segments.len() == 1 || path.segments.first().is_some_and(|first| first.ident == "flow_runtime");
        match path.segments.last()?.ident.to_string().as_str() {
            "sleep" if is_ours => Some(Self::Sleep),
            "sleep_until" if is_ours => Some(Self::SleepUntil),
            "wait_for" | "approval" if is_ours => Some(Self::Signal),
            _ => None,
        }
    }

    /// The argument as the node takes it: a length of time that is written as text is read here.
    pub(crate) fn argument(self, errors: &mut Errors, arg: &Expr) -> Option<Expr> {
        let Expr::Lit(literal) = arg else { return None };
        let Lit::Str(text) = &literal.lit else { return None };
        match self {
            Self::Sleep => match duration::duration(&text.value()) {
                Ok(length) => Some(written(length, text.span())),
                Err(what) => {
                    errors.report(text, format!("{what}\n{USAGE}"));
                    Some(written(Duration::from_secs(1), text.span()))
                }
            },
            Self::SleepUntil => {
                let help =
                    "give it a time, as in `sleep_until(order.due)`; `sleep(\"24h\")` waits for a length of time";
                errors.report(text, format!("a text is no point in time\nhelp: {help}"));
                None
            }
            Self::Signal => None,
        }
    }
}

/// A signal that a step waits for under a name that stands there as a literal.
pub(crate) struct Named<'m> {
    pub(crate) name: &'m LitStr,
    /// The type of its value as written; `None` where it is an approval.
    pub(crate) ty: Option<TokenStream>,
}

impl Model {
    /// The signals with literal names, in the order of the plan.
    pub(crate) fn signals(&self) -> impl Iterator<Item = Named<'_>> {
        self.step_order.iter().filter_map(|step| match &self.step(*step).kind {
            Kind::Call(call) if call.wait == Some(Wait::Signal) => named(call),
            _ => None,
        })
    }
}

fn named(call: &Call) -> Option<Named<'_>> {
    let [name] = call.args.as_slice() else { return None };
    let Expr::Lit(literal) = bare(&name.expr) else { return None };
    let Lit::Str(name) = &literal.lit else { return None };
    let last = call.path.segments.last()?;
    let ty = match &last.arguments {
        PathArguments::AngleBracketed(types) => Some(types.args.to_token_stream()),
        _ if last.ident == "approval" => None,
        _ => return None,
    };
    Some(Named { name, ty })
}

fn written(length: Duration, span: Span) -> Expr {
    let (seconds, nanos) = (length.as_secs(), length.subsec_nanos());
    parse_quote_spanned!(span=> ::core::time::Duration::new(#seconds, #nanos))
}
