//! Which Rust is in the language of `workflow!`, by syntax alone. In: an expression. Out: what it is to `workflow!`,
//! or what to say where it is none of ours. Names are resolved elsewhere.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::Visit;
use syn::{BinOp, Expr, ExprCall, ExprPath, Ident, LitStr, UnOp};

/// The path of the node that this call runs, if it is the call of a node: its last segment is in lower case and the
/// one before it names no type.
pub(crate) fn node_path(call: &ExprCall) -> Option<&ExprPath> {
    let Expr::Path(func) = bare(&call.func) else { return None };
    if func.qself.is_some() {
        return None;
    }
    let mut segments = func.path.segments.iter().rev();
    let last = segments.next()?;
    let names_type = segments.next().is_some_and(|segment| is_type_name(&segment.ident));
    (!is_upper(&last.ident) && !names_type).then_some(func)
}

fn is_type_name(ident: &Ident) -> bool {
    const PRIMITIVES: &[&str] = &[
        "bool", "char", "str", "f32", "f64", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
        "i128", "isize",
    ];
    is_upper(ident) || PRIMITIVES.iter().any(|name| ident == name)
}

/// Whether this begins as types, variants and constants do.
pub(crate) fn is_upper(ident: &Ident) -> bool {
    let name = ident.to_string();
    name.trim_start_matches("r#").trim_start_matches('_').starts_with(char::is_uppercase)
}

/// The name that stands here alone, if it is one that a workflow may bind.
pub(crate) fn plain_name(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident().filter(|ident| !is_upper(ident)),
        _ => None,
    }
}

/// An expression without the parentheses around it.
pub(crate) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) if paren.attrs.is_empty() => bare(&paren.expr),
        Expr::Group(group) => bare(&group.expr),
        expr => expr,
    }
}

/// Whether a step or a fan-out stands anywhere in this expression.
pub(crate) fn has_steps(expr: &Expr) -> bool {
    struct Search(bool);
    impl<'ast> Visit<'ast> for Search {
        fn visit_expr(&mut self, expr: &'ast Expr) {
            match expr {
                Expr::Call(call) if node_path(call).is_some() => self.0 = true,
                Expr::ForLoop(_) => self.0 = true,
                Expr::Closure(_) | Expr::Async(_) => {}
                expr => syn::visit::visit_expr(self, expr),
            }
        }
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    let mut search = Search(false);
    search.visit_expr(expr);
    search.0
}

/// Whether an arm of this `match` or `if` has steps, so that it is a branch and not plain Rust.
pub(crate) fn is_branch(expr: &Expr) -> bool {
    match expr {
        Expr::Match(expr) => expr.arms.iter().any(|arm| has_steps(&arm.body)),
        Expr::If(expr) => {
            expr.then_branch.stmts.iter().any(statement_has_steps)
                || expr.else_branch.as_ref().is_some_and(|(_, rest)| match &**rest {
                    Expr::If(_) => is_branch(rest),
                    rest => has_steps(rest),
                })
        }
        _ => false,
    }
}

fn statement_has_steps(stmt: &syn::Stmt) -> bool {
    match stmt {
        syn::Stmt::Local(local) => local.init.as_ref().is_some_and(|init| has_steps(&init.expr)),
        syn::Stmt::Expr(expr, _) => has_steps(expr),
        syn::Stmt::Item(_) | syn::Stmt::Macro(_) => false,
    }
}

/// Why this expression is none of the language: the tokens to point at, and what to say.
pub(crate) fn refusal(expr: &Expr) -> Option<(TokenStream, String)> {
    let (at, what, help): (TokenStream, &str, &str) = match expr {
        Expr::Await(expr) => (
            expr.await_token.to_token_stream(),
            "`.await` has no place in a workflow",
            "remove it; the engine awaits each step",
        ),
        Expr::Try(expr) => (
            expr.question_token.to_token_stream(),
            "`?` has no place in a workflow",
            "remove it; a failed step fails the run, and `#[catch]` makes the failure a value",
        ),
        Expr::Closure(expr) => (
            expr.inputs_begin.to_token_stream(),
            "a closure has no place in a workflow",
            "move the computation into a node or a method",
        ),
        Expr::Async(expr) => {
            (expr.async_token.to_token_stream(), "an `async` block has no place in a workflow", "move it into a node")
        }
        Expr::While(expr) => (
            expr.while_token.to_token_stream(),
            "a workflow has no loops",
            "loop inside a node, or fan out with `for x in xs { .. }`",
        ),
        Expr::Loop(expr) => (
            expr.loop_token.to_token_stream(),
            "a workflow has no loops",
            "loop inside a node, or fan out with `for x in xs { .. }`",
        ),
        Expr::Break(expr) => (
            expr.break_token.to_token_stream(),
            "a workflow has no loops to break",
            "use `if` or `match` to skip steps",
        ),
        Expr::Continue(expr) => (
            expr.continue_token.to_token_stream(),
            "a workflow has no loops to continue",
            "use `if` or `match` to skip steps",
        ),
        Expr::Return(expr) => (
            expr.return_token.to_token_stream(),
            "`return` has no place in a workflow",
            "the last expression is the output; skip steps with `if` or `match`",
        ),
        Expr::Assign(expr) => (
            expr.eq_token.to_token_stream(),
            "a workflow assigns nothing",
            "bind the new value to a name of its own with `let`",
        ),
        Expr::Binary(expr) if is_assignment(&expr.op) => (
            expr.op.to_token_stream(),
            "a workflow assigns nothing",
            "bind the new value to a name of its own with `let`",
        ),
        Expr::Unsafe(expr) => {
            (expr.unsafe_token.to_token_stream(), "`unsafe` has no place in a workflow", "move it into a node")
        }
        Expr::Const(expr) => (
            expr.const_token.to_token_stream(),
            "a block has no place in an expression of a workflow",
            "declare the constant outside, or move it into a node",
        ),
        Expr::TryBlock(expr) => {
            (expr.try_token.to_token_stream(), "a `try` block has no place in a workflow", "move it into a node")
        }
        Expr::Yield(expr) => {
            (expr.yield_token.to_token_stream(), "`yield` has no place in a workflow", "move it into a node")
        }
        Expr::RawAddr(expr) => {
            (expr.raw.to_token_stream(), "a raw pointer has no place in a workflow", "move it into a node")
        }
        Expr::Macro(expr) => (
            expr.mac.path.to_token_stream(),
            "a macro has no place in an expression of a workflow",
            "compute the value in a node or a method",
        ),
        Expr::Block(expr) => (
            Ident::new("block", expr.block.brace_token.span.open()).to_token_stream(),
            "a block has no place in an expression of a workflow",
            "put its statements before, or compute the value in a node",
        ),
        Expr::Reference(expr) => match &expr.mutability {
            Some(word) => (
                word.to_token_stream(),
                "a committed value does not change",
                "remove `mut`; let a node return the changed value",
            ),
            None => return None,
        },
        Expr::Let(expr) => (
            expr.let_token.to_token_stream(),
            "`let` cannot stand inside this expression",
            "use `if let` or `match` as a statement of its own",
        ),
        Expr::Infer(expr) => {
            (expr.underscore_token.to_token_stream(), "`_` is no value", "write the value the node needs")
        }
        Expr::Verbatim(tokens) => {
            (tokens.clone(), "this is no expression of a workflow", "compute the value in a node")
        }
        _ => return None,
    };
    Some((at, format!("{what}\nhelp: {help}")))
}

fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// Whether this expression is a place that lives as long as the values it names: a name, a field, an element. What
/// is not makes a temporary.
pub(crate) fn is_place(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Path(_) => true,
        Expr::Field(expr) => is_place(&expr.base),
        Expr::Index(expr) => is_place(&expr.expr),
        Expr::Unary(expr) => matches!(expr.op, UnOp::Deref(_)) && is_place(&expr.expr),
        _ => false,
    }
}

/// Whether a reference to this expression lasts beyond the statement: it is a literal, or a place that begins with a
/// name. What a path to a constant gives may have to be dropped.
pub(crate) fn is_lasting(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Lit(_) => true,
        Expr::Reference(expr) => is_lasting(&expr.expr),
        expr => is_place(expr) && root(expr).is_some(),
    }
}

/// The name that a place begins with.
pub(crate) fn root(expr: &Expr) -> Option<&Ident> {
    match bare(expr) {
        Expr::Field(expr) => root(&expr.base),
        Expr::Index(expr) => root(&expr.expr),
        Expr::Unary(expr) => root(&expr.expr),
        expr => plain_name(expr),
    }
}

/// What this text is as a name, if it can be one.
pub(crate) fn identifier(text: &LitStr) -> Option<Ident> {
    text.parse().ok()
}
