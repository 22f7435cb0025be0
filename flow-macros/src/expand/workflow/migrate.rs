//! What `#[migrate(..)]` says, as a table. In: the layout. Out: the constant that has, for each step and each older
//! version, the function that makes of a stored output one of now, or the table of the workflow that the step calls;
//! nothing for a workflow that has none.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Path;

use super::layout::Layout;
use crate::model::migrate::{How, Migration, Version};
use crate::model::workflow::{Kind, StepIx};

pub(super) fn expand(layout: &Layout<'_>) -> TokenStream {
    let (rt, model) = (&layout.rt, layout.model);
    let all = model.step_order.iter().flat_map(|step| {
        let migrations = &model.step(*step).migrations;
        migrations.iter().map(|migration| (*step, migration))
    });
    let (entries, items): (Vec<_>, Vec<_>) = all
        .filter_map(|(step, migration)| match &migration.how {
            How::With(function) => with(layout, step, migration, function),
            How::Called(version) => called(layout, step, migration, version),
        })
        .unzip();
    if entries.is_empty() {
        return TokenStream::new();
    }
    quote! {
        const MIGRATIONS: &'static [#rt::Migration] = {
            #(#items)*
            &[#(#entries),*]
        };
    }
}

/// The entry of the table, and the function that it names. What the compiler says of the user's function stands at its
/// name.
fn with(
    layout: &Layout<'_>,
    step: StepIx,
    migration: &Migration,
    function: &Path,
) -> Option<(TokenStream, TokenStream)> {
    let Kind::Call(call) = &layout.model.step(step).kind else { return None };
    let (rt, local, version) = (&layout.rt, layout.model.step(step).local, migration.from.number);
    let span = function.segments.last()?.ident.span();
    let mut here = rt.clone();
    here.set_span(here.span().located_at(span));
    let (stored, mut given, output) = (Layout::local("stored"), Layout::local("given"), layout.plain_type(step)?);
    given.set_span(given.span().located_at(span));
    let name = format_ident!("migrate_{local}_{version}");
    let value = quote_spanned!(span=> |#given| #here::Returned(#given).value());
    let carried = quote_spanned!(span=> #here::carried::<#output, _, _, _>(#function, #stored, #value));
    let node = layout.node(step, call);
    let message = format!(
        "a workflow that is called stores no output of its own: write `#[migrate(from = {version}, called = 1)]` with the version of it that was called"
    );
    let is_node = quote_spanned! {migration.name.span()=>
        const _: () = ::core::assert!(<#node as #rt::Node>::PLAN.is_none(), #message);
    };
    let items = quote! {
        #is_node
        fn #name(#stored: &#rt::Payload) -> #rt::Result<#rt::Value, #rt::MigrationError> {
            use #rt::Infallible as _;
            #carried
        }
    };
    Some((quote!(#rt::Migration::output(#local, #version, #name)), items))
}

/// The entry of the table, and that the workflow that is called has migrations from this version of it.
fn called(
    layout: &Layout<'_>,
    step: StepIx,
    migration: &Migration,
    called: &Version,
) -> Option<(TokenStream, TokenStream)> {
    let Kind::Call(call) = &layout.model.step(step).kind else { return None };
    let (rt, local, version) = (&layout.rt, layout.model.step(step).local, migration.from.number);
    let (mut node, number, span) = (layout.node(step, call), called.number, called.written.span());
    node.set_span(span);
    let inner = quote_spanned!(span=> <#node as #rt::Migrates>::MIGRATIONS);
    let message =
        format!("the workflow that is called says of no step how its outputs of version {number} are migrated");
    let has_some = quote_spanned! {span=>
        const _: () = ::core::assert!(#rt::migrate_from(#inner, #number), #message);
    };
    Some((quote!(#rt::Migration::called(#local, #version, #number, #inner)), has_some))
}
