//! In: options as written. Out: what they mean, typed.
//!
//! `#[node(..)]` and `#[with(..)]` are read by the same code; each option says where it may stand.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Expr, Ident, Lit, LitStr, Path, UnOp};

use super::duration::{self, USAGE};
use crate::diagnostics::{Errors, nearest};
use crate::parse::options::{self, Item, Value};

/// Where options stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `#[node(..)]`.
    Node,
    /// `#[with(..)]` before a call.
    Call,
    /// `#[with(..)]` before a `for`.
    FanOut,
    /// `#[with(..)]` before a call that waits for a signal.
    Signal,
    /// `#[with(..)]` before a call that waits for a time.
    Timer,
}

/// What options say. `None` means that they do not say.
#[derive(Default)]
pub(crate) struct Options {
    /// The first of them as written, to point at.
    pub(crate) first: Option<Ident>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) pure: Option<Ident>,
    pub(crate) at_most_once: Option<Ident>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) undo: Option<Undo>,
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

/// What `undo` says.
pub(crate) struct Undo {
    /// The node that undoes.
    pub(crate) path: Path,
    /// What it is called with; [`OUTPUT`] stands for the output of the step.
    pub(crate) args: Vec<Expr>,
    /// Where the arguments stand.
    pub(crate) span: Span,
}

/// The word for the output of the step that is undone.
pub(crate) const OUTPUT: &str = "output";

/// What `retry(..)` says.
pub(crate) struct Retry {
    /// The option's name, to point at.
    pub(crate) name: Ident,
    pub(crate) times: u32,
    pub(crate) backoff: Option<(Duration, Duration)>,
    pub(crate) factor: Option<f64>,
    pub(crate) jitter: Option<bool>,
    /// The function that says of an error whether another attempt may help.
    pub(crate) condition: Option<Path>,
}

const AT_NODE: &[&str] =
    &["retry", "timeout", "deadline", "pure", "at_most_once", "blocking", "concurrency", "undo", "name", "crate"];
const AT_CALL: &[&str] = &["retry", "timeout", "deadline", "pure", "at_most_once", "concurrency", "undo"];
const AT_FAN_OUT: &[&str] = &["concurrency"];
const AT_SIGNAL: &[&str] = &["timeout"];
const IN_RETRY: &[&str] = &["times", "backoff", "factor", "jitter", "if"];

/// What is said of `retry` where a step is attempted once.
pub(crate) const ONCE: &str = "an `at_most_once` step is not tried again\nhelp: remove `retry`, or `at_most_once`";

/// What is said of an undo that must not be repeated.
pub(crate) const NO_REPEAT: &str =
    "an undo is attempted again after a crash, which `at_most_once` forbids: name a node that may be repeated";

/// What is said of an undo that is no node.
pub(crate) const NO_NODE: &str = "a workflow cannot undo a step: name a node";

/// What these options mean at this place.
pub(crate) fn options(errors: &mut Errors, items: Vec<Item>, place: Place) -> Options {
    let mut read = Options::default();
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        if is_known(errors, &item.name, &mut seen, place) {
            read.first.get_or_insert_with(|| item.name.clone());
            option(errors, item, &mut read, place);
        }
    }
    if let (Some(retry), Some(_)) = (&read.retry, &read.at_most_once) {
        errors.report(&retry.name, ONCE);
    }
    read
}

/// Reads options from their tokens.
pub(crate) fn from_tokens(errors: &mut Errors, tokens: TokenStream, place: Place) -> Options {
    let items = options::list(errors, tokens);
    options(errors, items, place)
}

fn is_known(errors: &mut Errors, name: &Ident, seen: &mut Vec<String>, place: Place) -> bool {
    let (known, here) = match place {
        Place::Node => (AT_NODE, "at a node"),
        Place::Call => (AT_CALL, "before a step"),
        Place::FanOut => (AT_FAN_OUT, "before a `for`"),
        Place::Signal => (AT_SIGNAL, "before a wait for a signal"),
        Place::Timer => (&[][..], "before a wait for a time"),
    };
    let written = name.to_string();
    if !known.contains(&written.as_str()) {
        let message = if matches!(place, Place::Signal | Place::Timer) && AT_CALL.contains(&written.as_str()) {
            let help = if place == Place::Signal { "only `timeout` is for waits" } else { "remove it" };
            format!("`{written}` has no meaning {here}, which has no attempts\nhelp: {help}")
        } else if place == Place::FanOut && AT_CALL.contains(&written.as_str()) {
            format!(
                "`{written}` has no meaning {here}\nhelp: put `#[with({written} ..)]` before a step inside the `for`"
            )
        } else {
            unknown(&written, known, here)
        };
        errors.report(name, message);
        return false;
    }
    first_time(errors, name, seen)
}

fn first_time(errors: &mut Errors, name: &Ident, seen: &mut Vec<String>) -> bool {
    let written = name.to_string();
    if seen.contains(&written) {
        errors.report(name, format!("`{written}` is given twice\nhelp: remove one"));
        return false;
    }
    seen.push(written);
    true
}

fn unknown(written: &str, known: &[&str], here: &str) -> String {
    if AT_NODE.contains(&written) {
        return format!("`{written}` has no meaning {here}\nhelp: put it into `#[node(..)]`");
    }
    match nearest(written, known) {
        Some(name) => format!("unknown option `{written}`\nhelp: did you mean `{name}`?"),
        None => format!("unknown option `{written}`\nhelp: {here} there are `{}`", known.join("`, `")),
    }
}

fn option(errors: &mut Errors, item: Item, read: &mut Options, place: Place) {
    let Item { name, value } = item;
    match name.to_string().as_str() {
        "retry" => read.retry = retry(errors, &name, value, place),
        "timeout" => read.timeout = duration_of(errors, &name, &value),
        "deadline" => read.deadline = duration_of(errors, &name, &value),
        "pure" => read.pure = flag(errors, name, &value),
        "at_most_once" => read.at_most_once = flag(errors, name, &value),
        "blocking" => read.blocking = flag(errors, name, &value),
        "concurrency" => read.concurrency = count(errors, &name, &value, "1"),
        "undo" => read.undo = undo(errors, &name, &value),
        "name" => read.name = node_name(errors, &name, &value),
        _ => read.krate = path(errors, &name, &value, "crate = renamed_flow_runtime"),
    }
}

fn retry(errors: &mut Errors, name: &Ident, value: Value, place: Place) -> Option<Retry> {
    let Value::List(tokens) = value else {
        errors.report(name, "`retry` needs to know how often\nhelp: write `retry(times = 3)`");
        return None;
    };
    let mut retry = Retry { name: name.clone(), times: 0, backoff: None, factor: None, jitter: None, condition: None };
    let mut seen = Vec::new();
    let mut times = None;
    for Item { name, value } in options::list(errors, tokens) {
        let written = name.to_string();
        if !IN_RETRY.contains(&written.as_str()) {
            errors.report(&name, unknown(&written, IN_RETRY, "in `retry`"));
        } else if first_time(errors, &name, &mut seen) {
            match written.as_str() {
                "times" => times = count(errors, &name, &value, "3"),
                "backoff" => retry.backoff = backoff(errors, &name, &value),
                "factor" => retry.factor = factor(errors, &name, &value),
                "jitter" => retry.jitter = boolean(errors, &name, &value),
                _ if place == Place::Node => retry.condition = path(errors, &name, &value, "if = is_temporary"),
                _ => errors.report(
                    &name,
                    "`if` belongs to the node, whose error it sees\nhelp: put it into `#[node(retry(if = ..))]`",
                ),
            }
        }
    }
    if !seen.iter().any(|name| name == "times") {
        errors.report(name, "`retry` needs to know how often\nhelp: add `times = 3`");
    }
    retry.times = times?;
    Some(retry)
}

fn backoff(errors: &mut Errors, name: &Ident, value: &Value) -> Option<(Duration, Duration)> {
    let text = text(errors, name, value, "backoff = \"100ms..10s\"")?;
    match duration::range(&text.value()) {
        Ok(range) => Some(range),
        Err(message) => {
            errors.report(&text, format!("{message}\nhelp: write the shortest and the longest wait, `\"100ms..10s\"`"));
            None
        }
    }
}

fn factor(errors: &mut Errors, name: &Ident, value: &Value) -> Option<f64> {
    let number = match literal(value) {
        Some(Lit::Int(number)) => number.base10_parse().ok(),
        Some(Lit::Float(number)) => number.base10_parse().ok(),
        _ => None,
    };
    match number {
        Some(factor) if (1.0..=1e6).contains(&factor) => Some(factor),
        _ => {
            errors.report(tokens_of(name, value), "`factor` is a number from 1 to 1000000\nhelp: write `factor = 2.0`");
            None
        }
    }
}

fn duration_of(errors: &mut Errors, name: &Ident, value: &Value) -> Option<Duration> {
    let text = text(errors, name, value, &format!("{name} = \"30s\""))?;
    match duration::duration(&text.value()) {
        Ok(duration) => Some(duration),
        Err(message) => {
            errors.report(&text, format!("{message}\n{USAGE}"));
            None
        }
    }
}

fn node_name(errors: &mut Errors, name: &Ident, value: &Value) -> Option<LitStr> {
    let text = text(errors, name, value, "name = \"charge\"")?;
    let written = text.value();
    let fits = (1..=128).contains(&written.len()) && written.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c));
    if !fits {
        errors.report(
            &text,
            format!("`{written}` is no name\nhelp: use letters, digits, `_`, `-`, `.` and `:`, at most 128 bytes"),
        );
        return None;
    }
    Some(text)
}

fn flag(errors: &mut Errors, name: Ident, value: &Value) -> Option<Ident> {
    if matches!(value, Value::Flag) {
        return Some(name);
    }
    errors.report(tokens_of(&name, value), format!("`{name}` takes no value\nhelp: write `{name}`"));
    None
}

fn boolean(errors: &mut Errors, name: &Ident, value: &Value) -> Option<bool> {
    if let Some(Lit::Bool(value)) = literal(value) {
        return Some(value.value);
    }
    errors.report(tokens_of(name, value), format!("`{name}` is true or false\nhelp: write `{name} = false`"));
    None
}

fn count(errors: &mut Errors, name: &Ident, value: &Value, example: &str) -> Option<u32> {
    if let Some(Lit::Int(number)) = literal(value)
        && let Ok(number) = number.base10_parse::<u32>()
        && number > 0
    {
        return Some(number);
    }
    let zero = matches!(literal(value), Some(Lit::Int(number)) if number.base10_digits() == "0");
    let fact = match (zero, name.to_string().as_str()) {
        (true, "times") => "no retries are none at all".to_owned(),
        (true, _) => format!("`{name}` of 0 would let nothing run"),
        (false, _) => format!("`{name}` is a whole number from 1 to {}", u32::MAX),
    };
    let help =
        if zero && name == "times" { "remove `retry`".to_owned() } else { format!("write `{name} = {example}`") };
    errors.report(tokens_of(name, value), format!("{fact}\nhelp: {help}"));
    None
}

fn undo(errors: &mut Errors, name: &Ident, value: &Value) -> Option<Undo> {
    let Value::Is(value) = value else {
        errors.report(
            name,
            "`undo` needs the node that undoes\nhelp: write `undo = refund`, or `undo = refund(order, output)`",
        );
        return None;
    };
    match &**value {
        Expr::Path(path) => {
            let at = path.path.segments.last().map_or_else(|| name.span(), |last| last.ident.span());
            let output = Ident::new(OUTPUT, at);
            Some(Undo { path: path.path.clone(), args: vec![syn::parse_quote!(#output)], span: at })
        }
        Expr::Call(call) if matches!(&*call.func, Expr::Path(_)) => {
            let Expr::Path(path) = &*call.func else { return None };
            let (path, span) = (path.path.clone(), call.paren_token.span.join());
            Some(Undo { path, args: call.args.iter().cloned().collect(), span })
        }
        other => {
            errors.report(other, "`undo` is a node, with what it is given\nhelp: write `undo = refund`, or `undo = refund(order, output)`");
            None
        }
    }
}

fn path(errors: &mut Errors, name: &Ident, value: &Value, example: &str) -> Option<Path> {
    if let Value::Is(value) = value
        && let Expr::Path(path) = &**value
    {
        return Some(path.path.clone());
    }
    errors.report(tokens_of(name, value), format!("`{name}` is a path\nhelp: write `{example}`"));
    None
}

fn text(errors: &mut Errors, name: &Ident, value: &Value, example: &str) -> Option<LitStr> {
    if let Some(Lit::Str(text)) = literal(value) {
        return Some(text.clone());
    }
    errors.report(tokens_of(name, value), format!("`{name}` is a text\nhelp: write `{example}`"));
    None
}

fn literal(value: &Value) -> Option<&Lit> {
    let Value::Is(value) = value else { return None };
    match &**value {
        Expr::Lit(literal) => Some(&literal.lit),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => None,
        _ => None,
    }
}

/// The value, to point at; the name if there is none.
fn tokens_of(name: &Ident, value: &Value) -> TokenStream {
    match value {
        Value::Is(value) => value.to_token_stream(),
        Value::List(_) | Value::Flag => name.to_token_stream(),
    }
}
