//! Which types of a generic node are there for any type argument, whatever its bounds. In: a type as written, and the
//! generics of its function. Out: whether it needs them. Where the facts about a node need no bounds, an argument that
//! breaks one is a single mistake, reported at the call.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, GenericParam, Generics, Ident, PathArguments, Type, TypeParamBound};

/// Types that are known to ask nothing of their arguments.
const UNDEMANDING: &[&str] =
    &["Option", "Result", "Vec", "VecDeque", "Box", "Arc", "HashMap", "BTreeMap", "HashSet", "BTreeSet"];

/// Whether the type may not be there unless the function's bounds hold.
pub(crate) fn needs_bounds(ty: &Type, generics: &Generics) -> bool {
    if !depends(ty, generics) {
        return false;
    }
    match ty {
        Type::Paren(ty) => needs_bounds(&ty.elem, generics),
        Type::Tuple(ty) => ty.elems.iter().any(|element| needs_bounds(element, generics)),
        Type::Array(ty) => needs_bounds(&ty.elem, generics),
        Type::Path(ty) if ty.qself.is_none() => {
            let Some(last) = ty.path.segments.last() else { return true };
            match &last.arguments {
                // `T` is there; whether `T::Item` is depends on a bound.
                PathArguments::None => ty.path.segments.len() > 1,
                PathArguments::AngleBracketed(arguments) if UNDEMANDING.iter().any(|name| last.ident == name) => {
                    arguments.args.iter().any(|argument| match argument {
                        GenericArgument::Type(ty) => needs_bounds(ty, generics),
                        _ => true,
                    })
                }
                _ => true,
            }
        }
        _ => true,
    }
}

/// Whether the type is another one for other type arguments.
pub(crate) fn depends(ty: &Type, generics: &Generics) -> bool {
    mentions(ty.to_token_stream(), generics)
}

/// The generics without what they ask for. That a type need have no size asks for nothing, so it stays.
pub(crate) fn without_bounds(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    generics.where_clause = None;
    for parameter in generics.type_params_mut() {
        parameter.bounds = parameter.bounds.iter().filter(|bound| is_relaxed(bound)).cloned().collect();
    }
    generics
}

/// Whether this asks for nothing: `?Sized`.
pub(crate) fn is_relaxed(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if bound.maybe.is_some())
}

fn mentions(tokens: TokenStream, generics: &Generics) -> bool {
    let is_parameter = |ident: &Ident| {
        generics.params.iter().any(|parameter| match parameter {
            GenericParam::Type(parameter) => parameter.ident == *ident,
            GenericParam::Const(parameter) => parameter.ident == *ident,
            GenericParam::Lifetime(_) => false,
        })
    };
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_parameter(&ident),
        TokenTree::Group(group) => mentions(group.stream(), generics),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use syn::{Generics, Type, parse_quote};

    use super::needs_bounds;

    #[test]
    fn a_type_that_may_ask_for_a_bound_needs_it() {
        let generics: Generics = parse_quote!(<T: Iterator, U: Clone, const N: usize>);
        let undemanding: [Type; 6] = [
            parse_quote!(String),
            parse_quote!(T),
            parse_quote!(std::vec::Vec<(T, Option<[U; N]>)>),
            parse_quote!(Wrapper<String>),
            parse_quote!(()),
            parse_quote!(<String as Tr>::Out),
        ];
        let demanding: [Type; 5] = [
            parse_quote!(T::Item),
            parse_quote!(<T as Iterator>::Item),
            parse_quote!(Wrapper<T>),
            parse_quote!(Vec<T::Item>),
            parse_quote!(Array<N>),
        ];
        assert!(undemanding.iter().all(|ty| !needs_bounds(ty, &generics)));
        assert!(demanding.iter().all(|ty| needs_bounds(ty, &generics)));
    }
}
