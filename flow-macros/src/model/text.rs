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
    let mut spaces = Spaces::default();
    for word in &words {
        if spaces.between(before, word) && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        before = word;
    }
    out
}

/// The tokens in a row, with signs that belong together as one.
fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    let mut signs = String::new();
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            signs.push(punct.as_char());
            // How far a compiler says that signs are joined has changed before, so they are taken apart below.
            if punct.spacing() == Spacing::Alone {
                split(&std::mem::take(&mut signs), words);
            }
            continue;
        }
        // The tick of a lifetime stands before its name.
        let tick = signs.strip_suffix('\'').map(str::len);
        signs.truncate(tick.unwrap_or(signs.len()));
        split(&std::mem::take(&mut signs), words);
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                words.push(open.to_owned());
                collect(group.stream(), words);
                words.push(close.to_owned());
            }
            word if tick.is_some() => words.push(format!("'{word}")),
            word => words.push(word.to_string()),
        }
    }
    split(&signs, words);
}

/// Signs without a space between them, each as Rust reads it.
fn split(signs: &str, words: &mut Vec<String>) {
    const LONG: &[&str] =
        &["..=", "...", "<<=", ">>=", "::", "..", "->", "=>", "&&", "||", "==", "!=", "<=", ">=", "<<"];
    let mut rest = signs;
    while let Some(first) = rest.chars().next() {
        let sign = LONG.iter().find(|sign| rest.starts_with(**sign)).map_or(first.len_utf8(), |sign| sign.len());
        let (sign, others) = rest.split_at(sign);
        words.push(sign.to_owned());
        rest = others;
    }
}

/// Where spaces stand between the words.
#[derive(Default)]
struct Spaces {
    /// How many `<` of types are open.
    open: u32,
    /// A guard has begun: from here on `<` compares, unless it follows `::`.
    guard: bool,
    /// The word before stands before its operand, as `-` in `-1`.
    prefix: bool,
    /// The word before closes a type's `<`.
    closed: bool,
}

impl Spaces {
    /// Whether a space stands between two words.
    fn between(&mut self, before: &str, after: &str) -> bool {
        const TIGHT_AFTER: &[&str] = &["(", "[", "::", ".", "#", "..", "..=", "", "$", "!"];
        const TIGHT_BEFORE: &[&str] = &[")", "]", ",", ";", ":", "::", ".", "?", "..", "..=", ""];
        let is_lifetime = before.starts_with('\'') && !before.ends_with('\'');
        let is_operand = !is_lifetime && before.ends_with(|c: char| c.is_alphanumeric() || "_)]}\"'".contains(c));
        let was_prefix =
            std::mem::replace(&mut self.prefix, ["-", "*", "&", "&&", "!"].contains(&after) && !is_operand);
        let was_closed = std::mem::replace(&mut self.closed, after == ">" && self.open > 0);
        self.guard |= before == "if";
        if after == "<" && (!self.guard || before == "::" || self.open > 0) {
            self.open += 1;
            return false;
        }
        if self.closed {
            self.open -= 1;
            return false;
        }
        match (before, after) {
            (_, "") | ("", _) => false,
            ("<", _) if self.open > 0 => false,
            (_, "(" | "[") if was_closed => false,
            ("," | "@" | "{" | "=>" | "->" | "|", _) | (_, "@" | "{" | "}" | "=>" | "->" | "|") => true,
            (_, "(" | "[") if is_operand => ["if", "in", "match", "as", "ref", "mut"].contains(&before),
            (before, after) => !was_prefix && !TIGHT_AFTER.contains(&before) && !TIGHT_BEFORE.contains(&after),
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
            (quote!(Some(n) if n.big() && !flag), "Some(n) if n.big() && !flag"),
            (quote!(Cow<'static, str>), "Cow<'static, str>"),
            (quote!([u8; 4]), "[u8; 4]"),
            (quote!(-5..=-1), "-5..=-1"),
            (quote!(..=-1), "..=-1"),
            (quote!(Some(n) if n > 10 && n < -3), "Some(n) if n > 10 && n < -3"),
            (quote!(n if n.of::<Vec<u8>>() >= 1 << 3), "n if n.of::<Vec<u8>>() >= 1 << 3"),
            (quote!(n if (n + 1) % 2 == xs[0] - 1), "n if (n + 1) % 2 == xs[0] - 1"),
            (quote!(n if !flag || *n == &*m), "n if !flag || *n == &*m"),
            (quote!(ref n @ Some(_)), "ref n @ Some(_)"),
            (quote!(a::B::<u8>(x) | &&"c"), "a::B::<u8>(x) | &&\"c\""),
            (quote!('a'..='z'), "'a'..='z'"),
            (quote!(HashMap<String, fn(u8) -> Option<u8>>), "HashMap<String, fn(u8) -> Option<u8>>"),
            (quote!(&'a [&'static str]), "&'a [&'static str]"),
            (quote!(<T as Tr>::Out), "<T as Tr>::Out"),
            (quote!(Box<dyn Fn(u8, u8) + Send>), "Box<dyn Fn(u8, u8) + Send>"),
        ] {
            assert_eq!(text(&tokens), expected);
        }
    }
}
