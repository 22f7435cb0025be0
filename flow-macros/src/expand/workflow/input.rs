//! The workflow's input as a tuple. serde knows tuples of up to 16, so more than 12 parameters are nested.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};

/// The most elements of one tuple.
const WIDTH: usize = 12;

/// The tuple of these parts, which are types or values.
pub(super) fn tuple<T: ToTokens>(parts: &[T]) -> TokenStream {
    if parts.len() <= WIDTH {
        return quote!((#(#parts,)*));
    }
    let groups: Vec<TokenStream> = parts.chunks(WIDTH.max(parts.len().div_ceil(WIDTH))).map(tuple).collect();
    tuple(&groups)
}

/// The way from the tuple to one of its parts.
pub(super) fn place(count: usize, part: usize) -> TokenStream {
    if count <= WIDTH {
        let part = Literal::usize_unsuffixed(part);
        return quote!(.#part);
    }
    let width = WIDTH.max(count.div_ceil(WIDTH));
    let groups = count.div_ceil(width);
    let (group, part) = (part / width, part % width);
    let members = if group + 1 == groups { count - group * width } else { width };
    let (outer, inner) = (place(groups, group), place(members, part));
    quote!(#outer #inner)
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};

    use super::{place, tuple};

    #[test]
    fn many_parameters_nest() {
        assert_eq!(tuple::<proc_macro2::Ident>(&[]).to_string(), quote!(()).to_string());
        let three: Vec<_> = (0..3).map(|i| format_ident!("p{i}")).collect();
        assert_eq!(tuple(&three).to_string(), quote!((p0, p1, p2,)).to_string());
        assert_eq!(place(3, 2).to_string(), quote!(.2).to_string());
        assert_eq!(place(14, 13).to_string(), quote!(.1 .1).to_string());
        let many: Vec<_> = (0..14).map(|i| format_ident!("p{i}")).collect();
        let text = tuple(&many).to_string();
        assert!(text.ends_with("(p12 , p13 ,) ,)"), "{text}");
    }
}
