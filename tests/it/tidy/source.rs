//! In: the text of a Rust file. Out: its tokens without comments and without what is compiled for tests alone, and the
//! paths that stand in it, with `use` trees written out. Strings are single tokens, so no rule is misled by them.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A file of the tree.
pub(super) struct Source {
    /// From the workspace's folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// A word or a sign, with its line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A path such as `crate::plan::Plan`, by its segments, with the line where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// Whether it begins with `::`.
    pub(super) absolute: bool,
}

impl Source {
    /// Whether all of the file is compiled for tests alone.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/src/") && self.path.contains("/tests/")
    }

    /// The file's tokens.
    fn trees(&self) -> Vec<TokenTree> {
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        without_tests(tokens)
    }

    /// The tokens in a row, groups taken apart.
    pub(super) fn tokens(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        flatten(self.trees(), &mut tokens);
        tokens
    }

    /// All paths of at least two segments.
    pub(super) fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        collect(&self.trees(), &Start::default(), &mut paths);
        paths.retain(|path| path.segments.len() > 1);
        paths
    }
}

/// Leaves out each item behind `#[cfg(test)]`, and attributes that hold for tests alone.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_test = matches!((&token, tokens.peek()), (TokenTree::Punct(sign), Some(TokenTree::Group(group)))
            if sign.as_char() == '#' && group.stream().to_string().replace(' ', "") == "cfg(test)");
        if !is_test {
            kept.push(match token {
                TokenTree::Group(group) => {
                    let inside: TokenStream = without_tests(group.stream()).into_iter().collect();
                    let mut kept = Group::new(group.delimiter(), inside);
                    kept.set_span(group.span_open());
                    kept.into()
                }
                token => token,
            });
            continue;
        }
        for token in tokens.by_ref() {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ';' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                _ => {}
            }
        }
    }
    kept
}

fn flatten(trees: Vec<TokenTree>, into: &mut Vec<Token>) {
    for tree in trees {
        let line = tree.span().start().line;
        let mut push = |text: &str| into.push(Token { text: text.to_owned(), line });
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(open);
                flatten(group.stream().into_iter().collect(), into);
                into.push(Token { text: close.to_owned(), line });
            }
            tree => push(&tree.to_string()),
        }
    }
}

/// What stands before the tokens that are being read.
#[derive(Clone, Default)]
struct Start {
    segments: Vec<String>,
    line: usize,
    absolute: bool,
}

/// Reads paths; `start` is what stands before a `{..}` of a `use` tree.
fn collect(trees: &[TokenTree], start: &Start, into: &mut Vec<Path>) {
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        match tree {
            TokenTree::Ident(ident) => {
                let absolute = start.absolute || (start.segments.is_empty() && colons(trees, at.wrapping_sub(2)));
                let line = if start.segments.is_empty() { ident.span().start().line } else { start.line };
                let mut path = Start { segments: start.segments.clone(), line, absolute };
                // `$crate` is imported by whoever calls the macro.
                let dollar = if sign(trees, at.wrapping_sub(1), '$') { "$" } else { "" };
                path.segments.push(format!("{dollar}{ident}"));
                at += 1;
                while colons(trees, at) {
                    match trees.get(at + 2) {
                        Some(TokenTree::Ident(ident)) => path.segments.push(ident.to_string()),
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                            collect(&inside, &path, into);
                            path.segments.clear();
                            at += 3;
                            break;
                        }
                        _ => break,
                    }
                    at += 3;
                }
                into.push(Path { segments: path.segments, line, absolute });
            }
            TokenTree::Group(group) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                collect(&inside, &Start::default(), into);
                at += 1;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}

/// Whether `::` stands there.
fn colons(trees: &[TokenTree], at: usize) -> bool {
    sign(trees, at, ':') && sign(trees, at.wrapping_add(1), ':')
}

fn sign(trees: &[TokenTree], at: usize, which: char) -> bool {
    matches!(trees.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == which)
}
