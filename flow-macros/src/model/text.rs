//! In: tokens. Out: their text, spaced as one would write it, the same from every compiler: arm labels are part of
//! a plan's fingerprint and must not depend on how a compiler prints tokens.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens as text.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let mut words = Vec::new();
    collect(tokens.to_token_stream(), &mut words);
    let mut out = String::new();
    let mut before = "";
    for word in &words {
        if !out.is_empty() && is_spaced(before, word) {
            out.push(' ');
        }
        out.push_str(word);
        before = word;
    }
    out
}

/// The tokens in a row, with signs that belong together as one.
fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    let mut sign = String::new();
    for token in tokens {
        match token {
            TokenTree::Punct(punct) => {
                sign.push(punct.as_char());
                if punct.spacing() == Spacing::Alone || punct.as_char() == ',' {
                    words.push(std::mem::take(&mut sign));
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                words.extend((!sign.is_empty()).then(|| std::mem::take(&mut sign)));
                words.push(open.to_owned());
                collect(group.stream(), words);
                words.push(close.to_owned());
            }
            word => {
                // The tick of a lifetime stands before its name.
                let word = std::mem::take(&mut sign) + &word.to_string();
                words.push(word);
            }
        }
    }
    words.extend((!sign.is_empty()).then_some(sign));
}

/// Whether a space stands between two words.
fn is_spaced(before: &str, after: &str) -> bool {
    const TIGHT_AFTER: &[&str] = &["(", "[", "::", ".", "&", "!", "#", "<", "..", "..=", "", "$"];
    const TIGHT_BEFORE: &[&str] = &[")", "]", ",", ";", ":", "::", ".", "<", ">", ">>", "?", "..", "..=", ""];
    let is_word = |text: &str| text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match (before, after) {
        ("," | "@" | "{" | "=>" | "->" | "|", _) | (_, "@" | "{" | "}" | "=>" | "->" | "|") => true,
        (before, "(" | "[") => !is_word(before) && !TIGHT_AFTER.contains(&before) && before != ">",
        (before, after) => !TIGHT_AFTER.contains(&before) && !TIGHT_BEFORE.contains(&after),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::text;

    #[test]
    fn patterns_read_as_one_writes_them() {
        for (tokens, expected) in [
            (quote!(Payment::Paid(slip)), "Payment::Paid(slip)"),
            (quote!(Some(1) | None), "Some(1) | None"),
            (quote!(Point { x, y: 1..=3, .. }), "Point { x, y: 1..=3, .. }"),
            (quote!((a, _)), "(a, _)"),
            (quote!([first, rest @ ..]), "[first, rest @ ..]"),
            (quote!(&"text"), "&\"text\""),
            (quote!(Vec<Option<u8>>), "Vec<Option<u8>>"),
            (quote!(order: &Order, limit: u32), "order: &Order, limit: u32"),
            (quote!(_), "_"),
            (quote!(Some(n) if n.big() && !flag), "Some(n) if n.big() && !flag"),
            (quote!(Cow<'static, str>), "Cow<'static, str>"),
            (quote!([u8; 4]), "[u8; 4]"),
        ] {
            assert_eq!(text(&tokens), expected);
        }
    }
}
