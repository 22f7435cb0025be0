//! The macros of Flow. Use them through `flow-runtime`, which re-exports them.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod check;
mod diagnostics;
mod expand;
mod model;
mod parse;

use proc_macro::TokenStream;
use quote::quote;

#[doc = include_str!("../docs/node.md")]
#[proc_macro_attribute]
pub fn node(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = diagnostics::Errors::default();
    let Some(syntax) = parse::node::node(&mut errors, options.into(), item.clone().into()) else {
        let item = proc_macro2::TokenStream::from(item);
        let error = errors.finish().map(|error| error.to_compile_error());
        return quote!(#item #error).into();
    };
    let model = model::node::resolve(&mut errors, syntax);
    match check::node::node(errors, model) {
        Ok(checked) => expand::node::node(&checked).into(),
        Err(broken) => expand::node::fallback(&broken.0, &broken.1).into(),
    }
}

#[doc = include_str!("../docs/workflow.md")]
#[proc_macro]
pub fn workflow(input: TokenStream) -> TokenStream {
    let mut errors = diagnostics::Errors::default();
    let parse::workflow::Call { runtime, workflows } = parse::workflow::call(&mut errors, input.into());
    let mut code = errors.finish().map(|error| error.to_compile_error()).unwrap_or_default();
    for (syntax, mut errors) in workflows {
        let model = model::resolve::workflow(&mut errors, syntax, runtime.as_ref());
        code.extend(match check::workflow::workflow(errors, model) {
            Ok(checked) => expand::workflow::workflow(&checked),
            Err((model, errors)) => expand::fallback::workflow(&model, &errors),
        });
    }
    code.into()
}
