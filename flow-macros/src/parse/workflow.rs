//! In: the tokens of one `workflow!` call. Out: the syntax of each workflow in it, with the errors found so far.
//! A statement that is no Rust is reported and left out; what the others mean is not decided here.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    AttrStyle, Attribute, Block, Expr, FnArg, Generics, Ident, Lit, Meta, Pat, Path, ReturnType, Stmt, Token, Type,
    Visibility, WhereClause, parenthesized, token,
};

use super::language::is_upper;
use crate::diagnostics::{Errors, begins_like_a_constant};

/// All that stands in one macro call.
pub(crate) struct Call {
    /// How the calling crate names `flow_runtime`, if it says so with `#![crate = path]`.
    pub(crate) runtime: Option<Path>,
    /// The workflows, each with its own errors, so that a mistake in one leaves the others alone.
    pub(crate) workflows: Vec<(Workflow, Errors)>,
}

/// One workflow as written.
pub(crate) struct Workflow {
    /// The attributes that pass through to the function: docs, `allow`, `cfg`.
    pub(crate) attrs: Vec<Attribute>,
    /// What `#[version = N]` says; 1 without it.
    pub(crate) version: u32,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) params: Vec<Param>,
    /// The return type; `None` is `()`.
    pub(crate) output: Option<Type>,
    pub(crate) body: Vec<Stmt>,
}

/// A parameter of a workflow.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// The workflows of one macro call.
pub(crate) fn call(errors: &mut Errors, input: TokenStream) -> Call {
    let parser = |input: ParseStream<'_>| {
        let runtime = runtime(errors, input);
        let mut workflows = Vec::new();
        while !input.is_empty() {
            let mut own = Errors::default();
            match workflow(&mut own, input) {
                Ok(workflow) => workflows.push((workflow, own)),
                Err(error) => {
                    own.push(error);
                    own.finish().into_iter().for_each(|error| errors.push(error));
                    skip_workflow(input)?;
                }
            }
        }
        Ok(Call { runtime, workflows })
    };
    match parser.parse2(input) {
        Ok(call) => call,
        Err(error) => {
            errors.push(error);
            Call { runtime: None, workflows: Vec::new() }
        }
    }
}

/// `#![crate = path]` at the head of the call.
fn runtime(errors: &mut Errors, input: ParseStream<'_>) -> Option<Path> {
    let attrs = input.call(Attribute::parse_inner).unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    let mut runtime = None;
    for attr in attrs {
        match &attr.meta {
            Meta::NameValue(meta) if meta.path.is_ident("crate") => match &meta.value {
                Expr::Path(path) if path.qself.is_none() => runtime = Some(path.path.clone()),
                other => errors.report(other, "`crate` takes a path\nhelp: write `#![crate = renamed_flow_runtime]`"),
            },
            _ => errors.report(
                attr.meta.path(),
                "unknown option of `workflow!`\nhelp: the only one is `#![crate = path]`, for a renamed `flow_runtime`",
            ),
        }
    }
    runtime
}

/// Leaves the rest of a workflow whose head could not be read: all up to its body.
fn skip_workflow(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if let TokenTree::Group(group) = input.parse()?
            && group.delimiter() == Delimiter::Brace
        {
            break;
        }
    }
    Ok(())
}

fn workflow(errors: &mut Errors, input: ParseStream<'_>) -> syn::Result<Workflow> {
    let attrs = input.call(Attribute::parse_outer)?;
    let (version, attrs) = version(errors, attrs);
    let vis: Visibility = input.parse()?;
    qualifiers(errors, input)?;
    if !input.peek(Token![fn]) {
        return Err(input.error("expected a workflow\nhelp: write `fn name(input: Type) -> Output { .. }`"));
    }
    input.parse::<Token![fn]>()?;
    let ident: Ident = input.parse()?;
    refuse_generics(errors, &ident, &input.parse::<Generics>()?);
    let params = params(errors, input)?;
    let output = match input.parse()? {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(*ty),
    };
    if let Some(clause) = input.parse::<Option<WhereClause>>()? {
        errors.report(clause.where_token, "a workflow has no `where` clause\nhelp: remove it");
    }
    if !input.peek(token::Brace) {
        return Err(input.error("expected the workflow's body\nhelp: write `{ .. }` with its steps"));
    }
    let body = statements(errors, &input.parse()?);
    Ok(Workflow { attrs, version, vis, ident, params, output, body })
}

/// `#[version = N]`, and the other attributes.
fn version(errors: &mut Errors, attrs: Vec<Attribute>) -> (u32, Vec<Attribute>) {
    let mut version = 1;
    let mut others = Vec::new();
    for attr in attrs {
        if !attr.path().is_ident("version") || attr.style != AttrStyle::Outer {
            others.push(attr);
            continue;
        }
        let number = match &attr.meta {
            Meta::NameValue(meta) => match &meta.value {
                Expr::Lit(lit) => match &lit.lit {
                    Lit::Int(int) => int.base10_parse().ok().filter(|number| *number > 0),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        match number {
            Some(number) => version = number,
            None => errors.report(&attr.meta, "a version is a number from 1\nhelp: write `#[version = 2]`"),
        }
    }
    (version, others)
}

/// `async`, `const`, `unsafe` before `fn`: refused, and left out.
fn qualifiers(errors: &mut Errors, input: ParseStream<'_>) -> syn::Result<()> {
    while input.peek(Token![async]) || input.peek(Token![const]) || input.peek(Token![unsafe]) {
        let word: TokenTree = input.parse()?;
        errors.report(&word, format!("a workflow is not `{word}`\nhelp: remove `{word}`; the engine runs the steps"));
    }
    Ok(())
}

fn refuse_generics(errors: &mut Errors, ident: &Ident, generics: &Generics) {
    if !generics.params.is_empty() {
        let help = "what is stored needs one type: declare a workflow for each";
        errors.report(&generics.params, format!("the workflow `{ident}` cannot be generic\nhelp: {help}"));
    }
}

fn params(errors: &mut Errors, input: ParseStream<'_>) -> syn::Result<Vec<Param>> {
    let content;
    parenthesized!(content in input);
    let args = Punctuated::<FnArg, Token![,]>::parse_terminated(&content)?;
    let mut params: Vec<Param> = Vec::new();
    for arg in args {
        match arg {
            FnArg::Typed(arg) => {
                if let Some(attr) = arg.attrs.first() {
                    let help = "remove it; application state and context are parameters of nodes";
                    errors.report(attr.path(), format!("a workflow's parameter has no attributes\nhelp: {help}"));
                }
                match *arg.pat {
                    Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                        if let Some(word) = pat.mutability {
                            errors.report(word, "a workflow's input does not change\nhelp: remove `mut`");
                        }
                        if is_upper(&pat.ident) {
                            errors.report(&pat.ident, begins_like_a_constant(&pat.ident));
                        }
                        if let Some(first) = params.iter().find(|param| param.ident == pat.ident) {
                            let message = format!("two parameters are named `{}`\nhelp: rename one", first.ident);
                            errors.report(&pat.ident, message);
                            continue;
                        }
                        params.push(Param { ident: pat.ident, ty: *arg.ty });
                    }
                    pat => {
                        errors.report(
                            &pat,
                            "a parameter needs a plain name\nhelp: take it apart in the body, with `let`",
                        );
                    }
                }
            }
            FnArg::Receiver(receiver) => {
                errors
                    .report(receiver.self_token, "a workflow is a free function\nhelp: take the value as a parameter");
            }
        }
    }
    Ok(params)
}

/// The statements of a body. They are read one `;` at a time, so that one mistake costs one statement.
fn statements(errors: &mut Errors, body: &Group) -> Vec<Stmt> {
    let mut statements = Vec::new();
    let mut chunk = Vec::new();
    for token in body.stream() {
        let ends = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ';');
        chunk.push(token);
        if ends {
            statements.extend(parse_chunk(errors, std::mem::take(&mut chunk)));
        }
    }
    statements.extend(parse_chunk(errors, chunk));
    statements
}

fn parse_chunk(errors: &mut Errors, chunk: Vec<TokenTree>) -> Vec<Stmt> {
    let Some(end) = chunk.last().map(TokenTree::span) else { return Vec::new() };
    // The braces put syn's "unexpected end of input" at the statement's end and not at the whole macro call.
    let mut group = Group::new(Delimiter::Brace, chunk.into_iter().collect());
    group.set_span(end);
    match syn::parse2::<Braced>(group.into_token_stream()) {
        Ok(braced) => braced.0,
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

struct Braced(Vec<Stmt>);

impl Parse for Braced {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let content;
        let _: token::Brace = syn::braced!(content in input);
        Ok(Self(content.call(Block::parse_within)?))
    }
}
