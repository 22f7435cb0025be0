//! What is said of mistakes in a workflow, and where, without a compiler. The fixtures in `tests/ui` show the same as
//! the user sees it; here stand the finer cases.

use crate::diagnostics::Errors;
use crate::model::workflow::Model;
use crate::{check, model, parse};

/// The models of a `workflow!` call that keeps all rules.
fn models(source: &str) -> Vec<Model> {
    let (models, errors) = read(source);
    assert_eq!(errors, Vec::<String>::new(), "{source}");
    models
}

fn read(source: &str) -> (Vec<Model>, Vec<String>) {
    let mut errors = Errors::default();
    let call = parse::workflow::call(&mut errors, source.parse().expect("tokens"));
    let mut found: Vec<syn::Error> = errors.finish().into_iter().collect();
    let mut models = Vec::new();
    for (syntax, mut errors) in call.workflows {
        let model = model::resolve::workflow(&mut errors, syntax, call.runtime.as_ref());
        match check::workflow::workflow(errors, model) {
            Ok(checked) => models.push(checked.0),
            Err((_, error)) => found.push(error),
        }
    }
    (models, found.iter().flat_map(|error| error.clone().into_iter()).map(|error| shown(&error)).collect())
}

/// An error as `line:column message`, without its help.
fn shown(error: &syn::Error) -> String {
    let start = error.span().start();
    let text = error.to_string();
    format!("{}:{} {}", start.line, start.column + 1, text.lines().next().unwrap_or_default())
}

/// Checks the errors of a workflow with these statements and an input `x`; columns count from the statement's own.
fn check(body: &str, expected: &[&str]) {
    let source = format!("fn flow(x: u64, xs: Vec<u64>) -> u64 {{\n{body}\n}}");
    let (_, errors) = read(&source);
    assert_eq!(errors, expected, "{body}");
}

#[test]
fn what_has_no_place_in_a_workflow_is_refused_at_its_token() {
    check("let a = f(x).await; a", &["2:14 `.await` has no place in a workflow"]);
    check("let a = f(x)?; a", &["2:13 `?` has no place in a workflow"]);
    check("f(|y| y)", &["2:3 a closure has no place in a workflow"]);
    check("let a = { 1 }; a", &["2:9 a block has no place in an expression of a workflow"]);
    check("let a = f(vec![x]); a", &["2:11 a macro has no place in an expression of a workflow"]);
    check("let a = f(&mut x); a", &["2:12 a committed value does not change"]);
    check("let mut a = f(x); a", &["2:5 a committed value does not change"]);
    check("while x { f(x); } x", &["2:1 a workflow has no loops"]);
    check("return x", &["2:1 `return` has no place in a workflow"]);
    check("x += 1; x", &["2:3 a workflow assigns nothing"]);
    check("x == 1; x", &["2:1 this statement does nothing"]);
    check("let a; x", &["2:5 a `let` without a value"]);
    check("let Some(a) = f(x) else { g(x) }; a", &["2:20 `let .. else` has no place in a workflow"]);
    check("use a::b; x", &["2:1 an item has no place in the body of a workflow"]);
    check("sleep(\"1x\"); x", &["2:7 `1x` is no duration: `x` is no unit"]);
    check("sleep_until(\"noon\"); x", &["2:13 a text is no point in time"]);
    check("let a = for i in 0..3 { f(i) }; a", &["2:19 a range has no items to borrow"]);
    check("let a = std::cmp::max(x, 1); a", &["2:9 `std::cmp::max` is no node"]);
    check("let a = f(::core::mem::take(x)); a", &["2:11 `::core::mem::take` is no node"]);
    check("let a = match f(x) { &y => g(y) }; a", &["2:22 a pattern of a workflow borrows by itself"]);
    check(
        "let a = match x { y if let Some(z) = y && z > 1 => f(z), _ => 1 }; a",
        &["2:24 `let` cannot stand inside this expression"],
    );
}

#[test]
fn a_statement_that_is_no_rust_costs_itself_alone() {
    check(
        "let a = = 1;\nlet b = f(y);\nlet c = g(x, ;);\nx",
        &["2:9 expected an expression", "4:14 expected an expression", "3:11 nothing is named `y`"],
    );
}

#[test]
fn names_are_bound_once_and_before_they_are_used() {
    check("let a = f(y); a", &["2:11 nothing is named `y`"]);
    check("let x = f(x); x", &["2:5 `x` is bound already"]);
    check("let a = f(b); let b = g(x); b", &["2:11 `b` is used before it is bound"]);
    check("let a = f(b); let b = g(a); b", &["2:11 these steps wait for each other: `a` → `b` → `a`"]);
    check("#[after(b)] let a = f(x); let b = g(a); b", &["2:9 these steps wait for each other: `a` → `b` → `a`"]);
    check("let a = if x > 1 { let x = f(x); x } else { 1 }; a", &["2:24 `x` is bound already"]);
    check(
        "let a = match x { 1 => { let y = f(x); y } _ => { let y = f(x); y } }; a",
        &["2:55 two steps have the id `y`"],
    );
    check("let a = match x { 1 => { let y = f(x); y } _ => { let y = #[id = \"z\"] f(x); y } }; a", &[]);
    check("let a = f(b.c); a", &["2:11 nothing is named `b`"]);
    check("let a = f(match x { y => y + z }); a", &["2:30 nothing is named `z`"]);
    check("let A = f(x); x", &["2:5 `A` begins like a constant, so it binds nothing"]);
    check("let a = for Y in xs { f(x) }; a", &["2:13 `Y` begins like a constant, so it binds nothing"]);
    check("let a = match x { LIMIT => f(x), _ => x }; a", &[]);
}

#[test]
fn ids_and_labels_are_unique_where_they_must_be() {
    check("f(x); f(x); x", &["2:7 two steps have the id `f`"]);
    check("#[id = \"f\"] g(x); f(x); x", &["2:19 two steps have the id `f`"]);
    check("if x > 1 { f(x); } x", &["2:1 this `if` has steps and no name"]);
    check("for y in xs { f(y); } x", &["2:1 this `for` has steps and no name"]);
    check("let a = match x { 1 => f(x), 1 => g(x), _ => 2 }; a", &["2:30 two arms have the label `1`"]);
    check("let a = match x { 1 => f(x), #[id = \"one\"] 1 => g(x), _ => 2 }; a", &[]);
    check("#[id = \"a.b\"] f(x); x", &["2:8 `a.b` is no id"]);
    let labels = |source: &str| -> Vec<String> {
        let models = models(source);
        models.iter().flat_map(|model| &model.regions).skip(1).map(|region| region.label.clone()).collect()
    };
    let source = "fn a(x: T) -> u64 { let a = if let Some(y) = x.0 { f(y) } else if let Some(y) = x.1 { g(y) } \
                  else if x.2 { 1 } else if x.3 { 2 } else { 3 }; a }";
    assert_eq!(labels(source), ["Some(y)", "Some(y) 2", "else if", "else if 2", "else"]);
}

#[test]
fn a_step_stands_where_it_always_runs() {
    check("let a = x > 1 && f(x); a", &["2:18 a step cannot stand behind `&&`"]);
    check("let a = f(if x > 1 { g(x) } else { 1 }); a", &["2:11 a branch with steps needs a statement of its own"]);
    check("let a = match x { y if f(y) => g(x), _ => 1 }; a", &["2:24 a step cannot stand in a guard"]);
    check(
        "let a = if f(x) { g(x) } else if h(x) { 1 } else { 2 }; a",
        &["2:34 a step cannot stand in a later condition"],
    );
}

#[test]
fn a_plan_numbers_at_most_4096_steps() {
    let steps = |count: usize| -> String {
        (0..count).map(|step| format!("let s{step} = f(x); ")).collect::<Vec<_>>().concat()
    };
    let (_, errors) = read(&format!("fn flow(x: u64) {{ {} }}", steps(4096)));
    assert_eq!(errors, Vec::<String>::new());
    let (_, errors) = read(&format!("fn flow(x: u64) {{ {} }}", steps(4097)));
    assert_eq!(errors, ["1:4 this workflow has 4097 steps, more than 4096"]);
}

#[test]
fn attributes_need_a_step_that_they_fit() {
    check("#[catch] let a = x + 1; a", &["2:3 `#[catch]` needs a step, and this is a plain value"]);
    check("#[retry] f(x)", &["2:3 `#[retry]` has no meaning before a step"]);
    check("#[after(x)] f(x)", &["2:9 `x` is no step to wait for"]);
    check("#[with(timeout = \"1s\")] let a = if x > 1 { f(x) } else { x }; a", &["2:3 a branch has no policy"]);
    check("#[catch] #[catch] f(x)", &["2:12 `#[catch]` stands here twice"]);
    check("#[catch] let a = #[catch] f(x); a", &["2:20 `#[catch]` stands here twice"]);
    check("let a = #[retry] f(x); a", &["2:11 `#[retry]` has no meaning before a step"]);
    check(
        "let a = if x > 1 { #[after(a)] f(x) } else { 1 }; a",
        &["2:32 these steps wait for each other: `a` → `f` → `a`"],
    );
}

#[test]
fn several_workflows_are_read_apart() {
    let (models, errors) = read("fn a() -> u64 { f() }\nasync fn b() { g(y); }\nfn c(5: u8) {}\nfn d { }\nfn e() {}");
    let names: Vec<String> = models.iter().map(|model| model.ident.to_string()).collect();
    assert_eq!(names, ["a", "e"]);
    assert_eq!(
        errors,
        [
            "4:6 expected parentheses",
            "2:1 a workflow is not `async`",
            "2:18 nothing is named `y`",
            "3:6 a parameter needs a plain name",
        ]
    );
}

/// The plan in short: for each region its steps, each with its inputs.
fn plan(model: &Model) -> String {
    let step = |index: &usize| {
        let step = model.step(*index);
        let inputs: Vec<String> = model.inputs(*index).iter().map(u32::to_string).collect();
        format!("{}:{}({})", step.local, step.id.as_ref().map_or("", |id| &id.text), inputs.join(","))
    };
    let region = |index: &usize| {
        let region = model.region(*index);
        let steps: Vec<String> = region.steps.iter().map(step).collect();
        let tail: Vec<String> = model.tail_inputs(*index).iter().map(u32::to_string).collect();
        format!("{}[{}]→{}", region.label, steps.join(" "), tail.join(","))
    };
    model.region_order.iter().map(region).collect::<Vec<_>>().join("; ")
}

#[test]
fn steps_are_numbered_by_region_and_carry_what_they_use() {
    for (source, expected) in [
        ("fn a(x: u64) -> u64 { let a = f(x); let b = g(h(a), x); b }", "[0:a() 1:h(0) 2:b(1)]→2"),
        ("fn a(x: u64) -> u64 { let a = f(x); let k = a + 1; let b = #[id = \"c\"] g(k); k }", "[0:a() 1:c(0)]→0"),
        (
            "fn a(x: P) -> u64 { let a = f(x); let b = match a { Q(y) => g(y), _ => { let c = h(x); c + 1 } }; b }",
            "[0:a() 1:b(0)]→1; Q(y)[2:g(0)]→2; _[3:c()]→3",
        ),
        (
            "fn a(x: V) { let a = f(x); let ys = for y in a { let z = g(y); if1(z, a) }; #[after(ys)] h(x); }",
            "[0:a() 1:ys(0) 2:h()]→; [3:z(0) 4:if1(0,3)]→4",
        ),
        (
            "fn a(x: u64) { let b = if f(x) > 1 { g(x) } else if let Some(y) = x { h(y) } else { 3 }; k(b); }",
            "[0:f() 1:b(0) 2:k(1)]→; then[3:g()]→3; Some(y)[4:h()]→4; else[]→",
        ),
    ] {
        let models = models(source);
        assert_eq!(models.iter().map(plan).collect::<Vec<_>>(), [expected], "{source}");
    }
}
