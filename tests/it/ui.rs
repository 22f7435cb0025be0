//! What the compiler says of mistakes, and that what is right compiles and runs.
//!
//! The fixtures stand in `tests/ui`, a folder for each stage that reports the mistake; each has what the compiler
//! prints beside it. After a change of a message run `TRYBUILD=overwrite cargo test -p flow-tests ui` and read the
//! difference as a user would.

#[test]
fn b01_b02_mistakes_are_reported_at_the_users_tokens() {
    let cases = trybuild::TestCases::new();
    for folder in ["syntax", "node", "names", "graph", "types"] {
        cases.compile_fail(format!("ui/{folder}/*.rs"));
    }
    cases.pass("ui/pass/*.rs");
}
