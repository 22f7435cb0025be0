//! Patterns: the names they bind, and what in them has no place in a workflow.

use syn::visit::Visit;
use syn::{Ident, Pat, PatIdent};

use crate::diagnostics::Errors;
use crate::parse::language::is_upper;

/// Whether an identifier alone in a pattern binds a name; `None` and `LIMIT` do not.
pub(crate) fn binds(pat: &PatIdent) -> bool {
    pat.by_ref.is_some() || pat.mutability.is_some() || pat.subpat.is_some() || !is_upper(&pat.ident)
}

/// The names that a pattern binds, each once.
pub(crate) fn bound_names(pat: &Pat) -> Vec<Ident> {
    struct Collect(Vec<Ident>);
    impl<'ast> Visit<'ast> for Collect {
        fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
            if binds(pat) && !self.0.contains(&pat.ident) {
                self.0.push(pat.ident.clone());
            }
            syn::visit::visit_pat_ident(self, pat);
        }
        fn visit_expr(&mut self, _: &'ast syn::Expr) {}
    }
    let mut names = Collect(Vec::new());
    names.visit_pat(pat);
    names.0
}

/// The one name, if the pattern is a plain name.
pub(crate) fn plain_name(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Ident(pat) if binds(pat) && pat.subpat.is_none() => Some(&pat.ident),
        Pat::Paren(paren) => plain_name(&paren.pat),
        _ => None,
    }
}

/// Reports what a pattern of a workflow cannot have.
pub(crate) fn refuse(errors: &mut Errors, pat: &Pat) {
    struct Check<'e>(&'e mut Errors);
    impl<'ast> Visit<'ast> for Check<'_> {
        fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
            if let Some(word) = &pat.mutability {
                self.0.report(word, "a committed value does not change\nhelp: remove `mut`");
            }
            syn::visit::visit_pat_ident(self, pat);
        }
        fn visit_pat(&mut self, pat: &'ast Pat) {
            match pat {
                Pat::Macro(mac) => self.0.report(
                    &mac.mac.path,
                    "a macro has no place in a pattern of a workflow\nhelp: write the pattern out",
                ),
                Pat::Reference(reference) => self.0.report(
                    reference.and_token,
                    "a pattern of a workflow borrows by itself\nhelp: leave out the `&`; where `x` is a reference then, `*x` is the value",
                ),
                _ => {}
            }
            syn::visit::visit_pat(self, pat);
        }
        fn visit_expr(&mut self, _: &'ast syn::Expr) {}
    }
    Check(errors).visit_pat(pat);
}
