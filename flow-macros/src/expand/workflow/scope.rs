//! The lines at the head of a generated function that make its names known. In: the bindings an expression uses.
//! Out: one `let` for each, and for what it rests on, in the order of the source; each borrows from the tree.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Pat;
use syn::token;

use super::layout::Layout;
use super::rewrite::{self, Matched};
use super::value;
use crate::model::resolve::ends;
use crate::model::workflow::{BindingIx, Expression, Head, Kind, Model, Origin, RegionIx, Step, StepIx};
use crate::parse::language::is_place;

/// What is known at a place in generated code, and the lines that made it so.
#[derive(Clone)]
pub(super) struct Scope<'l, 'm> {
    pub(super) layout: &'l Layout<'m>,
    bound: BTreeSet<BindingIx>,
    reached: BTreeSet<RegionIx>,
    lines: TokenStream,
}

impl<'l, 'm> Scope<'l, 'm> {
    /// A function that takes `tree` and `items`.
    pub(super) fn new(layout: &'l Layout<'m>) -> Self {
        Self { layout, bound: BTreeSet::new(), reached: BTreeSet::new(), lines: TokenStream::new() }
    }

    pub(super) fn model(&self) -> &'m Model {
        self.layout.model
    }

    /// A block inside, which knows all that is known here.
    pub(super) fn inside(&self) -> Self {
        Self { lines: TokenStream::new(), ..self.clone() }
    }

    /// A block inside in which these names are bound by something else.
    pub(super) fn without(mut self, bindings: impl IntoIterator<Item = BindingIx>) -> Self {
        self.bound.extend(bindings);
        self
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> &TokenStream {
        &self.lines
    }

    /// Says that the variable of a region is known by other means.
    pub(super) fn has_reached(&mut self, region: RegionIx) {
        self.reached.insert(region);
    }

    /// The place of a region: that of the workflow itself, or the variable of one inside.
    pub(super) fn reach(&mut self, region: RegionIx) -> TokenStream {
        let layout = self.layout;
        let Some(step) = layout.model.region(region).parent else {
            let tree = Layout::local("tree");
            return quote!(#tree.root);
        };
        let name = layout.region_name(region);
        if !self.reached.insert(region) {
            return name.into_token_stream();
        }
        let Step { region: around, kind, .. } = layout.model.step(step);
        let (around, field) = (self.reach(*around), layout.region_field(region));
        let line = if let Kind::Each(_) = kind {
            let (items, depth) = (Layout::local("items"), layout.model.region(region).depth - 1);
            quote!(let #name = (&#around.#field).item(#items, #depth);)
        } else {
            quote!(let #name = (&#around.#field).entered();)
        };
        self.lines.extend(line);
        name.into_token_stream()
    }

    /// Makes known what an expression uses.
    pub(super) fn bind(&mut self, expression: &Expression) {
        for binding in &expression.uses {
            self.bind_one(*binding);
        }
    }

    /// Makes the names of a binding known.
    pub(super) fn bind_one(&mut self, index: BindingIx) {
        if !self.bound.insert(index) {
            return;
        }
        let binding = self.model().binding(index);
        let ty = binding.ty.as_ref().map(|ty| quote!(: &#ty));
        let name = match (&binding.pat, &binding.ident) {
            (Some(pat), _) => parenthesized(pat).into_token_stream(),
            (None, Some(ident)) => ident.into_token_stream(),
            (None, None) => return,
        };
        let line = match &binding.origin {
            Origin::Param(param) => {
                let (tree, place) = (Layout::local("tree"), super::input::place(self.model().params.len(), *param));
                quote!(let #name = &#tree.input #place;)
            }
            Origin::Step(step) => {
                let value = value::lent(self, *step);
                quote!(let #name #ty = #value;)
            }
            Origin::View(view) => {
                self.bind(view);
                let value = rewrite::referenced(view);
                quote!(let #name #ty = #value;)
            }
            Origin::Arm { branch, arm, condition } => self.arm(*branch, *arm, *condition),
            Origin::Item(each) => self.item(*each, &name, ty.as_ref()),
        };
        self.lines.extend(line);
    }

    /// The pattern of an arm, matched again with what it matched when the arm was taken.
    fn arm(&mut self, branch: StepIx, arm: usize, condition: usize) -> TokenStream {
        let model = self.model();
        let Some((pat, scrutinee)) = model.matched(branch, arm, condition) else { return TokenStream::new() };
        self.bind(scrutinee);
        let head = matched(&model.step(branch).kind, pat, scrutinee);
        let mut pat = parenthesized(pat);
        head.by_reference(&mut pat);
        let (value, rt) = (head.scrutinee(&scrutinee.expr, scrutinee), &self.layout.rt);
        quote!(let #pat = #value else { #rt::no_match() };)
    }

    fn item(&mut self, each: StepIx, name: &TokenStream, ty: Option<&TokenStream>) -> TokenStream {
        let Kind::Each(each) = &self.model().step(each).kind else { return TokenStream::new() };
        self.bind(&each.items);
        let (rt, list, items) = (&self.layout.rt, rewrite::reference(&each.items), Layout::local("items"));
        let (variable, depth) = (Layout::local("list"), self.model().region(each.body).depth - 1);
        let list_ty = list_type(&each.items);
        quote!(let #variable: #list_ty = #list; let #name #ty = #rt::item(#variable, #items, #depth);)
    }

    /// Whether what these bindings borrow from lives in the tree, and not in the function that binds them.
    pub(super) fn is_lasting(&self, uses: &BTreeSet<BindingIx>) -> bool {
        uses.iter().all(|binding| {
            let model = self.model();
            let lasting = |expression: &Expression| is_place(&expression.expr) && self.is_lasting(&expression.uses);
            match &model.binding(*binding).origin {
                Origin::Param(_) => true,
                Origin::Step(step) => {
                    matches!(model.step(*step).kind, Kind::Call(_)) || self.layout.step_type(*step).is_some()
                }
                Origin::View(_) => false,
                Origin::Arm { branch, arm, condition } => {
                    model.matched(*branch, *arm, *condition).is_some_and(|(_, value)| lasting(value))
                }
                Origin::Item(each) => model.step(*each).kind.expressions().into_iter().all(lasting),
            }
        })
    }
}

/// How what stands at the head of a branch is matched: all arms of a `match` in the same way.
pub(super) fn matched(kind: &Kind, pat: &Pat, value: &Expression) -> Matched {
    let pats: Vec<&Pat> = match kind {
        Kind::Branch(branch) => match &branch.head {
            Head::Match { arms, .. } => arms.iter().map(|arm| &arm.pat).collect(),
            Head::If { .. } => vec![pat],
        },
        _ => vec![pat],
    };
    Matched::new(&value.expr, &pats, &value.views)
}

/// A pattern as `let` takes it.
pub(super) fn parenthesized(pat: &Pat) -> Pat {
    match pat {
        Pat::Or(_) => Pat::Paren(syn::PatParen {
            attrs: vec![],
            paren_token: token::Paren::default(),
            pat: Box::new(pat.clone()),
        }),
        pat => pat.clone(),
    }
}

/// The type of a fan-out's list, at the place of the list.
pub(super) fn list_type(items: &Expression) -> TokenStream {
    quote_spanned!(ends(&items.expr).0=> &[_])
}
