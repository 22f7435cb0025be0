//! The workflow's plan. In: the layout. Out: what it is made of, as constants of the workflow's type. The compiler finds
//! the value of any other constant when it checks a program; that of these where the plan is used, since nothing but
//! functions of a type parameter names them.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Lit, Meta, PathArguments};

use super::super::policy;
use super::layout::Layout;
use crate::model::policy::{NO_NODE, NO_REPEAT, ONCE};
use crate::model::text::text;
use crate::model::wait::Wait;
use crate::model::workflow::{Call, Kind, Model, RegionIx, Step, StepIx};

/// The plan of the workflow: what stands before its type has it, and the constants by which it has.
pub(super) fn expand(layout: &Layout<'_>) -> [TokenStream; 2] {
    let (rt, model) = (&layout.rt, layout.model);
    let next = successors(model);
    let steps = model.step_order.iter().zip(&next).map(|(index, next)| step(layout, *index, next));
    let regions = model.region_order.iter().map(|index| region(layout, *index));
    let called = model.step_order.iter().map(|index| called(layout, *index));
    let attempts = model.step_order.iter().filter_map(|index| attempts(layout, *index));
    let bare = model.step_order.iter().filter_map(|index| options_are_for_nodes(layout, *index));
    let undos = model.step_order.iter().filter_map(|index| undo_is_a_node(layout, *index));
    let (name, version, doc) = (crate::model::names::key(&model.ident), model.version, doc(model));
    let ([input, output], [line, column]) = (types(model), place(model.ident.span()));
    let (own_steps, own_regions) = (model.step_order.len(), model.region_order.len());
    let before = quote! {
        #(#attempts)*
        #(#bare)*
        #(#undos)*
        const __FILE: &str = #rt::file!();
        const __CALLED: &[#rt::Option<&#rt::Plan>] = &[#(#called),*];
        #[allow(long_running_const_eval)]
        const __ROOM: #rt::Room = #rt::Room::of(#own_steps, #own_regions, __CALLED);
    };
    let constants = quote! {
        const PARTS: #rt::Parts =
            #rt::Parts { steps: &[#(#steps),*], regions: &[#(#regions),*], called: __CALLED };
        #[allow(long_running_const_eval)]
        const LISTS: &'static [u32] = &#rt::lists::<Self, { __ROOM.numbers }>();
        #[allow(long_running_const_eval)]
        const STEPS: &'static [#rt::Step] = &#rt::steps::<Self, { __ROOM.steps }>();
        #[allow(long_running_const_eval)]
        const REGIONS: &'static [#rt::Region] = &#rt::regions::<Self, { __ROOM.regions }>();
        #[allow(long_running_const_eval)]
        const PLAN: &'static #rt::Plan = &#rt::plan::<Self>(
            #name, #version, #doc, #input, #output, #rt::Source::new(__FILE, #line, #column)
        );
    };
    [before, constants]
}

/// The plan of the workflow that a step calls, if it calls one.
fn called(layout: &Layout<'_>, index: StepIx) -> TokenStream {
    let rt = &layout.rt;
    match &layout.model.step(index).kind {
        Kind::Call(call) => {
            let node = layout.node(index, call);
            quote_spanned!(node.span()=> <#node as #rt::Node>::PLAN)
        }
        Kind::Branch(_) | Kind::Each(_) => quote!(#rt::None),
    }
}

fn step(layout: &Layout<'_>, index: StepIx, next: &BTreeSet<u32>) -> TokenStream {
    let (rt, model) = (&layout.rt, layout.model);
    let step = model.step(index);
    let id = step.id.as_ref().map_or("", |id| id.text.as_str());
    let region = model.region(step.region).number;
    let inputs = model.inputs(index).into_iter();
    let after = step.after.iter().map(|after| model.step(*after).local);
    let next = next.iter();
    let (inputs, after, next) = (quote!(&[#(#inputs),*]), quote!(&[#(#after),*]), quote!(&[#(#next),*]));
    let (catch, [line, column]) = (step.catch.is_some(), place(step.span));
    let (kind, policy, undo) = match &step.kind {
        Kind::Call(call) => {
            let (node, awaited) = (layout.node(index, call), awaited(call));
            if awaited.is_none() && is_plain(step) {
                return quote!(#rt::plain_step::<#node>(#id, #region, [#inputs, #next], __FILE, [#line, #column]));
            }
            let called = || quote!(#rt::call::<#node>());
            let kind = awaited.map_or_else(called, |output| quote!(#rt::wait::<#node>(#output)));
            (kind, quote_spanned!(node.span()=> <#node as #rt::Node>::POLICY), undo(layout, index, &node))
        }
        Kind::Branch(branch) => {
            let arms = branch.arms.iter().map(|arm| model.region(*arm).number);
            (quote!(#rt::branch(&[#(#arms),*])), quote!(#rt::Policy::DEFAULT), quote!(#rt::None))
        }
        Kind::Each(each) => {
            let body = model.region(each.body).number;
            (quote!(#rt::each(#body)), quote!(#rt::Policy::DEFAULT), quote!(#rt::None))
        }
    };
    let policy = policy::policy(rt, policy, &step.with);
    let edges = quote!([#inputs, #after, #next]);
    quote!(#rt::step(#id, #region, #kind, #policy, #undo, #edges, #catch, __FILE, [#line, #column]))
}

/// Whether a step says nothing but what it calls, as most do; it is written shorter, for what the compiler takes.
fn is_plain(step: &Step) -> bool {
    step.undo.is_none() && step.with.first.is_none() && step.after.is_empty() && step.catch.is_none()
}

/// What undoes a call: what the step says, else what its node says.
fn undo(layout: &Layout<'_>, index: StepIx, node: &Ident) -> TokenStream {
    let rt = &layout.rt;
    let Some(call) = &layout.model.step(index).undo else {
        return quote_spanned!(node.span()=> <#node as #rt::Node>::UNDO);
    };
    let by = layout.undo(index, call);
    quote_spanned!(by.span()=> #rt::undo_by::<#by>())
}

/// The type of the signal that a call waits for, where it is written there.
fn awaited(call: &Call) -> Option<String> {
    match &call.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(types) if call.wait == Some(Wait::Signal) => Some(text(&types.args)),
        _ => None,
    }
}

/// That the options of a step and those of its node do not ask for retries of what is attempted once.
fn attempts(layout: &Layout<'_>, index: StepIx) -> Option<TokenStream> {
    let (rt, step) = (&layout.rt, layout.model.step(index));
    let Kind::Call(call) = &step.kind else { return None };
    let name = step.with.retry.as_ref().map(|retry| &retry.name).or(step.with.at_most_once.as_ref())?;
    let node = layout.node(index, call);
    let policy = policy::policy(rt, quote!(<#node as #rt::Node>::POLICY), &step.with);
    Some(quote_spanned! {name.span()=>
        const _: () = ::core::assert!(#policy.is_tried_again_or_once(), #ONCE);
    })
}

/// That a step that calls a workflow has no options, which are about attempts.
fn options_are_for_nodes(layout: &Layout<'_>, index: StepIx) -> Option<TokenStream> {
    let (rt, step) = (&layout.rt, layout.model.step(index));
    let Kind::Call(call) = &step.kind else { return None };
    let (name, node) = (step.with.first.as_ref()?, layout.node(index, call));
    let message = format!(
        "`{name}` is for attempts, and a workflow that is called has none: put it before the steps of that workflow"
    );
    Some(quote_spanned!(name.span()=> const _: () = ::core::assert!(<#node as #rt::Node>::PLAN.is_none(), #message);))
}

/// That what undoes a step is a node, and one that may be repeated.
fn undo_is_a_node(layout: &Layout<'_>, index: StepIx) -> Option<TokenStream> {
    let (rt, undo) = (&layout.rt, layout.model.step(index).undo.as_ref()?);
    let by = layout.undo(index, undo);
    Some(quote_spanned! {by.span()=>
        const _: () = {
            ::core::assert!(!<#by as #rt::Node>::POLICY.at_most_once, #NO_REPEAT);
            ::core::assert!(<#by as #rt::Node>::PLAN.is_none(), #NO_NODE);
        };
    })
}

fn region(layout: &Layout<'_>, index: RegionIx) -> TokenStream {
    let (rt, model) = (&layout.rt, layout.model);
    let region = model.region(index);
    let parent = option(rt, region.parent.map(|step| model.step(step).local));
    let before = model.region_order.iter().take_while(|other| **other != index);
    let first = u32::try_from(before.map(|other| model.region(*other).steps.len()).sum::<usize>()).unwrap_or(u32::MAX);
    let len = u32::try_from(region.steps.len()).unwrap_or(u32::MAX);
    let tail = model.tail_inputs(index).into_iter();
    let value = option(rt, model.tail_step(index).map(|step| model.step(step).local));
    let label = &region.label;
    quote!(#rt::region(#parent, #label, #first, #len, &[#(#tail),*], #value))
}

fn option(rt: &Ident, number: Option<u32>) -> TokenStream {
    number.map_or_else(|| quote!(#rt::None), |number| quote!(#rt::Some(#number)))
}

/// For each step in the order of the plan, the steps of its region that name it.
fn successors(model: &Model) -> Vec<BTreeSet<u32>> {
    let mut next = vec![BTreeSet::new(); model.step_order.len()];
    for index in &model.step_order {
        let step = model.step(*index);
        let after = step.after.iter().map(|after| model.step(*after).local);
        for before in model.inputs(*index).into_iter().chain(after) {
            let same_region =
                model.step_order.get(before as usize).is_some_and(|before| model.step(*before).region == step.region);
            if same_region && let Some(next) = next.get_mut(before as usize) {
                next.insert(step.local);
            }
        }
    }
    next
}

/// The parameters and the return type as written.
pub(super) fn types(model: &Model) -> [String; 2] {
    let params: Vec<String> =
        model.params.iter().map(|param| format!("{}: {}", param.ident, text(&param.ty))).collect();
    [params.join(", "), model.output.as_ref().map_or_else(|| "()".to_owned(), text)]
}

/// The line and the column, both counted from 1.
pub(super) fn place(span: Span) -> [u32; 2] {
    let start = span.start();
    [start.line, start.column + 1].map(|number| u32::try_from(number).unwrap_or(0))
}

/// The doc comment, line by line.
fn doc(model: &Model) -> String {
    let lines = model.attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').map_or(line.clone(), str::to_owned)).collect();
    lines.join("\n")
}
