//! What the compiler says of mistakes, and that what is right compiles and runs.
//!
//! The fixtures stand in `tests/ui`, a folder for each stage that reports the mistake; each has what the compiler
//! prints beside it. After a change of a message run `TRYBUILD=overwrite cargo test -p flow-tests ui` and read the
//! difference as a user would.

#[test]
fn b01_b02_mistakes_are_reported_at_the_users_tokens() {
    let cases = trybuild::TestCases::new();
    for folder in ["syntax", "node", "names", "graph", "types", "waits", "undo", "composition", "migrate"] {
        cases.compile_fail(format!("ui/{folder}/*.rs"));
    }
    cases.pass("ui/pass/*.rs");
}

#[test]
fn b03_an_unused_output_is_a_warning_at_its_binding() {
    trybuild::TestCases::new().compile_fail("ui/graph/unused_output.rs");
    // That it is the compiler's own, and where it points, does not depend on what was recorded last.
    let said = include_str!("../ui/graph/unused_output.stderr");
    assert!(said.starts_with("error: unused variable: `unused`\n  --> ui/graph/unused_output.rs:23:13\n"), "{said}");
    assert!(said.contains("#![deny(unused_variables)]"), "{said}");
}

#[test]
fn b61_a_workflow_that_would_call_itself_does_not_compile() {
    let itself = include_str!("../ui/composition/calls_itself.stderr");
    assert!(itself.starts_with("error: `again` runs itself, and so without end\n"), "{itself}");
    assert!(itself.contains("--> ui/composition/calls_itself.rs:11:9"), "{itself}");
    // Only the compiler sees that two call each other; it names both, where each calls the other.
    let each_other = include_str!("../ui/composition/calls_in_a_circle.stderr");
    assert!(each_other.starts_with("error[E0391]: cycle detected"), "{each_other}");
    for place in ["NO_CIRCLE_OF_WORKFLOWS", "calls_in_a_circle.rs:9:34", "calls_in_a_circle.rs:13:9"] {
        assert!(each_other.contains(place), "{place}: {each_other}");
    }
}
