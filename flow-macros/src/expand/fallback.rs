//! What is emitted in place of something that has errors: the names that other code uses, with bodies that are never
//! run, so that one mistake does not bring twenty more.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::workflow::{AsNode, as_node, cfg, front, node_aliases, output_type};
use crate::model::workflow::{Kind, Model};

/// A workflow with errors, and the errors.
pub(crate) fn workflow(model: &Model, errors: &syn::Error) -> TokenStream {
    let rt = &super::runtime(model.runtime.as_ref());
    let (ident, vis, errors) = (&model.ident, &model.vis, errors.to_compile_error());
    let names = model.params.iter().map(|param| &param.ident);
    let front = front(model, rt, None, &quote!(let _ = (#(#names,)*); #rt::no_such_place()));
    let output = if model.borrows() { quote!(()) } else { output_type(model) };
    let parts = AsNode { depth: TokenStream::new(), called: quote!({ #rt::no_such_place() }) };
    let as_node = as_node(model, rt, &output, &parts);
    let nodes = node_aliases(model.steps.iter().enumerate().filter_map(|(index, step)| match &step.kind {
        Kind::Call(call) => Some((format_ident!("__Node{index}"), call.path.to_token_stream())),
        _ => None,
    }));
    let cfg = cfg(model);
    let state = Ident::new("S", proc_macro2::Span::mixed_site());
    quote! {
        #front
        #(#cfg)*
        #errors
        #(#cfg)*
        #[allow(unused_variables, dead_code, non_camel_case_types)]
        const _: () = {
            #nodes

            impl #rt::Workflow for #ident {
                type Input = ();
                type Output = #output;

                // Constants may be made from the plan, so there is one.
                const PARTS: #rt::Parts = #rt::Parts { steps: &[], regions: &[], called: &[] };
                const LISTS: &'static [u32] = &[];
                const STEPS: &'static [#rt::Step] = &[];
                const REGIONS: &'static [#rt::Region] = &[];
                const PLAN: &'static #rt::Plan =
                    &#rt::plan::<Self>("", 1, "", "", "", #rt::Source::new("", 0, 0));

                fn plan() -> &'static #rt::Plan { #rt::plan_of::<Self>() }

                fn tree(_: ()) -> #rt::Arc<dyn #rt::Tree> { #rt::no_such_place() }
            }

            impl<#state> #rt::Requires<#state> for #ident {}

            #as_node

            impl #ident {
                #vis const fn plan() -> &'static #rt::Plan { #rt::plan_of::<Self>() }
            }
        };
    }
}
