//! Which types the tree of a workflow has, and which values move. In: a checked model. Out: answers; no code of its
//! own. A value is *moved* where it is owned by what it goes to: the workflow's output, a fan-out's `Vec`, the
//! `Result` of a caught branch; all others stay in their slots and are borrowed.

use std::cell::RefCell;
use std::collections::HashMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use crate::model::workflow::{Binding, Branch, Call, Kind, Model, Origin, RegionIx, StepIx, Tail, UndoCall};

/// A model, and what follows from it for types.
pub(super) struct Layout<'m> {
    pub(super) model: &'m Model,
    /// What generated code may name. It stands at every step, so it has a name of one token.
    pub(super) rt: Ident,
    types: RefCell<HashMap<StepIx, Option<TokenStream>>>,
}

/// How the value of an arm is lent to those who use the branch.
pub(super) enum Lent {
    /// From where it is kept anyway.
    InPlace,
    /// From a slot of the arm, filled when the branch is joined.
    Kept,
}

impl<'m> Layout<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self { model, rt: Ident::new("__rt", Span::call_site()), types: RefCell::default() }
    }

    /// A name that no name of the user meets: not a local one, because of its span, and not that of a static.
    pub(super) fn local(text: &str) -> Ident {
        Ident::new(&format!("__{text}"), Span::mixed_site())
    }

    /// The alias of a call's node, at the token that names it.
    pub(super) fn node(&self, step: StepIx, call: &Call) -> Ident {
        let span = call.path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span());
        Ident::new(&format!("__Node{}", self.model.step(step).local), span)
    }

    /// The alias of the node that undoes a step, at the token that names it.
    pub(super) fn undo(&self, step: StepIx, undo: &UndoCall) -> Ident {
        let span = undo.path.segments.last().map_or(undo.span, |segment| segment.ident.span());
        Ident::new(&format!("__Undo{}", self.model.step(step).local), span)
    }

    /// The type of a region's slots.
    pub(super) fn region_type(&self, region: RegionIx) -> Ident {
        format_ident!("__Region{}", self.model.region(region).number)
    }

    /// The variable that holds a region.
    pub(super) fn region_name(&self, region: RegionIx) -> Ident {
        Self::local(&format!("r{}", self.model.region(region).number))
    }

    /// The field of a nested region in the region around it.
    pub(super) fn region_field(&self, region: RegionIx) -> Ident {
        format_ident!("r{}", self.model.region(region).number)
    }

    /// The field of a step's slot.
    pub(super) fn slot_field(&self, step: StepIx) -> Ident {
        format_ident!("s{}", self.model.step(step).local)
    }

    /// The function that lends the value of a branch. It is called where names of the user are bound.
    pub(super) fn lender(&self, step: StepIx) -> Ident {
        Self::local(&format!("value_{}", self.model.step(step).local))
    }

    /// The type of a step's value, if it can be named.
    pub(super) fn step_type(&self, step: StepIx) -> Option<TokenStream> {
        if let Some(known) = self.types.borrow().get(&step) {
            return known.clone();
        }
        let rt = &self.rt;
        let caught = self.model.step(step).catch.is_some();
        let ty = self.plain_type(step).map(|ty| match (&self.model.step(step).kind, caught) {
            (Kind::Each(_), true) => quote!(#rt::Vec<#rt::Result<#ty, #rt::NodeFailure>>),
            (Kind::Each(_), false) => quote!(#rt::Vec<#ty>),
            (_, true) => quote!(#rt::Result<#ty, #rt::NodeFailure>),
            (_, false) => ty,
        });
        self.types.borrow_mut().insert(step, ty.clone());
        ty
    }

    /// The type of a call's output, of what the arms of a branch yield, or of what one item of a fan-out yields.
    pub(super) fn plain_type(&self, step: StepIx) -> Option<TokenStream> {
        let rt = &self.rt;
        match &self.model.step(step).kind {
            Kind::Call(call) => {
                let node = self.node(step, call);
                Some(quote_spanned!(node.span()=> <#node as #rt::Node>::Output))
            }
            Kind::Branch(branch) => self.merged_type(branch),
            Kind::Each(each) => self.value_type(each.body),
        }
    }

    /// The type that the arms of a branch yield: that of the first arm that ends in a call, else of the first whose
    /// type can be named at all.
    fn merged_type(&self, branch: &Branch) -> Option<TokenStream> {
        let ends_in_call = |arm: &&RegionIx| match self.model.region(**arm).tail {
            Tail::Step(step) => matches!(self.model.step(step).kind, Kind::Call(_)),
            _ => false,
        };
        let calls = branch.arms.iter().filter(ends_in_call);
        calls.chain(&branch.arms).find_map(|arm| self.value_type(*arm))
    }

    /// The type of a region's value, if it can be named.
    pub(super) fn value_type(&self, region: RegionIx) -> Option<TokenStream> {
        match &self.model.region(region).tail {
            Tail::Unit => Some(quote!(())),
            Tail::Step(step) => self.step_type(*step),
            Tail::Name(binding, _) => match self.model.binding(*binding) {
                Binding { origin: Origin::Param(index), .. } => self.model.params.get(*index).map(|param| {
                    let ty = &param.ty;
                    quote!(#ty)
                }),
                Binding { origin: Origin::Step(step), ident: Some(_), .. } => self.step_type(*step),
                _ => None,
            },
            Tail::Plain(_) => None,
        }
    }

    /// Whether the region's value is owned by what it goes to.
    pub(super) fn is_moved(&self, region: RegionIx) -> bool {
        let Some(step) = self.model.region(region).parent else { return true };
        match &self.model.step(step).kind {
            Kind::Branch(branch) => match self.model.step(step).catch {
                Some(_) => self.merged_type(branch).is_some(),
                None => self.step_is_moved(step),
            },
            _ => true,
        }
    }

    /// Whether the step's value is owned by what it goes to.
    pub(super) fn step_is_moved(&self, step: StepIx) -> bool {
        let region = self.model.step(step).region;
        matches!(self.model.region(region).tail, Tail::Step(tail) if tail == step) && self.is_moved(region)
    }

    /// Whether a branch's value is borrowed through a function of its own.
    pub(super) fn is_lent(&self, step: StepIx) -> bool {
        let plain = self.model.step(step).catch.is_none() && !self.step_is_moved(step);
        plain && matches!(self.model.step(step).kind, Kind::Branch(_)) && self.step_type(step).is_some()
    }

    /// How the value of an arm is lent, where its branch's value is.
    pub(super) fn lent(&self, arm: RegionIx) -> Lent {
        match &self.model.region(arm).tail {
            Tail::Unit => Lent::InPlace,
            Tail::Step(_) | Tail::Name(..) if self.value_type(arm).is_some() => Lent::InPlace,
            _ => Lent::Kept,
        }
    }

    /// The type of a step's slot, if it has one.
    pub(super) fn slot_type(&self, step: StepIx) -> Option<TokenStream> {
        let rt = &self.rt;
        let moved = self.step_is_moved(step);
        let caught = self.model.step(step).catch.is_some();
        let plain = self.plain_type(step);
        match (&self.model.step(step).kind, plain) {
            (Kind::Each(_), Some(_)) => {
                let slot = if moved { quote!(TailSlot) } else { quote!(Slot) };
                self.step_type(step).map(|ty| quote!(#rt::#slot<#ty>))
            }
            (Kind::Each(_), None) => None,
            (Kind::Branch(_), _) if !caught => None,
            (_, Some(ty)) => Some(match (caught, moved) {
                (true, true) => quote!(#rt::CatchTail<#ty>),
                (true, false) => quote!(#rt::CatchSlot<#ty>),
                (false, true) => quote!(#rt::TailSlot<#ty>),
                (false, false) => quote!(#rt::Slot<#ty>),
            }),
            (_, None) => Some(quote!(#rt::Failure)),
        }
    }
}
