//! Checked models → code the compiler checks. Cannot fail. Generated code names nothing of ours but what stands in
//! `flow_runtime::__private`.

pub(crate) mod fallback;
pub(crate) mod node;
mod policy;
pub(crate) mod workflow;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

/// What generated code may name, in a crate that calls `flow_runtime` by this path.
pub(crate) fn runtime(path: Option<&Path>) -> TokenStream {
    path.map_or_else(|| quote!(::flow_runtime::__private), |path| quote!(#path::__private))
}
