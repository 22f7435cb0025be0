//! In: tokens. Out: their text, spaced as one would write it, the same from every compiler: arm labels are part of
//! a plan's fingerprint and must not depend on how a compiler prints tokens.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens as text.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let mut out = String::new();
    write(&mut out, tokens.to_token_stream());
    out
}

fn write(out: &mut String, tokens: TokenStream) {
    let mut glued = true;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                if out.ends_with(' ') || glued {
                    out.push_str(open.trim_start());
                } else {
                    out.push_str(open);
                }
                write(out, group.stream());
                out.push_str(close);
                glued = false;
            }
            TokenTree::Punct(punct) => {
                glued = write_punct(out, punct.as_char(), punct.spacing());
            }
            other => {
                if !glued && !out.is_empty() && !out.ends_with([' ', '(', '[']) {
                    out.push(' ');
                }
                out.push_str(&other.to_string());
                glued = false;
            }
        }
    }
}

/// Writes one sign, and says whether what follows stands right behind it.
fn write_punct(out: &mut String, sign: char, spacing: Spacing) -> bool {
    match sign {
        ',' | ';' => {
            out.push(sign);
            out.push(' ');
            true
        }
        ':' => {
            out.push(':');
            let second = out.ends_with("::");
            if spacing == Spacing::Alone && !second {
                out.push(' ');
            }
            true
        }
        '.' | '&' | '#' | '!' | '\'' | '<' => {
            out.push(sign);
            true
        }
        '|' | '=' | '@' | '+' | '*' | '/' => {
            if !out.ends_with([' ', '|', '=', '<', '>', '!', '.', '&']) && !out.is_empty() {
                out.push(' ');
            }
            out.push(sign);
            if spacing == Spacing::Alone {
                out.push(' ');
            }
            true
        }
        '>' => {
            out.push(sign);
            if out.ends_with("=>") || out.ends_with("->") {
                out.push(' ');
                return true;
            }
            false
        }
        _ => {
            out.push(sign);
            true
        }
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
        ] {
            assert_eq!(text(&tokens), expected);
        }
    }
}
