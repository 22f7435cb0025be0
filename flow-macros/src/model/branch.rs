//! `match` and `if` with steps in their arms: one region for each arm.

use quote::ToTokens;
use syn::{BinOp, Expr, ExprIf, ExprMatch, Ident, LitStr, Pat, Stmt};

use super::resolve::{Resolver, ends};
use super::step::id;
use super::text::text;
use super::workflow::{ArmHead, Binding, Branch, Condition, Head, Kind, Origin, RegionIx, Step, StepIx, Tail};
use crate::parse::attributes::{self, StepAttributes};

/// The arms of an `if`, in order: what must hold, and what runs then.
type IfArms<'a> = Vec<(Option<&'a Expr>, &'a [Stmt], &'a dyn ToTokens)>;

impl Resolver<'_> {
    /// A `match` or an `if` whose arms have steps.
    pub(super) fn branch(
        &mut self,
        expr: &Expr,
        attrs: StepAttributes,
        name: Option<&Ident>,
        region: RegionIx,
    ) -> StepIx {
        match expr {
            Expr::Match(expr) => self.match_branch(expr, attrs, name, region),
            Expr::If(expr) => self.if_branch(expr, attrs, name, region),
            _ => unreachable!("only `match` and `if` are branches"),
        }
    }

    fn match_branch(
        &mut self,
        expr: &ExprMatch,
        attrs: StepAttributes,
        name: Option<&Ident>,
        region: RegionIx,
    ) -> StepIx {
        let scrutinee = self.expression(&expr.expr, region);
        let head = Head::Match { keyword: expr.match_token, brace: expr.brace_token, scrutinee, arms: Vec::new() };
        let id = id(attrs.id.as_ref(), name);
        let step = self.push(id, Kind::Branch(Branch { head, arms: Vec::new() }), attrs, expr.match_token.span, region);
        for (index, arm) in expr.arms.iter().enumerate() {
            let (pat, guard) = match &arm.pat {
                Pat::Guard(guarded) => (&*guarded.pat, Some(&*guarded.guard)),
                pat => (pat, None),
            };
            let label = attributes::arm(self.errors, &arm.attrs);
            let body = self.open_arm(step, label.as_ref(), || text(&arm.pat), region);
            self.names.enter(&[]);
            self.bind_pattern(pat, Origin::Arm { branch: step, arm: index, condition: 0 }, &[]);
            let guard = guard.map(|guard| {
                let guard = Condition::Holds(self.expression(guard, region));
                self.refuse_steps(&guard, "in a guard");
                let (Condition::Holds(value) | Condition::Matches { value, .. }) = guard;
                value
            });
            let head = ArmHead { pat: pat.clone(), guard, body: ends(&arm.body) };
            if let Some(Kind::Branch(Branch { head: Head::Match { arms, .. }, .. })) = self.kind(step) {
                arms.push(head);
            }
            self.arm(&arm.body, body);
            self.names.leave();
        }
        step
    }

    fn if_branch(&mut self, expr: &ExprIf, attrs: StepAttributes, name: Option<&Ident>, region: RegionIx) -> StepIx {
        let id = id(attrs.id.as_ref(), name);
        let arms = if_arms(expr);
        let head = Head::If { arms: Vec::new() };
        let step = self.push(id, Kind::Branch(Branch { head, arms: Vec::new() }), attrs, expr.if_token.span, region);
        let mut labels = Vec::new();
        for (index, (condition, statements, tokens)) in arms.into_iter().enumerate() {
            let body = self.open_arm(step, None, || label(index, condition, &mut labels), region);
            self.names.enter(&[]);
            if let Some(Kind::Branch(Branch { head: Head::If { arms }, .. })) = self.kind(step) {
                arms.push(Vec::new());
            }
            if let Some(condition) = condition {
                self.condition(condition, step, index, region);
            }
            if index == 0 {
                self.stand_behind(step, region);
            }
            self.set_tail(body, Tail::Unit, ends(&tokens));
            self.block(statements, body);
            self.names.leave();
        }
        step
    }

    /// One condition after the other of `a && let P = b && c`.
    fn condition(&mut self, condition: &Expr, step: StepIx, arm: usize, region: RegionIx) {
        let first = arm == 0 && matches!(self.kind(step), Some(kind) if kind.expressions().is_empty());
        let condition = match condition {
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) && has_let(condition) => {
                self.condition(&binary.left, step, arm, region);
                return self.condition(&binary.right, step, arm, region);
            }
            Expr::Let(matched) => {
                let value = self.expression(&matched.expr, region);
                Condition::Matches { pat: matched.pat.clone(), value }
            }
            other => Condition::Holds(self.expression(other, region)),
        };
        if !first {
            self.refuse_steps(&condition, "in a later condition");
        }
        let pat = match &condition {
            Condition::Matches { pat, .. } => Some(pat.clone()),
            Condition::Holds(_) => None,
        };
        let mut index = 0;
        if let Some(Kind::Branch(Branch { head: Head::If { arms }, .. })) = self.kind(step)
            && let Some(conditions) = arms.get_mut(arm)
        {
            index = conditions.len();
            conditions.push(condition);
        }
        if let Some(pat) = pat {
            self.bind_pattern(&pat, Origin::Arm { branch: step, arm, condition: index }, &[]);
        }
    }

    /// Only the first condition is evaluated whatever happens, so no other can call a node.
    fn refuse_steps(&mut self, condition: &Condition, place: &str) {
        let (Condition::Holds(value) | Condition::Matches { value, .. }) = condition;
        for binding in &value.uses {
            if let Some(Binding { origin: Origin::Step(step), pat: None, .. }) = self.bindings.get(*binding)
                && let Some(Step { kind: Kind::Call(call), .. }) = self.steps.get(*step)
            {
                let help = "run it before, with `let`";
                self.errors.report(&call.path, format!("a step cannot stand {place}\nhelp: {help}"));
            }
        }
    }

    /// Puts a branch behind the steps that its first condition calls.
    fn stand_behind(&mut self, step: StepIx, region: RegionIx) {
        if let Some(region) = self.regions.get_mut(region) {
            region.steps.retain(|other| *other != step);
            region.steps.push(step);
        }
    }

    fn kind(&mut self, step: StepIx) -> Option<&mut Kind> {
        self.steps.get_mut(step).map(|step| &mut step.kind)
    }

    fn open_arm(
        &mut self,
        step: StepIx,
        given: Option<&LitStr>,
        text: impl FnOnce() -> String,
        around: RegionIx,
    ) -> RegionIx {
        let label = given.map_or_else(text, LitStr::value);
        let region = self.open(Some(step), label, self.depth(around));
        if let Some(Kind::Branch(branch)) = self.kind(step) {
            branch.arms.push(region);
        }
        region
    }

    /// What runs in an arm: a block, or one value.
    fn arm(&mut self, body: &Expr, region: RegionIx) {
        match body {
            Expr::Block(body) if body.label.is_none() => {
                self.set_tail(region, Tail::Unit, ends(body));
                self.block(&body.block.stmts, region);
            }
            body => self.tail(body, region),
        }
    }
}

/// The arms of an `if` with all its `else if`s. An `else` that is missing is an empty arm.
fn if_arms(expr: &ExprIf) -> IfArms<'_> {
    let mut arms: IfArms<'_> = vec![(Some(&expr.cond), &expr.then_branch.stmts, &expr.then_branch)];
    let mut rest = &expr.else_branch;
    while let Some((_, next)) = rest {
        match &**next {
            Expr::If(next) => {
                arms.push((Some(&next.cond), &next.then_branch.stmts, &next.then_branch));
                rest = &next.else_branch;
            }
            Expr::Block(block) => {
                arms.push((None, &block.block.stmts, &block.block));
                return arms;
            }
            _ => break,
        }
    }
    arms.push((None, &[], &expr.if_token));
    arms
}

/// The label of an arm of an `if`. No `#[id]` can stand before an `else if`, so those that are alike are counted.
fn label(index: usize, condition: Option<&Expr>, before: &mut Vec<String>) -> String {
    let label = match (index, condition) {
        (_, None) => "else".to_owned(),
        (_, Some(Expr::Let(matched))) => text(&matched.pat),
        (0, _) => "then".to_owned(),
        (_, _) => "else if".to_owned(),
    };
    let count = before.iter().filter(|other| **other == label).count() + 1;
    before.push(label.clone());
    if count == 1 { label } else { format!("{label} {count}") }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}
