//! A checked workflow → code: the function and the type that the user names, and behind them, out of sight, the
//! typed slots, what begins each step, and the plan.

mod input;
mod layout;
mod migrate;
mod picture;
mod plan;
mod rewrite;
mod scope;
mod signals;
mod step;
mod tree;
mod value;

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Ident};

use self::layout::Layout;
use self::scope::Scope;
use crate::check::Checked;
use crate::model::names::{Unused, key};
use crate::model::resolve::ends;
use crate::model::text::text;
use crate::model::workflow::{BindingIx, Call, Kind, Model, StepIx, UndoCall};

/// The workflow as code.
pub(crate) fn workflow(checked: &Checked<Model>) -> TokenStream {
    let model = checked.model();
    let (layout, path) = (Layout::new(model), &super::runtime(model.runtime.as_ref()));
    let rt = &layout.rt;
    let names: Vec<_> = model.params.iter().map(|param| &param.ident).collect();
    let input = input::tuple(&names);
    let unused = unused(model);
    let front = front(model, path, picture::doc(model).as_ref(), &quote!(#unused #path::Invocation::new(#input)));
    let cfg = cfg(model);
    let aliases = aliases(&layout);
    let regions = tree::regions(&layout);
    let heads = model.step_order.iter().filter_map(|step| step::expand(&layout, *step));
    let views = model.unused_views.iter().map(|view| unused_view(&layout, *view));
    let lenders = model.step_order.iter().map(|step| value::lender(&layout, *step));
    let (tree, [before_plan, plan]) = (tree::implementation(&layout), plan::expand(&layout));
    let facts = facts(&layout, &plan);
    quote! {
        #front
        #(#cfg)*
        #[allow(
            unused_variables, unused_parens, unused_braces, unused_mut, dead_code, irrefutable_let_patterns,
            non_camel_case_types, non_snake_case,
            clippy::all, clippy::pedantic, clippy::nursery
        )]
        const _: () = {
            use #path as #rt;
            #aliases
            #regions
            #(#heads)*
            #(#lenders)*
            #(#views)*
            #tree
            #before_plan
            #facts
        };
    }
}

/// What the user names: the function that takes the input, and the type of the same name.
pub(crate) fn front(
    model: &Model,
    rt: &impl ToTokens,
    picture: Option<&TokenStream>,
    body: &TokenStream,
) -> TokenStream {
    let Model { attrs, vis, ident, params, .. } = model;
    let (names, types): (Vec<_>, Vec<_>) = params.iter().map(|param| (&param.ident, &param.ty)).unzip();
    let doc = format!("The type of the workflow [`{ident}`](fn@{ident}).");
    let cfg = cfg(model);
    quote! {
        #[allow(clippy::too_many_arguments)]
        #(#attrs)*
        #picture
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

/// Whether the workflow is compiled at all, said before each thing that stands for it.
pub(crate) fn cfg(model: &Model) -> Vec<&Attribute> {
    model.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
}

/// One alias for each call's node, so that a mistake in a path is one error.
pub(crate) fn node_aliases(calls: impl Iterator<Item = (Ident, TokenStream)>) -> TokenStream {
    calls.map(|(alias, path)| quote!(type #alias = #path;)).collect()
}

fn aliases(layout: &Layout<'_>) -> TokenStream {
    let nodes = node_aliases(calls(layout).map(|(step, call)| (layout.node(step, call), call.path.to_token_stream())));
    let undos = node_aliases(undos(layout).map(|(step, undo)| (layout.undo(step, undo), undo.path.to_token_stream())));
    let input = input_type(layout.model);
    quote! {
        #nodes
        #undos
        type __Input = #input;
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

/// The input's type. A message about it stands at the one parameter's type, or at the workflow's name.
fn spanned_input(model: &Model) -> TokenStream {
    let span = match model.params.as_slice() {
        [only] => ends(&only.ty).0,
        _ => model.ident.span(),
    };
    let respan = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    input_type(model).into_iter().map(respan).collect()
}

/// What lets a workflow stand where a node is called: how deep workflows nest in it, and what a call of it does, with
/// what that asks of the arguments.
pub(crate) struct AsNode {
    pub(crate) depth: TokenStream,
    pub(crate) called: TokenStream,
}

/// A workflow as the node that it may be called as.
pub(crate) fn as_node(model: &Model, rt: &impl ToTokens, output: &TokenStream, parts: &AsNode) -> TokenStream {
    let AsNode { depth, called } = parts;
    let Model { ident, params, .. } = model;
    let (names, types): (Vec<_>, Vec<_>) = params.iter().map(|param| (&param.ident, &param.ty)).unzip();
    let (name, text) = (key(ident), text(output));
    quote! {
        impl #rt::Node for #ident {
            type Output = #output;
            const TEXTS: [&'static str; 2] = [#name, #text];
            #depth
            const PLAN: #rt::Option<&'static #rt::Plan> = {
                let _ = <Self as #rt::Node>::NO_CIRCLE_OF_WORKFLOWS;
                #rt::Some(#rt::plan_of::<Self>())
            };
        }

        #[doc(hidden)]
        pub struct __Call<'c>(&'c #rt::NodeContext);

        impl #ident {
            #[doc(hidden)]
            pub fn __at(cx: &#rt::NodeContext) -> __Call<'_> { __Call(cx) }
        }

        impl<'c> __Call<'c> {
            #[doc(hidden)]
            pub fn call(self, #(#names: &#types),*) -> #rt::Body<'c> #called
        }
    }
}

/// How deep workflows nest in this one. Each is named where it is called, so that a circle of them shows.
fn depth(layout: &Layout<'_>, nodes: &[Ident]) -> TokenStream {
    let rt = &layout.rt;
    let depths = nodes.iter().map(|node| quote_spanned!(node.span()=> <#node as #rt::Node>::NO_CIRCLE_OF_WORKFLOWS));
    let depths = quote!(#(#depths),*);
    quote_spanned!(layout.model.ident.span()=> const NO_CIRCLE_OF_WORKFLOWS: u32 = #rt::depth([#depths]);)
}

/// What a call of the workflow does as a step of another: it begins with clones of the arguments. That they can be
/// cloned is asked where it is called.
fn called(model: &Model, rt: &Ident) -> TokenStream {
    let (names, types): (Vec<_>, Vec<_>) = model.params.iter().map(|param| (&param.ident, &param.ty)).unzip();
    let given: Vec<_> = names.iter().map(|name| quote!(#rt::Given::given(#name))).collect();
    let (ident, input) = (&model.ident, input::tuple(&given));
    quote! {
        where
            #(#types: #rt::Given<'c>,)*
        {
            #rt::enter::<#ident>(#input)
        }
    }
}

fn calls<'l>(layout: &'l Layout<'_>) -> impl Iterator<Item = (StepIx, &'l Call)> {
    layout.model.step_order.iter().filter_map(|step| match &layout.model.step(*step).kind {
        Kind::Call(call) => Some((*step, call)),
        _ => None,
    })
}

fn undos<'l>(layout: &'l Layout<'_>) -> impl Iterator<Item = (StepIx, &'l UndoCall)> {
    layout.model.step_order.iter().filter_map(|step| Some((*step, layout.model.step(*step).undo.as_ref()?)))
}

/// The facts about the workflow that traits carry.
fn facts(layout: &Layout<'_>, plan: &TokenStream) -> TokenStream {
    let (rt, ident, vis) = (&layout.rt, &layout.model.ident, &layout.model.vis);
    let (mut seen, mut seen_undos) = (BTreeSet::new(), BTreeSet::new());
    let nodes = calls(layout).filter(|(_, call)| seen.insert(text(&call.path)));
    let mut nodes: Vec<Ident> = nodes.map(|(step, call)| layout.node(step, call)).collect();
    let undos = undos(layout).filter(|(_, undo)| seen_undos.insert(text(&undo.path)));
    nodes.extend(undos.map(|(step, undo)| layout.undo(step, undo)));
    let required = required(&nodes);
    let state = Ident::new("S", Span::mixed_site());
    let (input, output) = (spanned_input(layout.model), output_type(layout.model));
    let parts = AsNode { depth: depth(layout, &nodes), called: called(layout.model, rt) };
    let as_node = as_node(layout.model, rt, &output, &parts);
    let (signals, migrations) = (signals::expand(layout), migrate::expand(layout));
    quote! {
        impl #rt::Workflow for #ident {
            type Input = #input;
            type Output = #output;
            #migrations

            #plan

            fn plan() -> &'static #rt::Plan { #rt::plan_of::<Self>() }

            fn tree(input: __Input) -> #rt::Arc<dyn #rt::Tree> {
                #rt::Arc::new(__Tree { input, root: #rt::Default::default() })
            }
        }

        impl<#state: #rt::Send + #rt::Sync + 'static> #rt::Requires<#state> for #ident
        where
            #(#required: #rt::Requires<#state>,)*
        {
            fn register(providers: &mut #rt::Providers) {
                #(<#required as #rt::Requires<#state>>::register(providers);)*
            }
        }

        #as_node
        #signals

        impl #ident {
            /// The workflow's plan.
            #vis const fn plan() -> &'static #rt::Plan { #rt::plan_of::<Self>() }
        }
    }
}

/// What has all that these nodes have: of many, some together as a tuple, since the compiler compares each bound of a
/// workflow with all of them.
fn required(nodes: &[Ident]) -> Vec<TokenStream> {
    let (together, others) = nodes.as_chunks::<8>();
    let together = together.iter().map(|nodes| quote!((#(#nodes),*)));
    together.chain(others.iter().map(ToTokens::to_token_stream)).collect()
}

/// Lets the compiler check a plain value that nobody uses.
fn unused_view(layout: &Layout<'_>, view: BindingIx) -> TokenStream {
    let mut scope = Scope::new(layout);
    scope.bind_one(view);
    let (name, lines) = (format_ident!("view_{view}"), scope.lines());
    let (tree, items) = (Layout::local("tree"), Layout::local("items"));
    quote!(fn #name(#tree: &__Tree, #items: &[u32]) { #lines })
}

/// Lets the compiler say which names nobody uses, under what the workflow and each `let` say of lints.
fn unused(model: &Model) -> TokenStream {
    if model.unused.is_empty() {
        return TokenStream::new();
    }
    let names = model.unused.iter().map(|Unused { ident, lints }| {
        let line = quote_spanned!(ident.span()=> let #ident = (););
        quote!(#(#lints)* #line)
    });
    quote!(fn __unused() { #(#names)* })
}
