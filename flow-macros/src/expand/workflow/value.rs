//! The values of steps and regions, as expressions. In: a step or a region. Out: code that lends the value from
//! where it is kept, or that makes an owned one.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::layout::{Layout, Lent};
use super::rewrite;
use super::scope::Scope;
use crate::model::workflow::{Branch, Each, Kind, RegionIx, StepIx, Tail};

/// A reference to the value of a step.
pub(super) fn lent(scope: &mut Scope<'_, '_>, step: StepIx) -> TokenStream {
    let layout = scope.layout;
    if layout.is_lent(step) {
        let (lender, tree, items) = (layout.lender(step), Layout::local("tree"), Layout::local("items"));
        return quote!(#lender(#tree, #items));
    }
    if layout.step_type(step).is_some() {
        let (region, field) = (scope.reach(layout.model.step(step).region), layout.slot_field(step));
        return quote!((&#region.#field).get());
    }
    let value = owned_step(scope, step, (Span::mixed_site(), Span::mixed_site()));
    quote!(&#value)
}

/// The value of a region, owned.
pub(super) fn owned(around: &Scope<'_, '_>, region: RegionIx) -> TokenStream {
    let mut scope = around.inside();
    let rt = &around.layout.rt;
    let value = match &scope.model().region(region).tail {
        Tail::Unit => quote_spanned!(scope.model().region(region).tail_span.0=> ()),
        Tail::Step(step) => owned_step(&mut scope, *step, around.model().region(region).tail_span),
        Tail::Name(binding, name) => {
            scope.bind_one(*binding);
            let (path, name) = (call_at(name.span(), rt, "own"), parenthesized(name.span(), quote!(#name)));
            quote!(#path #name)
        }
        Tail::Plain(expression) => {
            scope.bind(expression);
            rewrite::value(expression)
        }
    };
    let lines = scope.lines();
    if lines.is_empty() { value } else { quote!({ #lines #value }) }
}

/// The value of a step that moves, or that is made anew each time.
fn owned_step(scope: &mut Scope<'_, '_>, step: StepIx, span: (Span, Span)) -> TokenStream {
    let layout = scope.layout;
    let (region, field) = (scope.reach(layout.model.step(step).region), layout.slot_field(step));
    let caught = layout.model.step(step).catch.is_some();
    match &layout.model.step(step).kind {
        Kind::Branch(branch) if !caught => owned_arms(scope, step, branch),
        Kind::Branch(branch) if layout.plain_type(step).is_none() => {
            let value = owned_arms(scope, step, branch);
            quote!((&#region.#field).or(|| #value))
        }
        Kind::Each(each) if layout.plain_type(step).is_none() => collected(scope, step, each),
        _ => {
            // Not a method: the tokens of a function's path can stand at the step, those of a variable cannot.
            let (path, slot) = (call_at(span.0, &layout.rt, "take"), parenthesized(span.1, quote!(&#region.#field)));
            quote!(#path #slot)
        }
    }
}

/// The owned value of the arm that was taken.
pub(super) fn owned_arms(scope: &mut Scope<'_, '_>, step: StepIx, branch: &Branch) -> TokenStream {
    let arms: Vec<_> = branch.arms.iter().map(|arm| (*arm, owned(scope, *arm))).collect();
    by_arm(scope, step, branch, arms)
}

/// One of these values, by the arm that was taken.
fn by_arm(scope: &mut Scope<'_, '_>, step: StepIx, branch: &Branch, arms: Vec<(RegionIx, TokenStream)>) -> TokenStream {
    let layout = scope.layout;
    let (region, rt) = (scope.reach(layout.model.step(step).region), &layout.rt);
    let fields = branch.arms.iter().map(|arm| layout.region_field(*arm));
    let cases = arms.into_iter().enumerate().map(|(index, (arm, value))| {
        let index = Literal::usize_unsuffixed(index);
        quote_spanned!(layout.model.region(arm).tail_span.0=> #index => #value,)
    });
    let keyword = quote_spanned!(layout.model.step(step).span=> match);
    let mut cases = Group::new(Delimiter::Brace, quote!(#(#cases)* _ => #rt::no_such_place()));
    cases.set_span(layout.model.step(step).span);
    let arm = parenthesized(layout.model.step(step).span, quote!(#rt::open_arm(&[#((&#region.#fields).is_open()),*])));
    quote!(#keyword #arm #cases)
}

/// The owned values of all items of a fan-out.
pub(super) fn collected(scope: &mut Scope<'_, '_>, step: StepIx, each: &Each) -> TokenStream {
    let layout = scope.layout;
    let region = scope.reach(layout.model.step(step).region);
    let (field, name, rt) = (layout.region_field(each.body), layout.region_name(each.body), &layout.rt);
    let (items, depth) = (Layout::local("items"), layout.model.region(each.body).depth - 1);
    let mut inside = scope.inside();
    inside.has_reached(each.body);
    let value = owned(&inside, each.body);
    let value = match layout.model.step(step).catch {
        Some(_) => quote!((&#name.failure).or(|| #value)),
        None => value,
    };
    quote!(#rt::Items::collect(&#region.#field, #items, #depth, |#name, #items| #value))
}

/// The function that lends the value of a branch, and nothing for a step whose value is lent in another way.
pub(super) fn lender(layout: &Layout<'_>, step: StepIx) -> TokenStream {
    let (Kind::Branch(branch), true) = (&layout.model.step(step).kind, layout.is_lent(step)) else {
        return TokenStream::new();
    };
    let Some(ty) = layout.step_type(step) else { return TokenStream::new() };
    let mut scope = Scope::new(layout);
    let arms: Vec<_> = branch.arms.iter().map(|arm| (*arm, lent_arm(&scope, *arm))).collect();
    let value = by_arm(&mut scope, step, branch, arms);
    let (lines, name) = (scope.lines(), layout.lender(step));
    let (tree, items) = (Layout::local("tree"), Layout::local("items"));
    let place = ty.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let lifetime = quote_spanned!(place=> &'t);
    quote!(fn #name<'t>(#tree: &'t __Tree, #items: &[u32]) -> #lifetime #ty { #lines #value })
}

/// A reference to the value of an arm.
fn lent_arm(around: &Scope<'_, '_>, arm: RegionIx) -> TokenStream {
    let mut scope = around.inside();
    let layout = around.layout;
    let (first, last) = layout.model.region(arm).tail_span;
    let value = match (layout.lent(arm), &layout.model.region(arm).tail) {
        (Lent::InPlace, Tail::Step(step)) => {
            let value = parenthesized(last, lent(&mut scope, *step));
            quote_spanned!(first=> &*#value)
        }
        (Lent::InPlace, Tail::Name(binding, name)) => {
            scope.bind_one(*binding);
            quote!(#name)
        }
        (Lent::InPlace, _) => quote_spanned!(first=> &()),
        (Lent::Kept, _) => {
            let region = scope.reach(arm);
            quote!((&#region.value).get())
        }
    };
    let lines = scope.lines();
    quote!({ #lines #value })
}

/// What gives a branch or a fan-out its value once its regions have ended; nothing where nothing needs be done.
pub(super) fn join(layout: &Layout<'_>, step: StepIx) -> Option<TokenStream> {
    let mut scope = Scope::new(layout);
    let field = layout.slot_field(step);
    let caught = layout.model.step(step).catch.is_some();
    let ty = layout.plain_type(step);
    let typed = Layout::local("typed");
    let done = match &layout.model.step(step).kind {
        Kind::Call(_) => return None,
        Kind::Each(each) => {
            ty?;
            let value = collected(&mut scope, step, each);
            let region = scope.reach(layout.model.step(step).region);
            quote!((&#region.#field).set(#value);)
        }
        Kind::Branch(branch) if caught => {
            let ty = ty?;
            let value = owned_arms(&mut scope, step, branch);
            let region = scope.reach(layout.model.step(step).region);
            quote!(let #typed: #ty = #value; (&#region.#field).set(#typed);)
        }
        Kind::Branch(branch) => {
            if !layout.is_lent(step) || !branch.arms.iter().any(|arm| matches!(layout.lent(*arm), Lent::Kept)) {
                return None;
            }
            let arms = branch.arms.iter().map(|arm| (*arm, keep_arm(&scope, *arm, ty.as_ref()))).collect();
            by_arm(&mut scope, step, branch, arms)
        }
    };
    let lines = scope.lines();
    Some(quote!(#lines #done))
}

/// Puts the value of an arm into its slot, where it is not lent from elsewhere.
fn keep_arm(around: &Scope<'_, '_>, arm: RegionIx, ty: Option<&TokenStream>) -> TokenStream {
    if matches!(around.layout.lent(arm), Lent::InPlace) {
        return quote!({});
    }
    let value = owned(around, arm);
    let mut scope = around.inside();
    let region = scope.reach(arm);
    let (lines, typed) = (scope.lines(), Layout::local("typed"));
    quote!({ #lines let #typed: #ty = #value; (&#region.value).set(#typed); })
}

/// The path of a function of ours that stands at this place.
fn call_at(span: Span, rt: &Ident, name: &str) -> TokenStream {
    let (mut rt, name) = (rt.clone(), Ident::new(name, span));
    rt.set_span(span);
    quote!(#rt::#name)
}

/// Tokens in parentheses that stand at this place.
fn parenthesized(span: Span, tokens: TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(span);
    group
}
