//! The rules of a node. Each is one function, and [`node`] lists them all.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{FnArg, GenericParam, ReturnType, Type, TypeImplTrait, TypeReference};

use super::Checked;
use crate::diagnostics::{Errors, nearest};
use crate::model::node::{Failure, NodeModel, Role};
use crate::model::policy::OUTPUT;
use crate::model::text::text;
use crate::parse::language::plain_name;

/// Holds a node to all rules; gives the model back with the errors if it breaks one.
pub(crate) fn node(mut errors: Errors, model: NodeModel) -> Result<Checked<NodeModel>, Box<(NodeModel, syn::Error)>> {
    is_a_free_function(&mut errors, &model);
    waits_or_blocks(&mut errors, &model);
    is_plain_rust(&mut errors, &model);
    takes_shared_values(&mut errors, &model);
    names_its_types(&mut errors, &model);
    state_is_borrowed(&mut errors, &model);
    state_has_a_size(&mut errors, &model);
    has_one_context(&mut errors, &model);
    output_is_owned(&mut errors, &model);
    can_fail_if_it_judges_failures(&mut errors, &model);
    deadline_leaves_room(&mut errors, &model);
    undo_fits(&mut errors, &model);
    match errors.finish() {
        Some(error) => Err(Box::new((model, error))),
        None => Ok(Checked(model)),
    }
}

/// A node is a function of its own: a marker type of the same name stands beside it.
fn is_a_free_function(errors: &mut Errors, model: &NodeModel) {
    for parameter in &model.function.sig.inputs {
        if let FnArg::Receiver(receiver) = parameter {
            errors.report(
                receiver.self_token,
                "a method cannot be a node\nhelp: write a function beside the `impl`, and take what `self` was as `#[state] name: &Type`",
            );
        }
    }
}

/// A node waits (`async`) or says that it blocks its thread.
fn waits_or_blocks(errors: &mut Errors, model: &NodeModel) {
    let signature = &model.function.sig;
    match (&signature.asyncness, &model.options.blocking) {
        (Some(_), Some(blocking)) => errors.report(
            blocking,
            "an `async fn` does not block its thread\nhelp: remove `blocking`, or `async` if the body blocks",
        ),
        (None, None) => errors.report(
            signature.fn_token,
            format!(
                "`{}` is not async\nhelp: write `async fn`, or `#[node(blocking)]` if the body blocks its thread",
                signature.ident
            ),
        ),
        _ => {}
    }
}

/// `const`, `unsafe`, `extern` and variadic functions are no nodes.
fn is_plain_rust(errors: &mut Errors, model: &NodeModel) {
    let signature = &model.function.sig;
    let help = "help: remove it";
    if let Some(token) = &signature.constness {
        errors.report(token, format!("a node is not `const`\n{help}"));
    }
    if signature.abi.is_some() {
        errors.report(&signature.abi, format!("a node has no ABI of its own\n{help}"));
    }
    if signature.variadic.is_some() {
        errors.report(&signature.variadic, format!("a node has a fixed number of parameters\n{help}"));
    }
    if signature.safety.to_token_stream().to_string() == "unsafe" {
        errors.report(
            &signature.safety,
            format!("a node is not `unsafe`: nobody stands at the call to keep its promises\n{help}"),
        );
    }
}

/// Inputs are shared by all who use them, so no node changes them.
fn takes_shared_values(errors: &mut Errors, model: &NodeModel) {
    struct Mutable<'e>(&'e mut Errors);
    impl Visit<'_> for Mutable<'_> {
        fn visit_type_reference(&mut self, reference: &TypeReference) {
            if let Some(token) = &reference.mutability {
                self.0
                    .report(token, "an input is shared and cannot be changed\nhelp: take `&T`, or `T` to have a clone");
            }
            visit::visit_type_reference(self, reference);
        }
    }
    for parameter in &model.parameters {
        Mutable(errors).visit_type(&parameter.ty);
    }
}

/// `impl Trait` has no name to call a node by.
fn names_its_types(errors: &mut Errors, model: &NodeModel) {
    struct Unnamed<'e>(&'e mut Errors, &'static str);
    impl Visit<'_> for Unnamed<'_> {
        fn visit_type_impl_trait(&mut self, unnamed: &TypeImplTrait) {
            self.0.report(unnamed.impl_token, self.1);
        }
    }
    let parameter = "a node's input has a named type\nhelp: write a generic parameter, `<T: Trait>`";
    for input in &model.parameters {
        Unnamed(errors, parameter).visit_type(&input.ty);
    }
    if let ReturnType::Type(_, ty) = &model.function.sig.output {
        Unnamed(errors, "a node's output has a named type\nhelp: name the type that is returned").visit_type(ty);
    }
    for generic in &model.function.sig.generics.params {
        if let GenericParam::Type(generic) = generic
            && let Some((_, default)) = &generic.default
        {
            errors.report(default, "a function's type parameter has no default\nhelp: remove it");
        }
    }
}

/// Application state is lent to a node.
fn state_is_borrowed(errors: &mut Errors, model: &NodeModel) {
    for parameter in &model.parameters {
        if let Role::State(_) = &parameter.role
            && !matches!(parameter.ty, Type::Reference(_))
        {
            let name = &parameter.name;
            errors
                .report(&parameter.ty, format!("application state is borrowed\nhelp: write `#[state] {name}: &Type`"));
        }
    }
}

/// Application state is found by its type, which must have a size for that.
fn state_has_a_size(errors: &mut Errors, model: &NodeModel) {
    for parameter in &model.parameters {
        let Role::State(ty) = &parameter.role else { continue };
        let mut ty = &**ty;
        while let Type::Paren(inner) = ty {
            ty = &inner.elem;
        }
        let is_str = matches!(ty, Type::Path(path) if path.path.is_ident("str"));
        if is_str || matches!(ty, Type::TraitObject(_) | Type::Slice(_)) {
            let help = format!("write `#[state] {}: &Arc<{}>`, and provide that", parameter.name, text(ty));
            errors
                .report(ty, format!("application state is found by its type, and this one has no size\nhelp: {help}"));
        }
    }
}

/// There is one context, and it is no input.
fn has_one_context(errors: &mut Errors, model: &NodeModel) {
    let contexts = model.parameters.iter().filter(|parameter| matches!(parameter.role, Role::Context));
    for parameter in contexts.skip(1) {
        errors.report(&parameter.name, "a node has one context\nhelp: remove this parameter");
    }
}

/// An output outlives the call that made it.
fn output_is_owned(errors: &mut Errors, model: &NodeModel) {
    struct Borrowed<'e>(&'e mut Errors);
    impl Visit<'_> for Borrowed<'_> {
        fn visit_type_reference(&mut self, reference: &TypeReference) {
            let is_static = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
            let advice = if is_static {
                "help: return a `String`, or another type that can be read back from a store"
            } else {
                "help: return an owned value, such as `String` for `&str`"
            };
            self.0.report(reference.and_token, format!("an output is stored, so it borrows nothing\n{advice}"));
        }
    }
    Borrowed(errors).visit_type(&model.output.ty);
}

/// `retry(if = ..)` looks at an error, so there must be one.
fn can_fail_if_it_judges_failures(errors: &mut Errors, model: &NodeModel) {
    if let Some(retry) = &model.options.retry
        && let Some(condition) = &retry.condition
        && matches!(model.output.failure, Failure::Never)
    {
        errors.report(condition, "this node returns no error to look at\nhelp: return a `Result`, or remove `if`");
    }
}

/// What undoes a node is another one, and is given what this one was given.
fn undo_fits(errors: &mut Errors, model: &NodeModel) {
    let Some(undo) = &model.options.undo else { return };
    let name = &model.function.sig.ident;
    if undo.path.is_ident(name) {
        errors.report(&undo.path, format!("`{name}` cannot undo itself\nhelp: name the node that undoes it"));
    }
    if let Some(pure) = &model.options.pure {
        errors.report(pure, "a `pure` node has no effect that could be undone\nhelp: remove `pure`, or `undo`");
    }
    for arg in &undo.args {
        let Some(given) = plain_name(arg) else {
            let help = "name inputs of this node, or `output`; what else it needs it can take from its state";
            errors.report(arg, format!("an undo is given what the node was given\nhelp: {help}"));
            continue;
        };
        if given != OUTPUT && model.input(given).is_none() {
            let inputs: Vec<String> = model.inputs().map(|input| input.name.to_string()).collect();
            let known: Vec<&str> = inputs.iter().map(String::as_str).chain([OUTPUT]).collect();
            let help = match nearest(&given.to_string(), &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are `{}`", known.join("`, `")),
            };
            errors.report(given, format!("`{name}` has no input `{given}`\nhelp: {help}"));
        }
    }
    if let Some(input) = model.inputs().find(|input| input.name == OUTPUT) {
        errors.report(
            &input.name,
            "`output` is the output of the node in its `undo`\nhelp: give this input another name",
        );
    }
}

/// A deadline that is shorter than one attempt may take hides the timeout.
fn deadline_leaves_room(errors: &mut Errors, model: &NodeModel) {
    if let (Some(timeout), Some(deadline)) = (model.options.timeout, model.options.deadline)
        && deadline < timeout
    {
        errors.report(
            &model.function.sig.ident,
            format!("the deadline of all attempts, {deadline:?}, is shorter than the timeout of one, {timeout:?}\nhelp: make the deadline longer, or the timeout shorter"),
        );
    }
}
