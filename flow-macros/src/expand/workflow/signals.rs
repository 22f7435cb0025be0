//! The signals that a workflow waits for under names that it says outright, as typed senders. In: the layout. Out:
//! `signals()`, with a field for each name that can be one.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::layout::Layout;
use crate::model::wait::Named;
use crate::parse::language;

pub(super) fn expand(layout: &Layout<'_>) -> TokenStream {
    let (rt, model) = (&layout.rt, layout.model);
    let mut signals: BTreeMap<String, (Ident, TokenStream)> = BTreeMap::new();
    for Named { name, ty } in model.signals() {
        let text = name.value();
        let Some(field) = language::identifier(name) else { continue };
        let ty = ty.unwrap_or_else(|| quote!(#rt::Approval));
        signals.entry(text).or_insert((field, ty));
    }
    if signals.is_empty() {
        return TokenStream::new();
    }
    let (ident, vis) = (&model.ident, &model.vis);
    let (names, fields): (Vec<String>, Vec<(Ident, TokenStream)>) = signals.into_iter().unzip();
    let (fields, types): (Vec<Ident>, Vec<TokenStream>) = fields.into_iter().unzip();
    let docs = names.iter().map(|name| format!("Sends signal `{name}`."));
    quote! {
        /// The signals that runs of the workflow wait for.
        #[allow(private_interfaces, missing_docs)]
        #[derive(#rt::Clone, #rt::Copy, #rt::Debug)]
        pub struct __Signals {
            #(#[doc = #docs] pub #fields: #rt::Signal<#types>,)*
        }

        impl #ident {
            /// The signals that runs of the workflow wait for, to be sent with the type that is waited for.
            #[allow(private_interfaces)]
            #vis const fn signals() -> __Signals {
                __Signals { #(#fields: #rt::Signal::new(#names)),* }
            }
        }
    }
}
