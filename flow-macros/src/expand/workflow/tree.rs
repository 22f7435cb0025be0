//! The typed slots of a workflow. In: the layout. Out: one struct for each region, and the tables through which the
//! engine reaches them.

use proc_macro2::TokenStream;
use quote::quote;

use super::layout::{Layout, Lent};
use super::scope::Scope;
use super::{step, value};
use crate::model::workflow::{Kind, RegionIx, StepIx};

/// The slots of all regions.
pub(super) fn regions(layout: &Layout<'_>) -> TokenStream {
    let rt = &layout.rt;
    let regions = layout.model.region_order.iter().map(|region| {
        let (name, fields) = (layout.region_type(*region), fields(layout, *region));
        quote! {
            #[derive(#rt::Default)]
            struct #name { #fields }
        }
    });
    quote! {
        struct __Tree { input: __Input, root: __Region0 }
        #(#regions)*
    }
}

fn fields(layout: &Layout<'_>, region: RegionIx) -> TokenStream {
    let (model, rt) = (layout.model, &layout.rt);
    let mut fields = TokenStream::new();
    for step in &model.region(region).steps {
        if let Some(ty) = layout.slot_type(*step) {
            let name = layout.slot_field(*step);
            fields.extend(quote!(#name: #ty,));
        }
        let (nested, kind): (&[RegionIx], _) = match &model.step(*step).kind {
            Kind::Call(_) => (&[], quote!()),
            Kind::Branch(branch) => (&branch.arms, quote!(Opened)),
            Kind::Each(each) => (std::slice::from_ref(&each.body), quote!(Items)),
        };
        for nested in nested {
            let (name, ty) = (layout.region_field(*nested), layout.region_type(*nested));
            fields.extend(quote!(#name: #rt::#kind<#ty>,));
        }
    }
    if let Some(parent) = model.region(region).parent {
        if layout.is_lent(parent) && matches!(layout.lent(region), Lent::Kept) {
            let ty = layout.step_type(parent);
            fields.extend(quote!(value: #rt::Slot<#ty>,));
        }
        if matches!(model.step(parent).kind, Kind::Each(_)) && model.step(parent).catch.is_some() {
            fields.extend(quote!(failure: #rt::Failure,));
        }
    }
    fields
}

/// The tree as the engine sees it.
pub(super) fn implementation(layout: &Layout<'_>) -> TokenStream {
    let [functions, starts] = step::starts(layout);
    let (rt, model) = (&layout.rt, layout.model);
    let (tree, items, ident) = (Layout::local("tree"), Layout::local("items"), &model.ident);
    let choices = table(layout, |step| {
        let head = step::head(layout, step);
        match &model.step(step).kind {
            Kind::Call(_) => None,
            Kind::Branch(_) => Some(quote!(#rt::Choice::Arm(#head(self, at.items)))),
            Kind::Each(_) => Some(quote!(#rt::Choice::Items(#head(self, at.items)))),
        }
    });
    let opens = table(layout, |step| open(layout, step));
    let joins = table(layout, |step| value::join(layout, step));
    let places = table(layout, |step| place(layout, step));
    let failures = table(layout, |step| failure(layout, step));
    let asks = model.step_order.iter().map(|step| match &model.step(*step).kind {
        Kind::Call(call) => {
            let node = layout.node(*step, call);
            quote!(<#node as #rt::Node>::ASKS)
        }
        Kind::Branch(_) | Kind::Each(_) => quote!(false),
    });
    let output = output(layout);
    quote! {
        #functions

        impl __Tree {
            fn failure(&self, step: u32, #items: &[u32], item: u32) -> &#rt::Failure {
                let #tree = self;
                match step { #failures _ => #rt::no_such_place() }
            }
        }

        impl #rt::Tree for __Tree {
            fn plan(&self) -> &#rt::Plan { #rt::plan_of::<#ident>() }

            fn encode_input(&self, encoding: #rt::Encoding) -> #rt::Result<#rt::Payload, #rt::EncodeError> {
                #rt::encode_input::<#ident>(&self.input, encoding)
            }

            fn start<'a>(&'a self, at: #rt::At<'a>, cx: &'a #rt::NodeContext) -> #rt::Body<'a> {
                match at.step { #starts _ => #rt::no_such_place() }
            }

            fn choose(&self, at: #rt::At<'_>) -> #rt::Choice {
                match at.step { #choices _ => #rt::no_such_place() }
            }

            fn open(&self, at: #rt::At<'_>, choice: #rt::Choice) {
                let (#tree, #items) = (self, at.items);
                match at.step { #opens _ => #rt::no_such_place() }
            }

            fn join(&self, at: #rt::At<'_>) {
                let (#tree, #items) = (self, at.items);
                match at.step { #joins _ => {} }
            }

            fn place(&self, at: #rt::At<'_>) -> &dyn #rt::Place {
                let (#tree, #items) = (self, at.items);
                match at.step { #places _ => #rt::no_such_place() }
            }

            fn asks(&self, step: u32) -> bool {
                const ASKS: &[bool] = &[#(#asks),*];
                ASKS[step as usize]
            }

            fn caught(&self, at: #rt::At<'_>, item: #rt::Option<u32>, failure: #rt::NodeFailure) {
                match item {
                    #rt::Some(item) => self.failure(at.step, at.items, item).set(failure),
                    #rt::None => #rt::Place::caught(self.place(at), failure),
                }
            }

            fn end(&self, into: &dyn #rt::Place) {
                let (#tree, #items): (_, &[u32]) = (self, &[]);
                #output
            }
        }
    }
}

/// One entry for each step for which there is something to say.
fn table(layout: &Layout<'_>, entry: impl Fn(StepIx) -> Option<TokenStream>) -> TokenStream {
    let entries = layout.model.step_order.iter().filter_map(|step| {
        let (local, entry) = (layout.model.step(*step).local, entry(*step)?);
        Some(quote!(#local => { #entry }))
    });
    quote!(#(#entries)*)
}

/// Makes the regions of a branch or a fan-out.
fn open(layout: &Layout<'_>, step: StepIx) -> Option<TokenStream> {
    let rt = &layout.rt;
    let mut scope = Scope::new(layout);
    let region = scope.reach(layout.model.step(step).region);
    let lines = scope.lines();
    match &layout.model.step(step).kind {
        Kind::Call(_) => None,
        Kind::Branch(branch) => {
            let arms = (0u32..).zip(&branch.arms).map(|(index, arm)| {
                let field = layout.region_field(*arm);
                quote!(#index => (&#region.#field).open(),)
            });
            Some(quote!(#lines match #rt::arm(choice) { #(#arms)* _ => #rt::no_such_place() }))
        }
        Kind::Each(each) => {
            let field = layout.region_field(each.body);
            Some(quote!(#lines (&#region.#field).open(#rt::len(choice));))
        }
    }
}

/// The slot of a call, or of a branch under `#[catch]`.
fn place(layout: &Layout<'_>, step: StepIx) -> Option<TokenStream> {
    if let Kind::Each(_) = layout.model.step(step).kind {
        return None;
    }
    layout.slot_type(step)?;
    let mut scope = Scope::new(layout);
    let (region, field) = (scope.reach(layout.model.step(step).region), layout.slot_field(step));
    let lines = scope.lines();
    let (rt, ty) = (&layout.rt, layout.plain_type(step));
    if let Some(ty) = ty {
        return Some(quote!(#lines #rt::place::<#ty, _>(&#region.#field)));
    }
    Some(quote!(#lines &#region.#field))
}

/// The failure of one item of a fan-out under `#[catch]`.
fn failure(layout: &Layout<'_>, step: StepIx) -> Option<TokenStream> {
    let Kind::Each(each) = &layout.model.step(step).kind else { return None };
    layout.model.step(step).catch.as_ref()?;
    let mut scope = Scope::new(layout);
    let (region, field) = (scope.reach(layout.model.step(step).region), layout.region_field(each.body));
    let lines = scope.lines();
    Some(quote!(#lines &(&#region.#field).at(item).failure))
}

/// The workflow's output, by the type it declares.
fn output(layout: &Layout<'_>) -> TokenStream {
    let rt = &layout.rt;
    let scope = Scope::new(layout);
    let value = value::owned(&scope, 0);
    let (typed, ident) = (Layout::local("typed"), &layout.model.ident);
    let ty = super::output_type(layout.model);
    quote! {
        let #typed: #ty = #value;
        #rt::give::<#ident>(#typed, into)
    }
}
