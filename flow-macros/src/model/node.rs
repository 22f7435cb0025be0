//! In: a node as written. Out: what expansion needs to know: its parameters by role, its output, its options.

use syn::visit::Visit;
use syn::{FnArg, GenericArgument, Ident, ItemFn, Pat, PathArguments, ReturnType, Type, TypeReference};

use super::policy::{self, Options, Place};
use crate::diagnostics::Errors;
use crate::parse::node::NodeSyntax;

/// A function marked `#[node]`.
pub(crate) struct NodeModel {
    /// The function, as it is emitted.
    pub(crate) function: ItemFn,
    pub(crate) options: Options,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: NodeOutput,
}

/// A parameter of a node.
pub(crate) struct Parameter {
    /// The name that a caller sees.
    pub(crate) name: Ident,
    pub(crate) role: Role,
    /// The type as written.
    pub(crate) ty: Type,
}

/// Where a parameter comes from.
pub(crate) enum Role {
    /// A value of the workflow, borrowed.
    Borrowed(Box<TypeReference>),
    /// A value of the workflow, cloned.
    Cloned,
    /// A part of the application state.
    State(Box<Type>),
    /// The node's context.
    Context,
}

/// What a node returns.
pub(crate) struct NodeOutput {
    /// The type of the output.
    pub(crate) ty: Type,
    pub(crate) failure: Failure,
}

/// Whether an output comes in a `Result`.
pub(crate) enum Failure {
    /// It does not: the function cannot fail.
    Never,
    /// It does, and the error's type is written.
    Of(Box<Type>),
    /// It does, and the error's type is hidden in an alias such as `anyhow::Result`.
    Hidden,
}

/// The model of a node.
pub(crate) fn resolve(errors: &mut Errors, syntax: NodeSyntax) -> NodeModel {
    let NodeSyntax { options, function, is_state } = syntax;
    let options = policy::options(errors, options, Place::Node);
    let condition = options.retry.as_ref().and_then(|retry| retry.condition.as_ref()).and_then(|path| path.get_ident());
    let taken: Vec<&Ident> = std::iter::once(&function.sig.ident).chain(condition).collect();
    let parameters = function
        .sig
        .inputs
        .iter()
        .zip(is_state)
        .enumerate()
        .filter_map(|(index, (parameter, is_state))| match parameter {
            FnArg::Typed(parameter) => Some((index, parameter, is_state)),
            // A receiver is reported by `check`.
            FnArg::Receiver(_) => None,
        })
        .map(|(index, parameter, is_state)| Parameter {
            name: visible_name(&parameter.pat, index, &taken),
            role: role(&parameter.ty, is_state),
            ty: (*parameter.ty).clone(),
        })
        .collect();
    let output = output(&function.sig.output);
    NodeModel { function, options, parameters, output }
}

/// The parameter's own name, unless it is a pattern or hides a function that generated code calls.
fn visible_name(pattern: &Pat, index: usize, taken: &[&Ident]) -> Ident {
    match pattern {
        Pat::Ident(pattern) if !taken.contains(&&pattern.ident) => pattern.ident.clone(),
        _ => quote::format_ident!("argument_{}", index + 1),
    }
}

fn role(ty: &Type, is_state: bool) -> Role {
    match ty {
        Type::Reference(reference) if is_state => Role::State(reference.elem.clone()),
        Type::Reference(reference) if is_context(&reference.elem) => Role::Context,
        Type::Reference(reference) => Role::Borrowed(Box::new(reference.clone())),
        ty if is_state => Role::State(Box::new(ty.clone())),
        _ => Role::Cloned,
    }
}

fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "NodeContext"))
}

fn output(output: &ReturnType) -> NodeOutput {
    let ReturnType::Type(_, ty) = output else {
        return NodeOutput { ty: syn::parse_quote!(()), failure: Failure::Never };
    };
    if let Type::Path(path) = &**ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
    {
        let mut types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty.clone()),
            _ => None,
        });
        if let Some(ty) = types.next() {
            return NodeOutput {
                ty,
                failure: types.next().map_or(Failure::Hidden, |error| Failure::Of(Box::new(error))),
            };
        }
    }
    NodeOutput { ty: (**ty).clone(), failure: Failure::Never }
}

impl NodeModel {
    /// The parameters that a workflow gives.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Borrowed(_) | Role::Cloned))
    }

    /// The parameter of this name that a workflow gives.
    pub(crate) fn input(&self, name: &Ident) -> Option<&Parameter> {
        self.inputs().find(|input| input.name == *name)
    }

    /// The name that plans and stores keep.
    pub(crate) fn stored_name(&self) -> String {
        match &self.options.name {
            Some(name) => name.value(),
            None => self.function.sig.ident.to_string().trim_start_matches("r#").to_owned(),
        }
    }

    /// The output type, or `()` where what is written cannot be one, so that only this is reported.
    pub(crate) fn storable_output(&self) -> Type {
        struct Unstorable(bool);
        impl Visit<'_> for Unstorable {
            fn visit_type_reference(&mut self, _: &TypeReference) {
                self.0 = true;
            }
            fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
                self.0 = true;
            }
        }
        let mut unstorable = Unstorable(false);
        unstorable.visit_type(&self.output.ty);
        if unstorable.0 { syn::parse_quote!(()) } else { self.output.ty.clone() }
    }

    /// The output type as text, spaced as people write it.
    pub(crate) fn output_text(&self) -> String {
        super::text::text(&self.output.ty)
    }
}
