//! In: a workflow as written. Out: its graph, with every name resolved. Reports unknown names, shadowing, use before
//! declaration and cycles; goes on after each, so that one compile shows all.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprCall, ExprForLoop, ExprPath, Ident, LitStr, Local, Pat, Path, Stmt};

use super::names::{Meaning, Names, key};
use super::pattern;
use super::policy::{self, Options, Place};
use super::text::text;
use super::workflow::{
    Binding, BindingIx, Call, Each, Expression, Id, Kind, Model, Origin, Region, RegionIx, Step, StepIx, Tail,
};
use crate::diagnostics::{Errors, begins_like_a_constant};
use crate::parse::attributes::{self, StepAttributes};
use crate::parse::language;
use crate::parse::workflow::Workflow;

/// The graph of a workflow.
pub(crate) fn workflow(errors: &mut Errors, workflow: Workflow, runtime: Option<&Path>) -> Model {
    let Workflow { attrs, version, vis, ident, params, output, body } = workflow;
    let mut resolver = Resolver {
        errors,
        workflow: &ident,
        names: Names::default(),
        steps: vec![],
        regions: vec![],
        bindings: vec![],
    };
    resolver.names.enter(&[]);
    for (index, param) in params.iter().enumerate() {
        let binding = Binding { origin: Origin::Param(index), pat: None, ty: None, ident: Some(param.ident.clone()) };
        let binding = resolver.binding(binding);
        resolver.names.bind(resolver.errors, &param.ident, Meaning::Binding(binding), &[]);
    }
    let region = resolver.open(None, String::new(), 0);
    resolver.set_tail(region, Tail::Unit, (ident.span(), ident.span()));
    resolver.block(&body, region);
    resolver.release_tails();
    let unused = resolver.names.unused();
    let is_unused = |binding: &BindingIx| resolver.names.uses(*binding) == 0;
    let views = resolver.bindings.iter().enumerate().filter(|(_, binding)| matches!(binding.origin, Origin::View(_)));
    let unused_views = views.map(|(index, _)| index).filter(is_unused).collect();
    let Resolver { steps, regions, bindings, .. } = resolver;
    let (region_order, step_order) = (Vec::new(), Vec::new());
    let runtime = runtime.cloned();
    let mut model = Model {
        runtime,
        attrs,
        version,
        vis,
        ident,
        params,
        output,
        steps,
        regions,
        bindings,
        unused,
        unused_views,
        region_order,
        step_order,
    };
    super::order::number(&mut model);
    model
}

/// What is known so far.
pub(super) struct Resolver<'e> {
    pub(super) errors: &'e mut Errors,
    /// The workflow's own name.
    workflow: &'e Ident,
    pub(super) names: Names,
    pub(super) steps: Vec<Step>,
    pub(super) regions: Vec<Region>,
    pub(super) bindings: Vec<Binding>,
}

impl Resolver<'_> {
    /// Adds an empty region.
    pub(super) fn open(&mut self, parent: Option<StepIx>, label: String, depth: usize) -> RegionIx {
        let tail_span = (Span::call_site(), Span::call_site());
        self.regions.push(Region { parent, label, steps: vec![], tail: Tail::Unit, tail_span, number: 0, depth });
        self.regions.len() - 1
    }

    pub(super) fn depth(&self, region: RegionIx) -> usize {
        self.regions.get(region).map_or(0, |region| region.depth)
    }

    pub(super) fn set_tail(&mut self, region: RegionIx, tail: Tail, span: (Span, Span)) {
        if let Some(region) = self.regions.get_mut(region) {
            region.tail = tail;
            region.tail_span = span;
        }
    }

    pub(super) fn binding(&mut self, binding: Binding) -> BindingIx {
        self.bindings.push(binding);
        self.bindings.len() - 1
    }

    /// Binds the names of a pattern to one origin.
    pub(super) fn bind_pattern(&mut self, pat: &Pat, origin: Origin, lints: &[Attribute]) -> BindingIx {
        let (pat, ty) = match pat {
            Pat::Type(typed) => ((*typed.pat).clone(), Some((*typed.ty).clone())),
            pat => (pat.clone(), None),
        };
        pattern::refuse(self.errors, &pat);
        if let (Pat::Ident(constant), Origin::Step(_) | Origin::View(_) | Origin::Item(_)) = (&pat, &origin)
            && !pattern::binds(constant)
        {
            self.errors.report(&constant.ident, begins_like_a_constant(&constant.ident));
        }
        let ident = pattern::plain_name(&pat).cloned();
        let names = pattern::bound_names(&pat);
        let binding = self.binding(Binding { origin, pat: Some(pat), ty, ident });
        for name in names {
            self.names.bind(self.errors, &name, Meaning::Binding(binding), lints);
        }
        binding
    }

    /// The statements of a region and its value.
    pub(super) fn block(&mut self, statements: &[Stmt], region: RegionIx) {
        self.names.enter(statements);
        let count = statements.len();
        for (index, statement) in statements.iter().enumerate() {
            match statement {
                Stmt::Local(local) => self.local(local, region),
                Stmt::Expr(expr, None) if index + 1 == count => self.tail(expr, region),
                Stmt::Expr(expr, _) => self.statement(expr, region),
                Stmt::Item(item) => self.errors.report(
                    item,
                    "an item has no place in the body of a workflow\nhelp: declare it outside of `workflow!`",
                ),
                Stmt::Macro(mac) => {
                    self.errors
                        .report(&mac.mac.path, "a macro has no place in a workflow\nhelp: call it inside a node");
                }
            }
        }
        self.names.leave();
    }

    fn local(&mut self, local: &Local, region: RegionIx) {
        // They may stand before the `let` or before the call.
        let mut attrs = local.attrs.clone();
        if let Some(init) = &local.init {
            attrs.extend_from_slice(attributes_of(language::bare(&init.expr)));
        }
        let attrs = attributes::step(self.errors, &attrs);
        let Some(init) = &local.init else {
            self.errors.report(&local.pat, "a `let` without a value\nhelp: write `let name = node(..);`");
            return;
        };
        if let Some((word, _)) = &init.diverge {
            self.errors.report(word, "`let .. else` has no place in a workflow\nhelp: use `match` or `if let`");
        }
        let hint = pattern_hint(&local.pat);
        let origin = match self.step(&init.expr, attrs, hint, region) {
            Ok(step) => Origin::Step(step),
            Err(attrs) => {
                self.refuse_attributes(&attrs, "a plain value");
                Origin::View(self.expression(&init.expr, region))
            }
        };
        self.bind_pattern(&local.pat, origin, &attributes::lints(&local.attrs));
    }

    fn statement(&mut self, expr: &Expr, region: RegionIx) {
        let attrs = attributes::step(self.errors, attributes_of(expr));
        if self.step(expr, attrs, None, region).is_err() {
            self.expression(expr, region);
            if language::refusal(expr).is_none() {
                let help = "call a node, or bind the value with `let`";
                self.errors.report(expr, format!("this statement does nothing\nhelp: {help}"));
            }
        }
    }

    /// The value that a region ends in.
    pub(super) fn tail(&mut self, expr: &Expr, region: RegionIx) {
        let span = ends(expr);
        let attrs = attributes::step(self.errors, attributes_of(expr));
        let tail = match self.step(expr, attrs, None, region) {
            Ok(step) => Tail::Step(step),
            Err(attrs) => {
                self.refuse_attributes(&attrs, "a plain value");
                self.plain_tail(expr, region)
            }
        };
        self.set_tail(region, tail, span);
    }

    fn plain_tail(&mut self, expr: &Expr, region: RegionIx) -> Tail {
        if let Expr::Tuple(tuple) = language::bare(expr)
            && tuple.elems.is_empty()
        {
            return Tail::Unit;
        }
        let Some(name) = language::plain_name(language::bare(expr)) else {
            return Tail::Plain(self.expression(expr, region));
        };
        match self.names.resolve(self.errors, name) {
            Some(Meaning::Binding(binding)) => Tail::Name(binding, name.clone()),
            _ => Tail::Unit,
        }
    }

    fn refuse_attributes(&mut self, attrs: &StepAttributes, what: &str) {
        if let Some(name) = &attrs.first {
            self.errors.report(
                name,
                format!("`#[{name}]` needs a step, and this is {what}\nhelp: remove it, or call a node here"),
            );
        }
    }

    /// The step that an expression is, if it is one as a whole; else its attributes back.
    fn step(
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
        self.refuse_reserved(&path.path);
        if path.path.is_ident(self.workflow) {
            let help = "fan out with `for`, or loop inside a node";
            self.errors.report(path, format!("`{}` runs itself, and so without end\nhelp: {help}", self.workflow));
        }
        let args = call.args.iter().map(|arg| self.expression(arg, region)).collect();
        let named = name.or_else(|| path.path.segments.last().map(|segment| &segment.ident));
        let id = id(attrs.id.as_ref(), named);
        let kind = Kind::Call(Call { path: path.path.clone(), paren: call.paren_token, args });
        self.push(
            id,
            kind,
            attrs,
            path.path.segments.first().map_or_else(|| path.span(), |first| first.ident.span()),
            region,
        )
    }

    /// The names of the language itself, which are not available yet, and those of the standard library.
    fn refuse_reserved(&mut self, path: &Path) {
        let mut segments = path.segments.iter();
        let is_std =
            |first: &str| first == "std" || (path.leading_colon.is_some() && ["core", "alloc"].contains(&first));
        if path.segments.len() > 1 && path.segments.first().is_some_and(|first| is_std(&first.ident.to_string())) {
            let help = "call it inside a node; methods can be called here, as in `a.max(b)`";
            self.errors.report(path, format!("`{}` is no node\nhelp: {help}", text(path)));
            return;
        }
        let (Some(only), None) = (segments.next(), segments.next()) else { return };
        let what = match only.ident.to_string().as_str() {
            "sleep" | "sleep_until" => "durable timers are",
            "wait_for" => "durable signals are",
            _ => return,
        };
        let ident = &only.ident;
        let help = format!("remove it; a node of your own cannot be called `{ident}` here, but `module::{ident}` can");
        self.errors.report(ident, format!("`{ident}`: {what} not available yet\nhelp: {help}"));
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
        let StepAttributes { catch, with, .. } = attrs;
        let with = self.with(with, &kind);
        self.steps.push(Step { id, region, kind, after, catch, with, span, local: 0 });
        if let Some(region) = self.regions.get_mut(region) {
            region.steps.push(step);
        }
        step
    }

    /// What `#[with(..)]` says. A branch does nothing that could be retried or limited.
    fn with(&mut self, with: Option<(Ident, TokenStream)>, kind: &Kind) -> Options {
        let Some((name, options)) = with else { return Options::default() };
        let place = match kind {
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

    /// Lets the value of a step move on where the region's tail is the only one to use it.
    fn release_tails(&mut self) {
        for index in 0..self.regions.len() {
            let Some(Region { tail: Tail::Name(binding, _), .. }) = self.regions.get(index) else { continue };
            let Some(Binding { origin: Origin::Step(step), ident: Some(_), ty: None, .. }) =
                self.bindings.get(*binding)
            else {
                continue;
            };
            let here = self.steps.get(*step).is_some_and(|step| step.region == index);
            if here && self.names.uses(*binding) == 1 {
                let tail = Tail::Step(*step);
                if let Some(region) = self.regions.get_mut(index) {
                    region.tail = tail;
                }
            }
        }
    }

    /// A plain expression, with the calls of nodes in it made steps of their own.
    pub(super) fn expression(&mut self, expr: &Expr, region: RegionIx) -> Expression {
        super::expression::resolve(self, expr, region)
    }
}

/// The name that a `let` gives to its step.
fn pattern_hint(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Type(typed) => pattern_hint(&typed.pat),
        pat => pattern::plain_name(pat),
    }
}

pub(super) fn id(given: Option<&LitStr>, named: Option<&Ident>) -> Option<Id> {
    match given {
        Some(text) => Some(Id { text: text.value(), span: text.span() }),
        None => named.map(|name| Id { text: key(name), span: name.span() }),
    }
}

/// The attributes before an expression.
pub(super) fn attributes_of(expr: &Expr) -> &[Attribute] {
    match expr {
        Expr::Call(expr) => &expr.attrs,
        Expr::Match(expr) => &expr.attrs,
        Expr::If(expr) => &expr.attrs,
        Expr::ForLoop(expr) => &expr.attrs,
        Expr::Path(expr) => &expr.attrs,
        Expr::Field(expr) => &expr.attrs,
        Expr::MethodCall(expr) => &expr.attrs,
        Expr::Struct(expr) => &expr.attrs,
        Expr::Lit(expr) => &expr.attrs,
        Expr::Tuple(expr) => &expr.attrs,
        Expr::Paren(expr) => &expr.attrs,
        _ => &[],
    }
}

/// The first and the last token of something long.
pub(crate) fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut first = None;
    let mut last = Span::call_site();
    for token in tokens.to_token_stream() {
        last = token.span();
        first.get_or_insert(last);
    }
    (first.unwrap_or(last), last)
}
