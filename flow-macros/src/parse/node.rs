//! In: the tokens of `#[node(..)]` and of the function below it. Out: both as syntax.

use proc_macro2::TokenStream;
use syn::{FnArg, ItemFn};

use super::options::{self, Item};
use crate::diagnostics::Errors;

/// A function marked `#[node]`.
pub(crate) struct NodeSyntax {
    /// The options as written.
    pub(crate) options: Vec<Item>,
    /// The function, without the `#[state]` marks of its parameters.
    pub(crate) function: ItemFn,
    /// For each parameter: whether it is marked `#[state]`.
    pub(crate) is_state: Vec<bool>,
}

/// Reads a node; `None` if what is marked is no function.
pub(crate) fn node(errors: &mut Errors, options: TokenStream, item: TokenStream) -> Option<NodeSyntax> {
    let options = options::list(errors, options);
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(mut function) => {
            let is_state = function.sig.inputs.iter_mut().map(take_state).collect();
            Some(NodeSyntax { options, function, is_state })
        }
        Err(error) => {
            let is_function =
                item.into_iter().any(|token| matches!(&token, proc_macro2::TokenTree::Ident(ident) if ident == "fn"));
            if is_function {
                errors.push(error);
            } else {
                let message = "only a function can be a node\nhelp: put `#[node]` before an `async fn`";
                errors.push(syn::Error::new(error.span(), message));
            }
            None
        }
    }
}

/// Takes the `#[state]` mark off a parameter; says whether there was one.
fn take_state(parameter: &mut FnArg) -> bool {
    let attrs = match parameter {
        FnArg::Typed(parameter) => &mut parameter.attrs,
        FnArg::Receiver(receiver) => &mut receiver.attrs,
    };
    let before = attrs.len();
    attrs.retain(|attr| !attr.path().is_ident("state"));
    attrs.len() < before
}
