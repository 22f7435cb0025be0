//! That a step costs the compiler little, and as much in a long workflow as in a short one. How many tokens the code has
//! is what can be told of that without a clock; `benches/compile-time` has the clock.

use std::fmt::Write;

use proc_macro2::{TokenStream, TokenTree};

use crate::diagnostics::Errors;
use crate::{check, expand, model, parse};

/// How many tokens there are, in groups as well.
fn count(tokens: TokenStream) -> usize {
    let inside = |token: TokenTree| match token {
        TokenTree::Group(group) => count(group.stream()),
        _ => 0,
    };
    tokens.into_iter().map(|token| 1 + inside(token)).sum()
}

/// The tokens of a workflow that has so many times these lines, in which `N` is the number of the time and `P` the one
/// before.
fn tokens_of_workflow(lines: &str, times: usize) -> usize {
    let mut body = String::new();
    for time in 1..=times {
        let (this, before) = (time.to_string(), (time - 1).to_string());
        writeln!(body, "{}", lines.replace('N', &this).replace('P', &before)).expect("a string takes all");
    }
    let source = format!("fn flow(x0: u64) -> u64 {{ {body} x{times} }}");
    let mut errors = Errors::default();
    let mut call = parse::workflow::call(&mut errors, source.parse().expect("tokens"));
    let (syntax, mut own) = call.workflows.pop().expect("one workflow");
    assert!(errors.finish().is_none() && call.workflows.is_empty(), "{source}");
    let model = model::resolve::workflow(&mut own, syntax, None);
    let Ok(checked) = check::workflow::workflow(own, model) else { panic!("{source}") };
    count(expand::workflow::workflow(&checked))
}

/// Checks that these lines cost at most so many tokens, and in the long run not more than at first. Who finds a way to
/// write them with fewer lowers the number.
fn costs_at_most(tokens: usize, lines: &str) {
    let [none, few, many] = [0, 20, 200].map(|times| tokens_of_workflow(lines, times));
    let (first, later) = ((few - none).div_ceil(20), (many - few).div_ceil(180));
    assert!(later <= tokens, "{later} tokens instead of {tokens}: {lines}");
    assert!(later <= first + first / 50, "{later} tokens in a long workflow, {first} in a short one: {lines}");
}

#[test]
fn a_step_costs_the_compiler_the_same_in_a_long_workflow() {
    costs_at_most(150, "let xN = next(xP);");
    costs_at_most(430, "let aN = next(xP); #[after(aN)] #[with(timeout = \"1s\")] let xN = sum(xP, xP + 1, x0, &7);");
    costs_at_most(335, "#[catch] let aN = may_fail(xP); let xN = recover(aN);");
    costs_at_most(305, "#[id = \"iN\"] let (aN, bN) = split(xP); let xN = sum(aN, bN);");
    costs_at_most(860, "let aN = choose(xP); let xN = match aN { Route::Short(way) => next(way), _ => 7 };");
    costs_at_most(760, "let aN = list(xP); let bN = for item in aN { next(item) }; let xN = sum(bN);");
}

#[test]
fn a_node_costs_the_compiler_little() {
    let item = "async fn next(value: u64, cx: &NodeContext) -> Result<u64, Error> { Ok(value) }";
    let mut errors = Errors::default();
    let syntax = parse::node::node(&mut errors, TokenStream::new(), item.parse().expect("tokens")).expect("a node");
    let model = model::node::resolve(&mut errors, syntax);
    let Ok(checked) = check::node::node(errors, model) else { panic!("a node without mistakes") };
    let tokens = count(expand::node::node(&checked));
    assert!(tokens <= 290, "{tokens} tokens");
}
