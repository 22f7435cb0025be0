//! The graph of one workflow: steps in regions, and the names by which expressions use them. Plain data; made by
//! `resolve`, numbered by `order`, judged by `check`, written out by `expand`.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{Attribute, Expr, Ident, Pat, Path, Type, Visibility, token};

use super::migrate::Migration;
use super::names::Unused;
use super::policy::Options;
use super::wait::Wait;
use crate::parse::workflow::Param;

/// The index of a step in [`Model::steps`], in the order in which steps were met.
pub(crate) type StepIx = usize;
/// The index of a region in [`Model::regions`].
pub(crate) type RegionIx = usize;
/// The index of a binding in [`Model::bindings`]; a binding uses only bindings before it.
pub(crate) type BindingIx = usize;

/// One workflow, with all names resolved.
pub(crate) struct Model {
    pub(crate) runtime: Option<Path>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) version: u32,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Option<Type>,
    pub(crate) steps: Vec<Step>,
    /// The first is the workflow itself.
    pub(crate) regions: Vec<Region>,
    pub(crate) bindings: Vec<Binding>,
    /// Names that are bound and never used.
    pub(crate) unused: Vec<Unused>,
    /// Plain values that are bound and never used.
    pub(crate) unused_views: Vec<BindingIx>,
    /// The regions in the order of the plan.
    pub(crate) region_order: Vec<RegionIx>,
    /// The steps in the order of the plan.
    pub(crate) step_order: Vec<StepIx>,
}

/// One use of a node, one branch, or one fan-out.
pub(crate) struct Step {
    /// The stored id, and where it comes from. `None`: it has none and needs one.
    pub(crate) id: Option<Id>,
    pub(crate) region: RegionIx,
    pub(crate) kind: Kind,
    pub(crate) after: Vec<StepIx>,
    pub(crate) catch: Option<Ident>,
    /// What `#[with(..)]` overrides.
    pub(crate) with: Options,
    /// What undoes the step, where `#[with(..)]` says so.
    pub(crate) undo: Option<UndoCall>,
    /// How its outputs of older versions become those of this one.
    pub(crate) migrations: Vec<Migration>,
    /// Where the step is written.
    pub(crate) span: Span,
    /// The index in the plan.
    pub(crate) local: u32,
}

/// A step's id with the token that gives it.
pub(crate) struct Id {
    pub(crate) text: String,
    pub(crate) span: Span,
}

pub(crate) enum Kind {
    Call(Call),
    Branch(Branch),
    Each(Each),
}

/// A call of a node.
pub(crate) struct Call {
    pub(crate) path: Path,
    pub(crate) paren: token::Paren,
    pub(crate) args: Vec<Expression>,
    /// What it waits for, if it has no body that gives its output.
    pub(crate) wait: Option<Wait>,
}

/// A call of the node that undoes a step.
pub(crate) struct UndoCall {
    pub(crate) path: Path,
    /// Where the arguments stand.
    pub(crate) span: Span,
    pub(crate) args: Vec<UndoArg>,
}

/// What a node that undoes is given.
pub(crate) enum UndoArg {
    /// The output of the step.
    Output(Span),
    /// A value of the workflow.
    Value(Expression),
}

/// A `match` or an `if` with steps in its arms.
pub(crate) struct Branch {
    pub(crate) head: Head,
    /// One region for each arm.
    pub(crate) arms: Vec<RegionIx>,
}

/// How a branch chooses its arm.
pub(crate) enum Head {
    Match {
        keyword: token::Match,
        brace: token::Brace,
        scrutinee: Expression,
        arms: Vec<ArmHead>,
    },
    /// One list of conditions for each arm, all of which must hold; the last one's is empty.
    If {
        arms: Vec<Vec<Condition>>,
    },
}

/// What stands before the arrow of an arm.
pub(crate) struct ArmHead {
    pub(crate) pat: Pat,
    pub(crate) guard: Option<Expression>,
    /// The first and the last token of the arm's body.
    pub(crate) body: (Span, Span),
}

pub(crate) enum Condition {
    Holds(Expression),
    Matches { pat: Box<Pat>, value: Expression },
}

/// A `for` over items.
pub(crate) struct Each {
    pub(crate) items: Expression,
    pub(crate) body: RegionIx,
}

/// A plain Rust expression with the bindings it uses. Calls of nodes in it have become names of their own.
#[derive(Clone)]
pub(crate) struct Expression {
    pub(crate) expr: Box<Expr>,
    pub(crate) uses: BTreeSet<BindingIx>,
    /// The names in it that are bound by reference, here or by a pattern inside the expression.
    pub(crate) names: BTreeSet<String>,
    /// Those of the names that stand for expressions, whose types may be references.
    pub(crate) views: BTreeSet<String>,
}

/// The workflow itself, an arm, or the body of a `for`.
pub(crate) struct Region {
    pub(crate) parent: Option<StepIx>,
    pub(crate) label: String,
    pub(crate) steps: Vec<StepIx>,
    pub(crate) tail: Tail,
    /// The first and the last token of the region's value, for messages about its type.
    pub(crate) tail_span: (Span, Span),
    /// The index in the plan.
    pub(crate) number: u32,
    /// How many `for` bodies stand around and at this region.
    pub(crate) depth: usize,
}

/// What a region ends in.
pub(crate) enum Tail {
    /// Nothing, which is `()`.
    Unit,
    /// A step that has no name, or that nobody else uses: its value moves on.
    Step(StepIx),
    /// A name alone.
    Name(BindingIx, Ident),
    Plain(Expression),
}

/// Names that become known together: those of one pattern.
pub(crate) struct Binding {
    pub(crate) origin: Origin,
    /// `None` for the value of a nested call, which goes by [`Binding::ident`].
    pub(crate) pat: Option<Pat>,
    /// The type that a `let` states.
    pub(crate) ty: Option<Type>,
    /// The one name, where the pattern is a plain name.
    pub(crate) ident: Option<Ident>,
}

/// Where the value of a binding comes from.
pub(crate) enum Origin {
    Param(usize),
    /// The value of a step.
    Step(StepIx),
    /// Plain Rust, evaluated again wherever it is used.
    View(Expression),
    /// The pattern of an arm, or of one of the conditions of an `if`.
    Arm {
        branch: StepIx,
        arm: usize,
        condition: usize,
    },
    /// The item of a `for`.
    Item(StepIx),
}

impl Model {
    #[expect(clippy::indexing_slicing, reason = "such an index is made only with its entry")]
    pub(crate) fn step(&self, step: StepIx) -> &Step {
        &self.steps[step]
    }

    #[expect(clippy::indexing_slicing, reason = "such an index is made only with its entry")]
    pub(crate) fn region(&self, region: RegionIx) -> &Region {
        &self.regions[region]
    }

    #[expect(clippy::indexing_slicing, reason = "such an index is made only with its entry")]
    pub(crate) fn binding(&self, binding: BindingIx) -> &Binding {
        &self.bindings[binding]
    }

    /// The steps whose values a binding stands for.
    pub(crate) fn steps_behind(&self, binding: BindingIx, into: &mut BTreeSet<u32>) {
        match &self.binding(binding).origin {
            Origin::Param(_) => {}
            Origin::Step(step) => {
                into.insert(self.step(*step).local);
            }
            Origin::View(view) => self.steps_used(view, into),
            Origin::Arm { branch, arm, condition } => {
                if let Some((_, value)) = self.matched(*branch, *arm, *condition) {
                    self.steps_used(value, into);
                }
            }
            Origin::Item(each) => self.steps_of_head(*each, into),
        }
    }

    /// The steps whose values an expression uses.
    pub(crate) fn steps_used(&self, expression: &Expression, into: &mut BTreeSet<u32>) {
        for binding in &expression.uses {
            self.steps_behind(*binding, into);
        }
    }

    /// Whether the output's type borrows, so that no code can name it.
    pub(crate) fn borrows(&self) -> bool {
        self.output.as_ref().is_some_and(|output| borrow(output).is_some())
    }

    /// The pattern of an arm, or of one condition of an `if`, and what it is matched with.
    pub(crate) fn matched(&self, branch: StepIx, arm: usize, condition: usize) -> Option<(&Pat, &Expression)> {
        let Kind::Branch(branch) = &self.step(branch).kind else { return None };
        match &branch.head {
            Head::Match { scrutinee, arms, .. } => arms.get(arm).map(|arm| (&arm.pat, scrutinee)),
            Head::If { arms } => match arms.get(arm)?.get(condition)? {
                Condition::Matches { pat, value } => Some((&**pat, value)),
                Condition::Holds(_) => None,
            },
        }
    }

    fn steps_of_head(&self, step: StepIx, into: &mut BTreeSet<u32>) {
        for expression in self.step(step).kind.expressions() {
            self.steps_used(expression, into);
        }
    }

    /// The steps whose values this step's arguments or head use, or those of what undoes it.
    pub(crate) fn inputs(&self, step: StepIx) -> BTreeSet<u32> {
        let mut inputs = BTreeSet::new();
        self.steps_of_head(step, &mut inputs);
        for value in self.step(step).undo.iter().flat_map(UndoCall::values) {
            self.steps_used(value, &mut inputs);
        }
        inputs
    }

    /// The steps whose values the region's own value uses.
    pub(crate) fn tail_inputs(&self, region: RegionIx) -> BTreeSet<u32> {
        let mut inputs = BTreeSet::new();
        match &self.region(region).tail {
            Tail::Unit => {}
            Tail::Step(step) => {
                inputs.insert(self.step(*step).local);
            }
            Tail::Name(binding, _) => self.steps_behind(*binding, &mut inputs),
            Tail::Plain(expression) => self.steps_used(expression, &mut inputs),
        }
        inputs
    }

    /// The step that is the region's value as it is.
    pub(crate) fn tail_step(&self, region: RegionIx) -> Option<StepIx> {
        match &self.region(region).tail {
            Tail::Step(step) => Some(*step),
            Tail::Name(binding, _) => match self.binding(*binding) {
                Binding { origin: Origin::Step(step), ident: Some(_), .. } => Some(*step),
                _ => None,
            },
            _ => None,
        }
    }
}

impl UndoCall {
    /// The values of the workflow that it is given.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Expression> {
        self.args.iter().filter_map(|arg| match arg {
            UndoArg::Value(value) => Some(value),
            UndoArg::Output(_) => None,
        })
    }
}

impl Kind {
    /// The arguments of a call, or what the head of a branch or a fan-out consists of.
    pub(crate) fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Call(call) => call.args.iter().collect(),
            Self::Each(each) => vec![&each.items],
            Self::Branch(Branch { head: Head::Match { scrutinee, arms, .. }, .. }) => {
                std::iter::once(scrutinee).chain(arms.iter().filter_map(|arm| arm.guard.as_ref())).collect()
            }
            Self::Branch(Branch { head: Head::If { arms }, .. }) => arms
                .iter()
                .flatten()
                .map(|condition| match condition {
                    Condition::Holds(value) | Condition::Matches { value, .. } => value,
                })
                .collect(),
        }
    }
}

/// What a type has in it that no stored value can have.
pub(crate) enum Borrow {
    Reference(token::And),
    Unnamed(token::Impl),
}

/// The first borrow, or type without a name, in a type.
pub(crate) fn borrow(ty: &Type) -> Option<Borrow> {
    struct Search(Option<Borrow>);
    impl<'ast> Visit<'ast> for Search {
        fn visit_type(&mut self, ty: &'ast Type) {
            match ty {
                Type::Reference(ty) => self.0 = self.0.take().or(Some(Borrow::Reference(ty.and_token))),
                Type::ImplTrait(ty) => self.0 = self.0.take().or(Some(Borrow::Unnamed(ty.impl_token))),
                Type::FnPtr(_) => {}
                ty => syn::visit::visit_type(self, ty),
            }
        }
    }
    let mut search = Search(None);
    search.visit_type(ty);
    search.0
}
