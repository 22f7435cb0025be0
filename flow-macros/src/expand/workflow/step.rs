//! What a step does. In: a step. Out: for a call, what evaluates the arguments and calls the node, some calls in one
//! function; for a branch, the function that chooses the arm; for a fan-out, the one that counts the items.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::layout::Layout;
use super::rewrite;
use super::scope::{Scope, list_type, matched};
use crate::model::workflow::{BindingIx, Branch, Call, Condition, Each, Head, Kind, Origin, StepIx, UndoArg, UndoCall};
use crate::parse::language::is_lasting;

/// The function of a branch's or a fan-out's head.
pub(super) fn head(layout: &Layout<'_>, step: StepIx) -> Ident {
    format_ident!("head_{}", layout.model.step(step).local)
}

/// How many calls share a function. One for each costs the compiler more, and the frame of one for all grows with them.
const TOGETHER: usize = 16;

/// The functions of the calls, and the arms by which they are found.
pub(super) fn starts(layout: &Layout<'_>) -> [TokenStream; 2] {
    let (rt, model) = (&layout.rt, layout.model);
    let calls: Vec<(StepIx, &Call)> = super::calls(layout).collect();
    let [tree, step, items, cx] = ["tree", "step", "items", "cx"].map(Layout::local);
    let (functions, arms) = calls
        .chunks(TOGETHER)
        .map(|calls| {
            let locals: Vec<u32> = calls.iter().map(|(index, _)| model.step(*index).local).collect();
            let bodies = calls.iter().map(|(index, call)| start(layout, *index, call));
            let (first, last) = (locals.first(), locals.last());
            let name = format_ident!("start_{}", first.copied().unwrap_or_default());
            let function = quote! {
                fn #name<'a>(
                    #tree: &'a __Tree, #step: u32, #items: &'a [u32], #cx: &'a #rt::NodeContext
                ) -> #rt::Body<'a> {
                    match #step { #(#locals => { #bodies })* _ => #rt::no_such_place() }
                }
            };
            (function, quote!(#first..=#last => #name(self, at.step, at.items, cx),))
        })
        .unzip::<_, _, TokenStream, TokenStream>();
    [functions, arms]
}

/// The function of the head of a branch or a fan-out.
pub(super) fn expand(layout: &Layout<'_>, step: StepIx) -> Option<TokenStream> {
    match &layout.model.step(step).kind {
        Kind::Call(_) => None,
        Kind::Branch(branch) => Some(choose(layout, step, branch)),
        Kind::Each(each) => Some(count(layout, step, each)),
    }
}

/// What begins the body of a call.
fn start(layout: &Layout<'_>, step: StepIx, call: &Call) -> TokenStream {
    let Some(last) = call.path.segments.last() else { return TokenStream::new() };
    let mut scope = Scope::new(layout);
    call.args.iter().for_each(|arg| scope.bind(arg));
    let args = call.args.iter().map(rewrite::reference);
    let (rt, node) = (&layout.rt, layout.node(step, call));
    let method = Ident::new("call", last.ident.span());
    let cx = Layout::local("cx");
    let mut arguments = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, quote!(#(#args),*));
    arguments.set_span(call.paren.span.join());
    let call_of_node = quote_spanned!(last.ident.span()=> <#node>::__at(#cx).#method #arguments);
    // Arguments that live in this function must live as long as the node's future, so it takes them along.
    let lasting = call.args.iter().all(|arg| is_lasting(&arg.expr) && scope.is_lasting(&arg.uses));
    let lines = scope.lines();
    let body = if lasting {
        quote!(#lines #call_of_node)
    } else {
        quote!(#rt::later(async move { #lines #call_of_node.await }))
    };
    let undo = layout.model.step(step).undo.as_ref().map(|call| undo(layout, step, call, &node));
    quote!(#undo #body)
}

/// The call of the node that undoes the step, where that is what is to be done.
fn undo(layout: &Layout<'_>, step: StepIx, call: &UndoCall, node: &Ident) -> TokenStream {
    let mut scope = Scope::new(layout);
    call.values().for_each(|value| scope.bind(value));
    let (rt, by, cx, output) = (&layout.rt, layout.undo(step, call), Layout::local("cx"), Layout::local("output"));
    let args = call.args.iter().map(|arg| match arg {
        UndoArg::Output(span) => {
            let output = Ident::new(&output.to_string(), output.span().located_at(*span));
            output.to_token_stream()
        }
        UndoArg::Value(value) => rewrite::reference(value),
    });
    let mut arguments = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, quote!(#(#args),*));
    arguments.set_span(call.span);
    let (lines, method) = (scope.lines(), Ident::new("call", by.span()));
    let called = quote_spanned!(by.span()=> <#by>::__at(#cx).#method #arguments);
    quote! {
        if let #rt::Some(#output) = #cx.undone::<<#node as #rt::Node>::Output>() {
            return #rt::later(async move { #lines #called.await });
        }
    }
}

fn choose(layout: &Layout<'_>, step: StepIx, branch: &Branch) -> TokenStream {
    let kind = &layout.model.step(step).kind;
    let mut scope = Scope::new(layout).without(own_bindings(layout, step));
    kind.expressions().into_iter().for_each(|expression| scope.bind(expression));
    let body = match &branch.head {
        Head::Match { keyword, brace, scrutinee, arms } => {
            let mut cases = TokenStream::new();
            let mut value = TokenStream::new();
            for (index, arm) in arms.iter().enumerate() {
                let matched = matched(kind, &arm.pat, scrutinee);
                value = matched.scrutinee(&scrutinee.expr, scrutinee);
                let mut pat = arm.pat.clone();
                matched.by_reference(&mut pat);
                let guard = arm.guard.as_ref().map(rewrite::value).map(|guard| quote!(if #guard));
                let number = number(index, arm.body.1);
                let block = braced(arm.body.0, quote!(#number));
                cases.extend(quote!(#pat #guard => #block));
            }
            let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Brace, cases);
            group.set_span(brace.span.join());
            quote!(#keyword #value #group)
        }
        Head::If { arms } => {
            let arms = arms.iter().enumerate().map(|(index, conditions)| conditional(layout, step, index, conditions));
            quote!(#(#arms)*)
        }
    };
    let (lines, name) = (scope.lines(), head(layout, step));
    let (tree, items) = (Layout::local("tree"), Layout::local("items"));
    quote!(fn #name(#tree: &__Tree, #items: &[u32]) -> u32 { #lines #body })
}

/// One arm of an `if`: its number, if all conditions hold.
fn conditional(layout: &Layout<'_>, step: StepIx, index: usize, conditions: &[Condition]) -> TokenStream {
    let kind = &layout.model.step(step).kind;
    let number = number(index, Span::mixed_site());
    if conditions.is_empty() {
        return quote!(#number);
    }
    let tests = conditions.iter().map(|condition| match condition {
        Condition::Holds(value) => {
            let value = rewrite::value(value);
            quote!(if #value {} else { break 'arm; })
        }
        Condition::Matches { pat, value } => {
            let matched = matched(kind, pat, value);
            let mut pat = super::scope::parenthesized(pat);
            matched.by_reference(&mut pat);
            let value = matched.scrutinee(&value.expr, value);
            quote!(let #pat = #value else { break 'arm; };)
        }
    });
    quote!('arm: { #(#tests)* return #number; })
}

/// The bindings that the branch's own patterns make.
fn own_bindings(layout: &Layout<'_>, step: StepIx) -> BTreeSet<BindingIx> {
    let own = |origin: &Origin| matches!(origin, Origin::Arm { branch, .. } if *branch == step);
    let bindings = layout.model.bindings.iter().enumerate();
    bindings.filter(|(_, binding)| own(&binding.origin)).map(|(index, _)| index).collect()
}

fn count(layout: &Layout<'_>, step: StepIx, each: &Each) -> TokenStream {
    let mut scope = Scope::new(layout);
    scope.bind(&each.items);
    let (rt, list, name) = (&layout.rt, rewrite::reference(&each.items), head(layout, step));
    let ty = list_type(&each.items);
    let (tree, items, variable, lines) =
        (Layout::local("tree"), Layout::local("items"), Layout::local("list"), scope.lines());
    quote! {
        fn #name(#tree: &__Tree, #items: &[u32]) -> u32 {
            #lines
            let #variable: #ty = #list;
            #rt::count(#variable)
        }
    }
}

fn number(index: usize, span: Span) -> Literal {
    let mut number = Literal::usize_unsuffixed(index);
    number.set_span(span);
    number
}

fn braced(span: Span, tokens: TokenStream) -> TokenStream {
    let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Brace, tokens);
    group.set_span(span);
    quote_spanned!(span=> #group)
}
