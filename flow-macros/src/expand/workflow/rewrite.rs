//! In: plain Rust as written. Out: the same over borrowed values. A name is a place, so it becomes `(*name)`; what a
//! pattern binds is bound by reference. All tokens keep the user's spans.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit::Visit;
use syn::visit_mut::{VisitMut, visit_expr_mut};
use syn::{Expr, Lit, Member, Pat, PatIdent, Stmt, token};

use crate::model::names::key;
use crate::model::pattern::binds;
use crate::model::resolve::ends;
use crate::model::workflow::Expression;
use crate::parse::language::{bare, is_place, plain_name, root};

/// The expression as a value.
pub(super) fn value(expression: &Expression) -> TokenStream {
    places(&expression.expr, expression).into_token_stream()
}

/// The expression as a reference: what a node's parameter takes.
pub(super) fn reference(expression: &Expression) -> TokenStream {
    let expr = bare(&expression.expr);
    if let Expr::Group(group) = &*expression.expr
        && let Some(name) = plain_name(&group.expr)
    {
        // A nested call: two tokens, so that a message about its type covers the call from first to last.
        let and = quote_spanned!(group.group_token.span=> &);
        let star = quote_spanned!(name.span()=> *);
        return quote!(#and #star #name);
    }
    if let Some(name) = plain_name(expr) {
        return name.into_token_stream();
    }
    let borrows = matches!(expr, Expr::Reference(_));
    let is_text = matches!(expr, Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_) | Lit::ByteStr(_)));
    if borrows || is_text {
        return places(expr, expression).into_token_stream();
    }
    let tokens = places(expr, expression);
    borrowed(expr, tokens.into_token_stream())
}

/// `&(tokens)`, spanned so that a message covers the expression from its first to its last token.
fn borrowed(expr: &Expr, tokens: TokenStream) -> TokenStream {
    let (first, last) = ends(expr);
    let and = quote_spanned!(first=> &);
    match expr {
        Expr::Path(_) | Expr::Field(_) | Expr::MethodCall(_) | Expr::Call(_) | Expr::Index(_) | Expr::Lit(_) => {
            quote!(#and #tokens)
        }
        _ => {
            let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, tokens);
            group.set_span(last);
            quote!(#and #group)
        }
    }
}

/// The expression with its names as places.
fn places(expr: &Expr, expression: &Expression) -> Expr {
    let mut expr = expr.clone();
    Places(expression).visit_expr_mut(&mut expr);
    expr
}

struct Places<'n>(&'n Expression);

impl VisitMut for Places<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Some(name) = plain_name(expr) {
            if self.0.names.contains(&key(name)) {
                let span = name.span();
                *expr = dereferenced(expr.clone(), span);
            }
            return;
        }
        match expr {
            Expr::Struct(literal) => {
                for field in &mut literal.fields {
                    self.visit_expr_mut(&mut field.expr);
                    if field.colon_token.is_none()
                        && let Member::Named(name) = &field.member
                    {
                        field.colon_token = Some(token::Colon(name.span()));
                    }
                }
                literal.rest.iter_mut().for_each(|rest| self.visit_expr_mut(rest));
            }
            Expr::Match(matched) => {
                let pats: Vec<&Pat> = matched.arms.iter().map(|arm| unguarded(&arm.pat)).collect();
                let head = Matched::new(&matched.expr, &pats, &self.0.views);
                let scrutinee = head.scrutinee(&matched.expr, self.0);
                for arm in &mut matched.arms {
                    if let Pat::Guard(guarded) = &mut arm.pat {
                        self.visit_expr_mut(&mut guarded.guard);
                    }
                    head.by_reference(&mut arm.pat);
                    self.visit_expr_mut(&mut arm.body);
                }
                *matched.expr = Expr::Verbatim(scrutinee);
            }
            Expr::Let(matched) => {
                let head = Matched::new(&matched.expr, &[&matched.pat], &self.0.views);
                let scrutinee = head.scrutinee(&matched.expr, self.0);
                head.by_reference(&mut matched.pat);
                *matched.expr = Expr::Verbatim(scrutinee);
            }
            expr => visit_expr_mut(self, expr),
        }
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Local(local) => {
                if let Pat::Type(typed) = &mut local.pat {
                    let ty = &typed.ty;
                    *typed.ty = syn::Type::Verbatim(quote!(&#ty));
                }
                if let Some(init) = &mut local.init {
                    let written = init.expr.clone();
                    self.visit_expr_mut(&mut init.expr);
                    let tokens = borrowed(&Expr::Verbatim(written.to_token_stream()), init.expr.to_token_stream());
                    *init.expr = Expr::Verbatim(tokens);
                }
            }
            Stmt::Expr(expr, _) => self.visit_expr_mut(expr),
            Stmt::Item(_) | Stmt::Macro(_) => {}
        }
    }

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_pat_mut(&mut self, _: &mut Pat) {}
}

/// `(*name)`, all at one span.
fn dereferenced(name: Expr, span: Span) -> Expr {
    let star =
        Expr::Unary(syn::ExprUnary { attrs: vec![], op: syn::UnOp::Deref(token::Star(span)), expr: Box::new(name) });
    Expr::Paren(syn::ExprParen { attrs: vec![], paren_token: token::Paren(span), expr: Box::new(star) })
}

/// A pattern without its guard.
pub(super) fn unguarded(pat: &Pat) -> &Pat {
    match pat {
        Pat::Guard(guarded) => &guarded.pat,
        pat => pat,
    }
}

/// How a value is matched without moving it.
pub(super) enum Matched {
    /// A place, by its own type, with `ref` at each name: so a message shows the user's patterns and not references.
    Place,
    /// Text, by value.
    Text,
    /// A tuple, each column for itself; those with text by value.
    Tuple(Vec<bool>),
    /// Anything else, by reference.
    Reference,
}

impl Matched {
    pub(super) fn new(scrutinee: &Expr, pats: &[&Pat], views: &BTreeSet<String>) -> Self {
        match bare(scrutinee) {
            Expr::Tuple(tuple) => {
                let column = |index: usize| pats.iter().any(|pat| has_text(pat, Some(index)));
                Self::Tuple((0..tuple.elems.len()).map(column).collect())
            }
            _ if pats.iter().any(|pat| has_text(pat, None)) => Self::Text,
            expr if is_place(expr) && !root(expr).is_some_and(|name| views.contains(&key(name))) => Self::Place,
            _ => Self::Reference,
        }
    }

    /// What is matched.
    pub(super) fn scrutinee(&self, expr: &Expr, expression: &Expression) -> TokenStream {
        match (self, bare(expr)) {
            (Self::Tuple(by_value), Expr::Tuple(tuple)) => {
                let elements = tuple.elems.iter().zip(by_value).map(|(element, by_value)| {
                    let tokens = places(element, expression).into_token_stream();
                    if *by_value { tokens } else { borrowed(bare(element), tokens) }
                });
                quote!((#(#elements,)*))
            }
            (Self::Place | Self::Text, expr) => places(expr, expression).into_token_stream(),
            (_, expr @ Expr::Reference(_)) => places(expr, expression).into_token_stream(),
            (_, expr) => borrowed(expr, places(expr, expression).into_token_stream()),
        }
    }

    /// Lets a pattern bind by reference where matching itself does not.
    pub(super) fn by_reference(&self, pat: &mut Pat) {
        match (self, pat) {
            (Self::Place | Self::Text, pat) => ByReference.visit_pat_mut(pat),
            (Self::Reference, pat) => ByItself.visit_pat_mut(pat),
            (Self::Tuple(_), Pat::Guard(guarded)) => self.by_reference(&mut guarded.pat),
            (Self::Tuple(_), Pat::Or(or)) => or.cases.iter_mut().for_each(|case| self.by_reference(case)),
            (Self::Tuple(_), Pat::Paren(paren)) => self.by_reference(&mut paren.pat),
            (Self::Tuple(by_value), Pat::Tuple(tuple)) => {
                for (element, by_value) in tuple.elems.iter_mut().zip(by_value) {
                    if *by_value {
                        ByReference.visit_pat_mut(element);
                    } else {
                        ByItself.visit_pat_mut(element);
                    }
                }
            }
            (Self::Tuple(_), pat) => ByReference.visit_pat_mut(pat),
        }
    }
}

/// Adds `ref` to each name that a pattern binds.
struct ByReference;

impl VisitMut for ByReference {
    fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
        if binds(pat) {
            pat.by_ref.get_or_insert(token::Ref(pat.ident.span()));
        }
        if let Some((_, inner)) = &mut pat.subpat {
            self.visit_pat_mut(inner);
        }
    }

    fn visit_expr_mut(&mut self, _: &mut Expr) {}
}

/// Takes `ref` off: what is matched through a reference binds by reference of itself, and Rust refuses to hear it twice.
struct ByItself;

impl VisitMut for ByItself {
    fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
        pat.by_ref = None;
        if let Some((_, inner)) = &mut pat.subpat {
            self.visit_pat_mut(inner);
        }
    }

    fn visit_expr_mut(&mut self, _: &mut Expr) {}
}

/// Whether a pattern, or one column of it, compares with text, which is not matched through a reference.
fn has_text(pat: &Pat, column: Option<usize>) -> bool {
    struct Search(bool);
    impl<'ast> Visit<'ast> for Search {
        fn visit_lit(&mut self, lit: &'ast Lit) {
            self.0 |= matches!(lit, Lit::Str(_) | Lit::ByteStr(_));
        }
    }
    match (pat, column) {
        (Pat::Guard(guarded), _) => has_text(&guarded.pat, column),
        (Pat::Or(or), Some(_)) => or.cases.iter().any(|case| has_text(case, column)),
        (Pat::Paren(paren), Some(_)) => has_text(&paren.pat, column),
        (Pat::Tuple(tuple), Some(column)) => tuple.elems.iter().nth(column).is_some_and(|pat| has_text(pat, None)),
        (_, Some(_)) => false,
        (pat, None) => {
            let mut search = Search(false);
            search.visit_pat(pat);
            search.0
        }
    }
}

/// `&(value)`: a reference to a new value, or to the place that the expression is.
pub(super) fn referenced(expression: &Expression) -> TokenStream {
    borrowed(bare(&expression.expr), value(expression))
}
