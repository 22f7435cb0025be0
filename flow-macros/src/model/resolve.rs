//! In: a workflow as written. Out: its graph, with every name resolved. Reports unknown names, shadowing, use before
//! declaration and cycles; goes on after each, so that one compile shows all.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Attribute, Expr, Ident, Local, Pat, Path, Stmt};

use super::names::{Meaning, Names};
use super::pattern;
use super::workflow::{Binding, BindingIx, Expression, Model, Origin, Region, RegionIx, Step, StepIx, Tail};
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
    pub(super) workflow: &'e Ident,
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
        super::expression::resolve(self, expr, None, region)
    }

    /// A plain expression where no step can stand, for this reason.
    pub(super) fn plain_expression(&mut self, expr: &Expr, reason: &'static str, region: RegionIx) -> Expression {
        super::expression::resolve(self, expr, Some(reason), region)
    }
}

/// The name that a `let` gives to its step.
fn pattern_hint(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Type(typed) => pattern_hint(&typed.pat),
        pat => pattern::plain_name(pat),
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
