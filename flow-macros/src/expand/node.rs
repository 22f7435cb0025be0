//! In: a node. Out: the function as written, and beside it a type of the same name that says all a workflow needs to
//! know: output, name, policy, what state it takes, and how it is called.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericParam, Generics, Lifetime, Path, Type, TypeReference};

use super::policy::policy;
use crate::check::Checked;
use crate::model::bounds::{depends, is_relaxed, needs_bounds, without_bounds};
use crate::model::node::{Failure, NodeModel, Parameter, Role};
use crate::model::policy::{NO_NODE, NO_REPEAT, Undo};
use crate::model::resolve::ends;
use crate::parse::language::plain_name;

/// The code of a node.
pub(crate) fn node(checked: &Checked<NodeModel>) -> TokenStream {
    let model = checked.model();
    let states: Vec<Type> = model.parameters.iter().filter_map(state).collect();
    let (undo, body) = (undo(model), body(model));
    code(model, &quote!(#undo #body), &states, undo_is_repeatable(model).as_ref())
}

/// The code of a node that breaks a rule: all that other code may name, so that only the mistake itself is reported.
pub(crate) fn fallback(model: &NodeModel, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    let has_receiver = model.function.sig.inputs.len() != model.parameters.len();
    if has_receiver {
        let function = &model.function;
        return quote!(#function #error);
    }
    // A body would only repeat the mistake in the compiler's words.
    let code = code(model, &quote!(::core::unreachable!()), &[], None);
    quote!(#code #error)
}

/// The state that a parameter takes, as a type that outlives all.
fn state(parameter: &Parameter) -> Option<Type> {
    match &parameter.role {
        Role::State(ty) => Some(in_lifetime(ty, "static")),
        _ => None,
    }
}

/// What generated code may name, by a name of one token.
fn flow() -> Ident {
    Ident::new("__flow", Span::call_site())
}

fn code(model: &NodeModel, body: &TokenStream, states: &[Type], checks: Option<&TokenStream>) -> TokenStream {
    let function = &model.function;
    let name = &function.sig.ident;
    let (path, flow) = (super::runtime(model.options.krate.as_ref()), flow());
    let cfg: Vec<_> = function.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
    let generics = type_generics(&function.sig.generics);
    let bounded = needs_bounds(&model.output.ty, &generics) || model.options.undo.is_some();
    let facts = if bounded { generics.clone() } else { without_bounds(&generics) };
    let (impl_generics, ty_generics, where_clause) = facts.split_for_impl();
    let marker = marker(model, &generics);
    let (ty, text, stored) = (model.storable_output(), model.output_text(), model.stored_name());
    let asks = model.parameters.iter().any(|parameter| matches!(parameter.role, Role::Context));
    let asks = asks.then(|| quote! { const ASKS: bool = true; });
    let policy = model.options.first.as_ref().map(|_| {
        let policy = policy(&flow, quote!(#flow::Policy::DEFAULT), &model.options);
        quote!(const POLICY: #flow::Policy = #policy;)
    });
    let undo = model
        .options
        .undo
        .as_ref()
        .map(|Undo { path, .. }| quote!(const UNDO: #flow::Option<#flow::Undo> = #flow::undo_by::<#path>();));
    let requires = requires(model, &generics, states, &flow);
    let call = call(model, &generics, &flow, body);
    quote! {
        // A node is async because a step is, whether or not it waits; and outputs are borrowed by their very types.
        #[allow(clippy::unused_async, clippy::ref_option)]
        #function
        #(#cfg)*
        #marker
        #(#cfg)*
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_variables)]
        const _: () = {
            use #path as #flow;
            #[automatically_derived]
            impl #impl_generics #flow::Node for #name #ty_generics #where_clause {
                type Output = #ty;
                const TEXTS: [&'static str; 2] = [#stored, #text];
                #asks
                #policy
                #undo
            }
            #requires
            #call
            #checks
        };
    }
}

/// The type that stands beside the function under its name.
fn marker(model: &NodeModel, generics: &Generics) -> TokenStream {
    let (name, vis) = (&model.function.sig.ident, &model.function.vis);
    let generics = without_bounds(generics);
    let parameters = &generics.params;
    let fields = if parameters.is_empty() {
        quote!({})
    } else {
        let types = phantom(&generics);
        quote!({ _types: #types })
    };
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #name <#parameters> #fields
    }
}

/// A type that holds the type parameters, which may have no size, and nothing of them.
fn phantom(generics: &Generics) -> TokenStream {
    let types = generics.type_params().map(|ty| &ty.ident);
    quote!(::core::marker::PhantomData<fn() -> (#(*const #types,)*)>)
}

/// That an engine's state has what the node takes.
fn requires(model: &NodeModel, generics: &Generics, states: &[Type], flow: &Ident) -> TokenStream {
    let name = &model.function.sig.ident;
    let undo = model.options.undo.iter().map(|undo| &undo.path).collect::<Vec<_>>();
    if states.is_empty() && undo.is_empty() {
        let generics = without_bounds(generics);
        let (parameters, (_, ty_generics, _)) = (generics.params.iter(), generics.split_for_impl());
        return quote!(impl<__State, #(#parameters),*> #flow::Requires<__State> for #name #ty_generics {});
    }
    let bounded = !undo.is_empty() || states.iter().any(|state| depends(state, generics));
    let generics = &if bounded { generics.clone() } else { without_bounds(generics) };
    let (_, ty_generics, where_clause) = generics.split_for_impl();
    let parameters = generics.params.iter();
    let predicates = where_clause.map(|clause| clause.predicates.iter().collect::<Vec<_>>()).unwrap_or_default();
    quote! {
        #[automatically_derived]
        impl<__State, #(#parameters),*> #flow::Requires<__State> for #name #ty_generics
        where
            __State: ::core::marker::Send + ::core::marker::Sync + 'static,
            #(__State: #flow::Provide<#states>,)*
            #(#undo: #flow::Requires<__State>,)*
            #(#predicates,)*
        {
            fn register(providers: &mut #flow::Providers) {
                #(#flow::Providers::add::<__State, #states>(providers);)*
                #(<#undo as #flow::Requires<__State>>::register(providers);)*
            }
        }
    }
}

/// How a workflow calls the node: a method at the node's name that takes what the user sees. Its own name is the same
/// for all nodes, because a workflow may know this one by another.
fn call(model: &NodeModel, generics: &Generics, flow: &Ident, body: &TokenStream) -> TokenStream {
    let name = &model.function.sig.ident;
    // The bounds stand at the method, so that it alone asks for them, by the user's own words.
    let predicates = predicates(generics);
    let lives = generics.type_params().map(|ty| &ty.ident);
    let generics = &without_bounds(generics);
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let call_generics = with_call_lifetime(generics);
    let (call_impl, call_ty, _) = call_generics.split_for_impl();
    let generic = generics.type_params().next().map(|_| (phantom(generics), quote!(::core::marker::PhantomData)));
    let (types, types_value) = generic.map(|(types, value)| (quote!(, #types), quote!(, #value))).unzip();
    let parameters = model.parameters.iter().filter_map(visible);
    let method = Ident::new("call", name.span());
    quote! {
        #[doc(hidden)]
        pub struct __Call #call_generics (&'__c #flow::NodeContext #types);

        impl #impl_generics #name #ty_generics {
            #[doc(hidden)]
            pub fn __at<'__c>(cx: &'__c #flow::NodeContext) -> __Call #call_ty { __Call(cx #types_value) }
        }

        impl #call_impl __Call #call_ty {
            #[doc(hidden)]
            pub fn #method(self, #(#parameters),*) -> #flow::Body<'__c>
            where
                #(#lives: '__c,)*
                #(#predicates,)*
            {
                #body
            }
        }
    }
}

/// The body that the engine polls; its types carry the spans of the user's, so that what does not fit is reported
/// there.
fn body(model: &NodeModel) -> TokenStream {
    let flow = flow();
    let (ty, name) = (&model.output.ty, &model.function.sig.ident);
    let clones = model.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Cloned)).map(|parameter| {
        let name = &parameter.name;
        quote!(let #name = ::core::clone::Clone::clone(#name);)
    });
    let called = called(model);
    let future = if model.options.blocking.is_some() { quote!(async move { #called }) } else { called };
    let error = match &model.output.failure {
        Failure::Never => {
            // A `Result` under another name would be taken for an output, and for those `run` is something else. What
            // is said of the type stands at it.
            let at = ends(ty).0;
            let flow = Ident::new("__flow", at);
            let body = quote_spanned!(at=> #flow::Probe::<#ty>::NEW.run(#future));
            return quote!(#(#clones)* #body);
        }
        Failure::Of(error) => error.to_token_stream(),
        Failure::Hidden => quote!(_),
    };
    let condition = model.options.retry.as_ref().and_then(|retry| retry.condition.as_ref());
    let condition = condition.map_or_else(|| quote!(|_| true), ToTokens::to_token_stream);
    let body = quote_spanned!(name.span()=> #flow::run_fallible::<#ty, #error>(#future, #condition));
    quote!(#(#clones)* #body)
}

/// The call of the node that undoes this one, where that is what is to be done.
fn undo(model: &NodeModel) -> Option<TokenStream> {
    let Undo { path, args, span } = model.options.undo.as_ref()?;
    let (flow, ty) = (flow(), &model.output.ty);
    let inputs = || args.iter().filter_map(plain_name).filter_map(|name| model.input(name));
    // What is cloned for the body is borrowed for shorter than the future lives, so that takes a clone along.
    let clones = inputs().filter(|input| matches!(input.role, Role::Cloned)).map(|input| {
        let name = &input.name;
        quote!(let #name = ::core::clone::Clone::clone(#name);)
    });
    let args = args.iter().filter_map(plain_name).map(|name| match model.input(name) {
        Some(Parameter { role: Role::Cloned, .. }) => quote_spanned!(name.span()=> &#name),
        Some(_) => name.to_token_stream(),
        None => quote_spanned!(name.span()=> __output),
    });
    let output = quote_spanned!(ty.span()=> self.0.undone::<#ty>());
    let called = call_of(path, *span, args);
    Some(quote! {
        if let #flow::Some(__output) = #output {
            let __cx = self.0;
            #(#clones)*
            return #flow::later(async move { #called.await });
        }
    })
}

/// The call of a node in the context `__cx`; a message about an argument stands at it, one about their number at the
/// node's name.
fn call_of(path: &Path, span: Span, args: impl Iterator<Item = TokenStream>) -> TokenStream {
    let at = path.segments.last().map_or(span, |last| last.ident.span());
    let method = Ident::new("call", at);
    let mut arguments = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, quote!(#(#args),*));
    arguments.set_span(span);
    quote_spanned!(at=> <#path>::__at(__cx).#method #arguments)
}

/// The call of the function as the user wrote it.
fn called(model: &NodeModel) -> TokenStream {
    let signature = &model.function.sig;
    let name = &signature.ident;
    let types = signature.generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(ty) => Some(&ty.ident),
        GenericParam::Const(constant) => Some(&constant.ident),
        GenericParam::Lifetime(_) => None,
    });
    let arguments = model.parameters.iter().map(|parameter| match &parameter.role {
        Role::State(ty) => {
            let ty = in_lifetime(ty, "static");
            quote!(self.0.state::<#ty>())
        }
        Role::Context => quote!(self.0),
        Role::Borrowed(_) | Role::Cloned => parameter.name.to_token_stream(),
    });
    quote_spanned!(name.span()=> #name::<#(#types),*>(#(#arguments),*))
}

/// An undo is attempted until it succeeds, and again after a crash.
fn undo_is_repeatable(model: &NodeModel) -> Option<TokenStream> {
    let Undo { path, .. } = model.options.undo.as_ref()?;
    if !model.function.sig.generics.params.is_empty() {
        return None;
    }
    let flow = flow();
    let at = path.segments.last().map_or_else(Span::call_site, |last| last.ident.span());
    Some(quote_spanned! {at=>
        ::core::assert!(!<#path as #flow::Node>::POLICY.at_most_once, #NO_REPEAT);
        ::core::assert!(<#path as #flow::Node>::PLAN.is_none(), #NO_NODE);
    })
}

/// A parameter as a workflow's author sees it; state and context are none.
fn visible(parameter: &Parameter) -> Option<TokenStream> {
    let name = &parameter.name;
    let ty = match &parameter.role {
        Role::State(_) | Role::Context => return None,
        Role::Borrowed(reference) => in_lifetime(&Type::Reference((**reference).clone()), "__c").to_token_stream(),
        Role::Cloned => {
            let ty = in_lifetime(&parameter.ty, "__c");
            quote!(&#ty)
        }
    };
    Some(quote!(#name: #ty))
}

/// A type with all its lifetimes, written or not, replaced by this one; `'static` stays.
fn in_lifetime(ty: &Type, lifetime: &str) -> Type {
    struct Replace<'l>(&'l str);
    impl Replace<'_> {
        fn lifetime(&self, span: proc_macro2::Span) -> Lifetime {
            Lifetime::new(&format!("'{}", self.0), span)
        }
    }
    impl VisitMut for Replace<'_> {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            let span = reference.and_token.span;
            reference.lifetime.get_or_insert_with(|| self.lifetime(span));
            visit_mut::visit_type_reference_mut(self, reference);
        }
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = self.lifetime(lifetime.span());
            }
        }
    }
    let mut ty = ty.clone();
    Replace(lifetime).visit_type_mut(&mut ty);
    ty
}

/// The generics without lifetimes: those of a call are all the same.
fn type_generics(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    generics.params =
        generics.params.into_iter().filter(|parameter| !matches!(parameter, GenericParam::Lifetime(_))).collect();
    if let Some(clause) = &mut generics.where_clause {
        let types =
            clause.predicates.clone().into_iter().filter(|predicate| matches!(predicate, syn::WherePredicate::Type(_)));
        clause.predicates = types.collect();
    }
    generics
}

/// All that the generics ask for, one predicate each.
fn predicates(generics: &Generics) -> Vec<TokenStream> {
    let inline = generics.type_params().filter_map(|parameter| {
        let (ident, bounds) = (&parameter.ident, parameter.bounds.iter().filter(|bound| !is_relaxed(bound)));
        let bounds: Vec<_> = bounds.collect();
        (!bounds.is_empty()).then(|| quote!(#ident: #(#bounds)+*))
    });
    let clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    inline.chain(clause.map(ToTokens::to_token_stream)).collect()
}

fn with_call_lifetime(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let lifetime = Lifetime::new("'__c", proc_macro2::Span::call_site());
    generics.params.insert(0, GenericParam::Lifetime(syn::LifetimeParam::new(lifetime)));
    generics.where_clause = None;
    generics
}
