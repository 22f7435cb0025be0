//! Which names are bound where. In: bindings and blocks, as they are met. Out: what a name means, or why it means
//! nothing. A name means one thing in a workflow: what is bound already cannot be bound again around or inside it.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Ident, Stmt};

use super::workflow::{BindingIx, StepIx};
use crate::diagnostics::{Errors, nearest};
use crate::parse::attributes;

/// What a bound name stands for.
#[derive(Clone, Copy)]
pub(crate) enum Meaning {
    Binding(BindingIx),
    /// Bound by a pattern inside a plain expression.
    Local,
}

struct Name {
    ident: Ident,
    meaning: Meaning,
    used: u32,
    lints: Vec<Attribute>,
}

/// A name that is bound and never used, with what its `let` says of lints.
pub(crate) struct Unused {
    pub(crate) ident: Ident,
    pub(crate) lints: Vec<Attribute>,
}

/// The names of one block.
#[derive(Default)]
struct Scope {
    names: HashMap<String, usize>,
    /// What the block's `let`s will bind, and the names that stand in their values.
    declared: Vec<Declared>,
    /// Ids of steps that `#[after]` may name though no name is bound to them.
    steps: HashMap<String, StepIx>,
}

struct Declared {
    names: Vec<String>,
    mentions: Vec<String>,
}

/// All names of a workflow, with the scopes around the place that is being read.
#[derive(Default)]
pub(crate) struct Names {
    all: Vec<Name>,
    scopes: Vec<Scope>,
    /// Cycles that were reported, by the names in them.
    cycles: Vec<Vec<String>>,
}

impl Names {
    /// Opens a block with these statements.
    pub(crate) fn enter(&mut self, statements: &[Stmt]) {
        let declared = statements.iter().filter_map(declared).collect();
        self.scopes.push(Scope { declared, ..Scope::default() });
    }

    pub(crate) fn leave(&mut self) {
        self.scopes.pop();
    }

    /// Binds a name in the innermost block.
    pub(crate) fn bind(&mut self, errors: &mut Errors, ident: &Ident, meaning: Meaning, lints: &[Attribute]) {
        let text = key(ident);
        if let Some(first) = self.find(&text) {
            let line = first.ident.span().start().line;
            errors.report(
                ident,
                format!("`{ident}` is bound already\nnote: first bound in line {line}\nhelp: choose another name; a name means one thing in a workflow"),
            );
            return;
        }
        let index = self.all.len();
        self.all.push(Name { ident: ident.clone(), meaning, used: 0, lints: lints.to_vec() });
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(text, index);
        }
    }

    /// Makes a step's id known to `#[after]`.
    pub(crate) fn step(&mut self, id: &str, step: StepIx) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.steps.entry(id.to_owned()).or_insert(step);
        }
    }

    /// The step of this id that stands in this block or one around it.
    pub(crate) fn step_of_id(&self, ident: &Ident) -> Option<StepIx> {
        let text = key(ident);
        self.scopes.iter().rev().find_map(|scope| scope.steps.get(&text)).copied()
    }

    /// What a name means where it is used; reports one that means nothing there.
    pub(crate) fn resolve(&mut self, errors: &mut Errors, ident: &Ident) -> Option<Meaning> {
        let meaning = self.look_up(ident);
        if meaning.is_none() {
            self.report_missing(errors, ident);
        }
        meaning
    }

    /// What a name means, if it is bound. Counts as a use.
    pub(crate) fn look_up(&mut self, ident: &Ident) -> Option<Meaning> {
        let text = key(ident);
        let index = *self.scopes.iter().rev().find_map(|scope| scope.names.get(&text))?;
        let name = self.all.get_mut(index)?;
        name.used += 1;
        Some(name.meaning)
    }

    /// Names that nothing uses, but for those that say so of themselves.
    pub(crate) fn unused(&self) -> Vec<Unused> {
        let unused = self.all.iter().filter(|name| name.used == 0 && !key(&name.ident).starts_with('_'));
        unused.map(|name| Unused { ident: name.ident.clone(), lints: name.lints.clone() }).collect()
    }

    /// How often a binding's name is used.
    pub(crate) fn uses(&self, binding: BindingIx) -> u32 {
        let of_it = |name: &&Name| matches!(name.meaning, Meaning::Binding(index) if index == binding);
        self.all.iter().filter(of_it).map(|name| name.used).sum()
    }

    fn find(&self, text: &str) -> Option<&Name> {
        let index = self.scopes.iter().rev().find_map(|scope| scope.names.get(text))?;
        self.all.get(*index)
    }

    /// Reports a name that nothing has bound yet.
    pub(crate) fn report_missing(&mut self, errors: &mut Errors, ident: &Ident) {
        let text = key(ident);
        let later = self.scopes.iter().rev().find(|scope| scope.declares(&text));
        let Some(scope) = later else {
            errors.report(ident, self.unknown(ident, &text));
            return;
        };
        match scope.current().and_then(|current| scope.cycle(current, &text)) {
            Some(cycle) => {
                if self.cycles.iter().any(|known| cycle.iter().all(|name| known.contains(name))) {
                    return;
                }
                let shown: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
                let help = "let one of them do without the other";
                errors.report(ident, format!("these steps wait for each other: {}\nhelp: {help}", shown.join(" → ")));
                self.cycles.push(cycle);
            }
            None => errors.report(
                ident,
                format!("`{ident}` is used before it is bound\nhelp: move `let {ident} = ..` above this statement"),
            ),
        }
    }

    fn unknown(&self, ident: &Ident, text: &str) -> String {
        let known: Vec<&str> = self.scopes.iter().flat_map(|scope| scope.names.keys().map(String::as_str)).collect();
        match nearest(text, &known) {
            Some(name) => format!("nothing is named `{ident}`\nhelp: did you mean `{name}`?"),
            None if known.is_empty() => format!("nothing is named `{ident}`\nhelp: bind it with `let {ident} = ..`"),
            None => {
                let mut known = known;
                known.sort_unstable();
                known.truncate(6);
                let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("nothing is named `{ident}`\nhelp: bound here: {}", list.join(", "))
            }
        }
    }
}

impl Scope {
    fn declares(&self, name: &str) -> bool {
        self.declared.iter().any(|declared| declared.names.iter().any(|own| own == name))
    }

    /// The statement that is being read: the first whose names are not bound yet.
    fn current(&self) -> Option<&Declared> {
        self.declared.iter().find(|declared| !declared.names.iter().any(|name| self.names.contains_key(name)))
    }

    /// The way from `from` over what it mentions back to itself, beginning with `first`.
    fn cycle(&self, from: &Declared, first: &str) -> Option<Vec<String>> {
        let start = from.names.first()?;
        let mut ways = vec![vec![start.clone(), first.to_owned()]];
        let mut seen = vec![first.to_owned()];
        while let Some(way) = ways.pop() {
            let last = way.last()?;
            if from.names.contains(last) {
                let mut way = way;
                if let Some(end) = way.last_mut() {
                    end.clone_from(start);
                }
                return Some(way);
            }
            let next = self.declared.iter().filter(|declared| declared.names.contains(last));
            for mention in next.flat_map(|declared| &declared.mentions) {
                if self.declares(mention) && !seen.contains(mention) {
                    seen.push(mention.clone());
                    ways.push(way.iter().cloned().chain([mention.clone()]).collect());
                }
            }
        }
        None
    }
}

/// The text by which a name is found.
pub(crate) fn key(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// What a `let` will bind, and the names in its value and its `#[after]`.
fn declared(statement: &Stmt) -> Option<Declared> {
    let Stmt::Local(local) = statement else { return None };
    let names = super::pattern::bound_names(&local.pat).iter().map(key).collect();
    let mut mentions = Vec::new();
    if let Some(init) = &local.init {
        mentioned(init.expr.to_token_stream(), &mut mentions);
    }
    // Read again when the statement itself is read, which is when its mistakes are reported.
    let mut ignored = Errors::default();
    mentions.extend(attributes::step(&mut ignored, &local.attrs).after.iter().map(key));
    let _ = ignored.finish();
    Some(Declared { names, mentions })
}

/// The words that may be names: not what follows a dot, and not the paths of calls.
fn mentioned(tokens: TokenStream, into: &mut Vec<String>) {
    let mut after_dot = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => {
                let is_path = match tokens.peek() {
                    Some(TokenTree::Group(group)) => group.delimiter() == proc_macro2::Delimiter::Parenthesis,
                    Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
                    _ => false,
                };
                if !after_dot && !is_path {
                    into.push(key(&ident));
                }
                after_dot = false;
            }
            TokenTree::Group(group) => {
                mentioned(group.stream(), into);
                after_dot = false;
            }
            TokenTree::Punct(punct) => after_dot = punct.as_char() == '.',
            TokenTree::Literal(_) => after_dot = false,
        }
    }
}
