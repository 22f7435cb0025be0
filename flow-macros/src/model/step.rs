//! Calls of nodes and fan-outs: each is one step. In: an expression with its attributes. Out: the step in its region,
//! with its id, what it comes after, and its options.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprCall, ExprForLoop, ExprPath, Ident, LitStr, Path};

use super::migrate;
use super::names::{Meaning, key};
use super::policy::{self, OUTPUT, Options, Place, Undo};
use super::resolve::Resolver;
use super::text::text;
use super::wait::Wait;
use super::workflow::{Call, Each, Id, Kind, Origin, RegionIx, Step, StepIx, UndoArg, UndoCall};
use crate::parse::attributes::StepAttributes;
use crate::parse::language;

impl Resolver<'_> {
    /// The step that an expression is, if it is one as a whole; else its attributes back.
    pub(super) fn step(
        &mut self,
        expr: &Expr,
        attrs: StepAttributes,
        name: Option<&Ident>,
        region: RegionIx,
    ) -> Result<StepIx, StepAttributes> {
        match language::bare(expr) {
            Expr::Call(call) => match language::node_path(call) {
                Some(path) => Ok(self.call(call, path, attrs, name, region)),
                None => Err(attrs),
            },
            branch @ (Expr::Match(_) | Expr::If(_)) if language::is_branch(branch) => {
                Ok(self.branch(branch, attrs, name, region))
            }
            Expr::ForLoop(each) => Ok(self.each(each, attrs, name, region)),
            _ => Err(attrs),
        }
    }

    /// A call of a node: first the calls in its arguments, then itself.
    pub(super) fn call(
        &mut self,
        call: &ExprCall,
        path: &ExprPath,
        attrs: StepAttributes,
        name: Option<&Ident>,
        region: RegionIx,
    ) -> StepIx {
        self.refuse_std(&path.path);
        if path.path.is_ident(self.workflow) {
            let help = "fan out with `for`, or loop inside a node";
            self.errors.report(path, format!("`{}` runs itself, and so without end\nhelp: {help}", self.workflow));
        }
        let wait = Wait::of(&path.path);
        let args = call.args.iter().map(|arg| {
            let read = wait.and_then(|wait| wait.argument(self.errors, language::bare(arg)));
            self.expression(read.as_ref().unwrap_or(arg), region)
        });
        let args = args.collect();
        let named = name.or_else(|| path.path.segments.last().map(|segment| &segment.ident));
        let id = id(attrs.id.as_ref(), named);
        let kind = Kind::Call(Call { path: path.path.clone(), paren: call.paren_token, args, wait });
        self.push(
            id,
            kind,
            attrs,
            path.path.segments.first().map_or_else(|| path.span(), |first| first.ident.span()),
            region,
        )
    }

    /// What stands in the standard library is no node.
    fn refuse_std(&mut self, path: &Path) {
        let is_std =
            |first: &str| first == "std" || (path.leading_colon.is_some() && ["core", "alloc"].contains(&first));
        if path.segments.len() > 1 && path.segments.first().is_some_and(|first| is_std(&first.ident.to_string())) {
            let help = "call it inside a node; methods can be called here, as in `a.max(b)`";
            self.errors.report(path, format!("`{}` is no node\nhelp: {help}", text(path)));
        }
    }

    fn each(&mut self, each: &ExprForLoop, attrs: StepAttributes, name: Option<&Ident>, region: RegionIx) -> StepIx {
        if let Some(label) = &each.label {
            self.errors.report(&label.name, "a workflow has no loops to label\nhelp: remove the label");
        }
        if let Expr::Range(range) = language::bare(&each.expr) {
            let help = "fan out over the items of a committed slice or `Vec`";
            self.errors.report(range.limits, format!("a range has no items to borrow\nhelp: {help}"));
        }
        let items = self.expression(&each.expr, region);
        let id = id(attrs.id.as_ref(), name);
        let body = self.open(None, String::new(), self.depth(region) + 1);
        let step = self.push(id, Kind::Each(Each { items, body }), attrs, each.for_token.span, region);
        self.enter_region(body, step);
        self.names.enter(&[]);
        self.bind_pattern(&each.pat, Origin::Item(step), &[]);
        self.block(&each.body.stmts, body);
        self.names.leave();
        step
    }

    pub(super) fn enter_region(&mut self, region: RegionIx, step: StepIx) {
        if let Some(region) = self.regions.get_mut(region) {
            region.parent = Some(step);
        }
    }

    /// Adds a step to its region.
    pub(super) fn push(
        &mut self,
        id: Option<Id>,
        kind: Kind,
        attrs: StepAttributes,
        span: Span,
        region: RegionIx,
    ) -> StepIx {
        let after = self.after(&attrs.after);
        let step = self.steps.len();
        if let Some(id) = &id {
            self.names.step(&id.text, step);
        }
        let StepAttributes { catch, with, migrate, .. } = attrs;
        let migrations = migrate::migrations(self.errors, migrate, &kind);
        let mut with = self.with(with, &kind);
        let undo = with.undo.take().map(|undo| self.undo(undo, region));
        self.steps.push(Step { id, region, kind, after, catch, with, undo, migrations, span, local: 0 });
        if let Some(region) = self.regions.get_mut(region) {
            region.steps.push(step);
        }
        step
    }

    /// What `#[with(..)]` says. A branch does nothing that could be retried or limited.
    fn with(&mut self, with: Option<(Ident, TokenStream)>, kind: &Kind) -> Options {
        let Some((name, options)) = with else { return Options::default() };
        let place = match kind {
            Kind::Call(Call { wait: Some(Wait::Signal), .. }) => Place::Signal,
            Kind::Call(Call { wait: Some(_), .. }) => Place::Timer,
            Kind::Call(_) => Place::Call,
            Kind::Each(_) => Place::FanOut,
            Kind::Branch(_) => {
                self.errors
                    .report(name, "a branch has no policy\nhelp: put `#[with(..)]` before a step inside its arms");
                return Options::default();
            }
        };
        policy::from_tokens(self.errors, options, place)
    }

    /// What undoes a step, with values that are known where the step stands.
    fn undo(&mut self, undo: Undo, region: RegionIx) -> UndoCall {
        let Undo { path, args, span } = undo;
        let args = args.iter().map(|arg| match language::plain_name(arg) {
            Some(name) if name == OUTPUT => UndoArg::Output(name.span()),
            _ => UndoArg::Value(self.plain_expression(arg, "in an undo", region)),
        });
        UndoCall { path, span, args: args.collect() }
    }

    /// The steps that `#[after(..)]` names, by what is bound to them or by their id.
    fn after(&mut self, names: &[Ident]) -> Vec<StepIx> {
        let mut steps = BTreeSet::new();
        for name in names {
            let meaning = self.names.look_up(name);
            let step = match meaning {
                Some(Meaning::Binding(binding)) => {
                    let Some(Origin::Step(step)) = self.bindings.get(binding).map(|binding| &binding.origin) else {
                        let help = "name a step; a plain value is there when what it uses is";
                        self.errors.report(name, format!("`{name}` is no step to wait for\nhelp: {help}"));
                        continue;
                    };
                    Some(*step)
                }
                _ => self.names.step_of_id(name),
            };
            match step {
                Some(step) => {
                    steps.insert(step);
                }
                None => self.names.report_missing(self.errors, name),
            }
        }
        steps.into_iter().collect()
    }
}

/// The id that is given, else the name.
pub(super) fn id(given: Option<&LitStr>, named: Option<&Ident>) -> Option<Id> {
    match given {
        Some(text) => Some(Id { text: text.value(), span: text.span() }),
        None => named.map(|name| Id { text: key(name), span: name.span() }),
    }
}
