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
