//! In: an expression as written. Out: plain Rust with its uses. Calls of nodes in it become steps and stand in it
//! under names of their own; what has no place in a workflow is reported where it stands.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span};
use syn::visit_mut::{VisitMut, visit_expr_mut};
use syn::{BinOp, Block, Expr, Pat, Stmt};

use super::names::{Meaning, key};
use super::pattern;
use super::resolve::{Resolver, attributes_of};
use super::workflow::{Binding, BindingIx, Expression, Origin, RegionIx};
use crate::parse::attributes;
use crate::parse::language;

/// Resolves the names of an expression that stands in this region. With a reason, no step can stand in it.
pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    expr: &Expr,
    maybe: Option<&'static str>,
    region: RegionIx,
) -> Expression {
    let (uses, names, views) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut expression = Expression { expr: Box::new(expr.clone()), uses, names, views };
    let mut expr = expr.clone();
    let mut walk = Walk { resolver, region, out: &mut expression, maybe };
    walk.visit_expr_mut(&mut expr);
    *expression.expr = expr;
    expression
}

struct Walk<'w, 'e> {
    resolver: &'w mut Resolver<'e>,
    region: RegionIx,
    out: &'w mut Expression,
    /// Why what is being read may not be evaluated at all, so that no step can stand there.
    maybe: Option<&'static str>,
}

impl VisitMut for Walk<'_, '_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Some((at, message)) = language::refusal(expr) {
            self.resolver.errors.report(at, message);
            if let Expr::Let(matched) = expr {
                // What it binds is not missing where it is used.
                self.locals(&matched.pat);
            }
            return;
        }
        match expr {
            Expr::Path(_) => self.name(expr),
            Expr::Call(call) if language::node_path(call).is_some() => self.nested(expr),
            Expr::Call(call) => {
                if !matches!(&*call.func, Expr::Path(_)) {
                    self.visit_expr_mut(&mut call.func);
                }
                call.args.iter_mut().for_each(|arg| self.visit_expr_mut(arg));
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                self.visit_expr_mut(&mut binary.left);
                let reason = if matches!(binary.op, BinOp::And(_)) { "behind `&&`" } else { "behind `||`" };
                self.maybe(reason, |walk| walk.visit_expr_mut(&mut binary.right));
            }
            Expr::Match(_) | Expr::If(_) if language::is_branch(expr) => self.misplaced_branch(expr),
            Expr::Match(matched) => {
                self.visit_expr_mut(&mut matched.expr);
                for arm in &mut matched.arms {
                    self.resolver.names.enter(&[]);
                    let pat = match &mut arm.pat {
                        Pat::Guard(guarded) => {
                            self.locals(&guarded.pat);
                            self.maybe("in a guard", |walk| walk.visit_expr_mut(&mut guarded.guard));
                            None
                        }
                        pat => Some(&*pat),
                    };
                    pat.into_iter().for_each(|pat| self.locals(pat));
                    self.arm(&mut arm.body);
                    self.resolver.names.leave();
                }
            }
            Expr::If(branch) => {
                self.resolver.names.enter(&[]);
                self.condition(&mut branch.cond);
                self.block(&mut branch.then_branch);
                self.resolver.names.leave();
                if let Some((_, rest)) = &mut branch.else_branch {
                    self.arm(rest);
                }
            }
            Expr::ForLoop(each) => self.resolver.errors.report(
                each.for_token,
                "a fan-out needs a statement of its own\nhelp: write `let ys = for x in xs { .. };` before, and use `ys` here",
            ),
            Expr::Struct(literal) => {
                for field in &mut literal.fields {
                    self.visit_expr_mut(&mut field.expr);
                }
                literal.rest.iter_mut().for_each(|rest| self.visit_expr_mut(rest));
            }
            expr => visit_expr_mut(self, expr),
        }
    }

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_pat_mut(&mut self, _: &mut Pat) {}
}

impl Walk<'_, '_> {
    fn name(&mut self, expr: &Expr) {
        let Some(ident) = language::plain_name(expr) else { return };
        if let Some(meaning) = self.resolver.names.resolve(self.resolver.errors, ident) {
            self.out.names.insert(key(ident));
            if let Meaning::Binding(binding) = meaning {
                self.out.uses.insert(binding);
                if let Some(Binding { origin: Origin::View(_), .. }) = self.resolver.bindings.get(binding) {
                    self.out.views.insert(key(ident));
                }
            }
        }
    }

    /// Makes a nested call a step, and puts a name in its place.
    fn nested(&mut self, expr: &mut Expr) {
        let Expr::Call(call) = &*expr else { return };
        let Some(path) = language::node_path(call) else { return };
        if let Some(reason) = self.maybe {
            let help = "run it before, with `let`, or make this a branch with `if`";
            self.resolver.errors.report(path, format!("a step cannot stand {reason}\nhelp: {help}"));
            return;
        }
        let attrs = attributes::step(self.resolver.errors, attributes_of(expr));
        let (first, last) = super::resolve::ends(expr);
        let step = self.resolver.call(call, path, attrs, None, self.region);
        let ident = Ident::new(&format!("__step_{step}"), last);
        let binding = Binding { origin: Origin::Step(step), pat: None, ty: None, ident: Some(ident.clone()) };
        let binding: BindingIx = self.resolver.binding(binding);
        self.out.uses.insert(binding);
        self.out.names.insert(key(&ident));
        *expr = named(ident, first);
    }

    fn maybe(&mut self, reason: &'static str, visit: impl FnOnce(&mut Self)) {
        let around = self.maybe.replace(self.maybe.unwrap_or(reason));
        visit(self);
        self.maybe = around;
    }

    fn misplaced_branch(&mut self, expr: &Expr) {
        let help = "bind it with `let` before, and use the name here";
        match expr {
            Expr::Match(expr) => {
                self.resolver.errors.report(
                    expr.match_token,
                    format!("a branch with steps needs a statement of its own\nhelp: {help}"),
                );
            }
            Expr::If(expr) => {
                self.resolver
                    .errors
                    .report(expr.if_token, format!("a branch with steps needs a statement of its own\nhelp: {help}"));
            }
            _ => {}
        }
    }

    /// Binds the names of a pattern inside the expression.
    fn locals(&mut self, pat: &Pat) {
        pattern::refuse(self.resolver.errors, pat);
        for name in pattern::bound_names(pat) {
            self.resolver.names.bind(self.resolver.errors, &name, Meaning::Local, &[]);
            self.out.names.insert(key(&name));
        }
    }

    /// The condition of a plain `if`, whose `let`s bind names for what follows.
    fn condition(&mut self, condition: &mut Expr) {
        match condition {
            Expr::Let(matched) => {
                self.visit_expr_mut(&mut matched.expr);
                self.locals(&matched.pat);
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
                self.condition(&mut binary.left);
                self.maybe("behind `&&`", |walk| walk.condition(&mut binary.right));
            }
            condition => self.visit_expr_mut(condition),
        }
    }

    /// The value of a plain arm, which may be a block.
    fn arm(&mut self, body: &mut Expr) {
        match body {
            Expr::Block(body) if body.label.is_none() => self.block(&mut body.block),
            body => self.visit_expr_mut(body),
        }
    }

    fn block(&mut self, block: &mut Block) {
        self.resolver.names.enter(&block.stmts);
        for statement in &mut block.stmts {
            match statement {
                Stmt::Local(local) => {
                    if let Some(init) = &mut local.init {
                        if let Some((word, _)) = &init.diverge {
                            self.resolver.errors.report(
                                word,
                                "`let .. else` has no place in a workflow\nhelp: use `match` or `if let`",
                            );
                        }
                        self.visit_expr_mut(&mut init.expr);
                    }
                    self.locals(&local.pat);
                }
                Stmt::Expr(expr, _) => self.visit_expr_mut(expr),
                Stmt::Item(item) => self.resolver.errors.report(
                    item,
                    "an item has no place in the body of a workflow\nhelp: declare it outside of `workflow!`",
                ),
                Stmt::Macro(mac) => self
                    .resolver
                    .errors
                    .report(&mac.mac.path, "a macro has no place in a workflow\nhelp: call it inside a node"),
            }
        }
        self.resolver.names.leave();
    }
}

/// A name that stands for a nested call. The reference in front carries the call's first token, so that a message
/// about its type covers the whole call.
fn named(ident: Ident, first: Span) -> Expr {
    let path = Expr::Path(syn::ExprPath { attrs: vec![], qself: None, path: ident.into() });
    Expr::Group(syn::ExprGroup { attrs: vec![], group_token: syn::token::Group { span: first }, expr: Box::new(path) })
}
