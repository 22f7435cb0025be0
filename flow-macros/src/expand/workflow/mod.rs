//! A checked workflow → code: the function and the type that the user names, and behind them, out of sight, the
//! typed slots, one function for each step, and the plan.

mod input;
mod layout;
mod plan;
mod rewrite;
mod scope;
mod step;
mod tree;
mod value;

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;

use self::layout::Layout;
use crate::check::Checked;
use crate::model::text::text;
use crate::model::workflow::{Call, Kind, Model, StepIx};

/// The workflow as code.
pub(crate) fn workflow(checked: &Checked<Model>) -> TokenStream {
    let model = checked.model();
    let layout = Layout::new(model, super::runtime(model.runtime.as_ref()));
    let rt = &layout.rt;
    let names: Vec<_> = model.params.iter().map(|param| &param.ident).collect();
    let input = input::tuple(&names);
    let front = front(model, rt, &quote!(#rt::Invocation::new(#input)));
    let aliases = aliases(&layout);
    let regions = tree::regions(&layout);
    let functions = model.step_order.iter().map(|step| step::expand(&layout, *step));
    let lenders = model.step_order.iter().map(|step| value::lender(&layout, *step));
    let (tree, plan) = (tree::implementation(&layout), plan::expand(&layout));
    let (facts, unused) = (facts(&layout), unused(model));
    quote! {
        #front
        #[allow(
            unused_variables, unused_parens, unused_braces, unused_mut, dead_code, irrefutable_let_patterns,
            non_camel_case_types, non_snake_case, missing_docs, unreachable_pub, missing_debug_implementations,
            clippy::all, clippy::pedantic, clippy::nursery
        )]
        const _: () = {
            #aliases
            #regions
            #(#functions)*
            #(#lenders)*
            #tree
            #plan
            #facts
        };
        #unused
    }
}

/// What the user names: the function that takes the input, and the type of the same name.
pub(crate) fn front(model: &Model, rt: &TokenStream, body: &TokenStream) -> TokenStream {
    let Model { attrs, vis, ident, params, .. } = model;
    let (names, types): (Vec<_>, Vec<_>) = params.iter().map(|param| (&param.ident, &param.ty)).unzip();
    let doc = format!("The type of the workflow [`{ident}`](fn@{ident}).");
    let cfg = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    quote! {
        #(#attrs)*
        #vis fn #ident(#(#names: #types),*) -> #rt::Invocation<#ident> {
            #body
        }

        #(#cfg)*
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #[derive(#rt::Clone, #rt::Copy, #rt::Debug)]
        #vis struct #ident {}
    }
}

/// One alias for each call's node, so that a mistake in a path is one error.
pub(crate) fn node_aliases(calls: impl Iterator<Item = (Ident, TokenStream)>) -> TokenStream {
    calls.map(|(alias, path)| quote!(type #alias = #path;)).collect()
}

fn aliases(layout: &Layout<'_>) -> TokenStream {
    let nodes = node_aliases(calls(layout).map(|(step, call)| (layout.node(step, call), call.path.to_token_stream())));
    let input = input_type(layout.model);
    let output = output_type(layout.model);
    quote! {
        #nodes
        type __Input = #input;
        type __Output = #output;
    }
}

/// The parameters' types as one tuple.
pub(crate) fn input_type(model: &Model) -> TokenStream {
    let types: Vec<_> = model.params.iter().map(|param| &param.ty).collect();
    input::tuple(&types)
}

/// The return type as written; `()` at the workflow's name where there is none.
pub(crate) fn output_type(model: &Model) -> TokenStream {
    model.output.as_ref().map_or_else(|| quote_spanned!(model.ident.span()=> ()), ToTokens::to_token_stream)
}

fn calls<'l>(layout: &'l Layout<'_>) -> impl Iterator<Item = (StepIx, &'l Call)> {
    layout.model.step_order.iter().filter_map(|step| match &layout.model.step(*step).kind {
        Kind::Call(call) => Some((*step, call)),
        _ => None,
    })
}

/// The facts about the workflow that traits carry.
fn facts(layout: &Layout<'_>) -> TokenStream {
    let (rt, ident, vis) = (&layout.rt, &layout.model.ident, &layout.model.vis);
    let mut seen = BTreeSet::new();
    let nodes = calls(layout).filter(|(_, call)| seen.insert(text(&call.path)));
    let nodes: Vec<Ident> = nodes.map(|(step, call)| layout.node(step, call)).collect();
    let state = Ident::new("S", Span::mixed_site());
    quote! {
        impl #rt::Workflow for #ident {
            type Input = __Input;
            type Output = __Output;

            fn plan() -> &'static #rt::Plan { &PLAN }

            fn tree(input: __Input) -> #rt::Arc<dyn #rt::Tree> {
                #rt::Arc::new(__Tree { input, root: #rt::Default::default() })
            }
        }

        impl<#state: #rt::Send + #rt::Sync + 'static> #rt::Requires<#state> for #ident
        where
            #(#nodes: #rt::Requires<#state>,)*
        {
            fn register(providers: &mut #rt::Providers) {
                #(<#nodes as #rt::Requires<#state>>::register(providers);)*
            }
        }

        impl #ident {
            /// The workflow's plan.
            #vis fn plan() -> &'static #rt::Plan { &PLAN }
        }
    }
}

/// Lets the compiler say which names nobody uses.
fn unused(model: &Model) -> TokenStream {
    if model.unused.is_empty() {
        return TokenStream::new();
    }
    let names = model.unused.iter().map(|name| quote_spanned!(name.span()=> let #name = ();));
    quote! {
        const _: () = {
            #[allow(dead_code)]
            fn unused() { #(#names)* }
        };
    }
}
