//! Each rule finds what breaks it, and leaves alone what does not.

use super::rules::{self, Finding};
use super::source::Source;

fn check(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str, lines: &[usize]) {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    let found: Vec<usize> = rule(&source).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, lines, "{path}: {text}");
}

#[test]
fn imports_against_the_direction_are_found() {
    let check = |path: &str, text, lines| check(rules::imports, &format!("flow-runtime/src/{path}"), text, lines);
    check("plan/mod.rs", "use crate::state::Event;", &[1]);
    check("plan/mod.rs", "use std::fmt;\nuse crate::{state::Event, plan::Plan};", &[2]);
    check("plan/mod.rs", "fn f() -> crate::engine::Engine { super::store::open() }", &[1, 1]);
    check("plan/render/dot.rs", "use super::super::super::state::Event;", &[1]);
    check("plan/render/dot.rs", "use super::super::Plan;", &[]);
    check("store/flat/mod.rs", "use crate::disk::Fs;\nuse crate::state::{Delta, Event};\nuse super::Listing;", &[]);
    check("store/memory.rs", "use crate::Engine;", &[1]);
    check("store/memory.rs", "macro_rules! m { () => { $crate::Engine::new() }; }", &[]);
    check(
        "store/memory.rs",
        "#[cfg(test)]\nmod tests { use crate::testing::Graph; }\nuse crate::engine::Engine;",
        &[3],
    );
    check("store/memory.rs", "// crate::engine\nconst TEXT: &str = \"crate::engine\";", &[]);
    check("engine/mod.rs", "use crate::disk::Fs;", &[1]);
    check("testing/mod.rs", "use crate::engine::Engine;", &[]);
    check("lib.rs", "pub use crate::engine::Engine;", &[]);
}

#[test]
fn stages_that_look_ahead_are_found() {
    let check = |path: &str, text, lines| check(rules::stages, &format!("flow-macros/src/{path}"), text, lines);
    check("parse/node.rs", "use crate::model::node::NodeModel;", &[1]);
    check("model/node.rs", "use crate::{parse::node::Node, check::Checked};", &[1]);
    check("expand/mod.rs", "use crate::check::Checked;\nuse crate::parse::language;", &[]);
    check("diagnostics.rs", "use crate::parse::node;", &[1]);
    check("check/mod.rs", "use super::expand::node;", &[1]);
}

#[test]
fn work_of_another_stage_is_found() {
    let check = |path: &str, text, lines| {
        check(rules::one_place_for_each_stage, &format!("flow-macros/src/{path}"), text, lines);
    };
    check("model/node.rs", "fn f() { quote!(x); }\nfn g() { syn::parse2(x); }", &[1, 2]);
    check("model/node.rs", "use quote::ToTokens;", &[]);
    check("expand/node.rs", "fn f() { quote_spanned!(s=> x); }\nuse proc_macro::TokenStream;", &[2]);
    check("parse/node.rs", "use syn::parse::{Parse, ParseStream};", &[]);
    check("lib.rs", "use proc_macro::TokenStream;", &[]);
}

#[test]
fn foreign_names_in_generated_code_are_found() {
    let rule = rules::generated_code_names_private_alone;
    let check = |path: &str, text, lines| check(rule, &format!("flow-macros/src/{path}"), text, lines);
    check("expand/node.rs", "fn f() { quote!(::core::clone::Clone); }", &[]);
    check("expand/node.rs", "fn f() { quote!(::std::vec::Vec) }\nfn g() { quote!(::flow_runtime::Engine) }", &[1, 2]);
    check("expand/node.rs", "fn f() { quote!(::flow_runtime::__private::Node) }", &[1]);
    check("expand/mod.rs", "fn f() { quote!(::flow_runtime::__private); quote!(::flow_runtime::plan) }", &[1]);
}

#[test]
fn files_tasks_and_clocks_elsewhere_are_found() {
    check(rules::files_have_one_place, "flow-runtime/src/store/a.rs", "use std::{fs::File, io};\nuse std::io;", &[1]);
    check(rules::files_have_one_place, "flow-runtime/src/store/a.rs", "fn f() { tokio::fs::write(a, b); }", &[1]);
    check(rules::files_have_one_place, "flow-runtime/src/disk/a.rs", "use std::fs;", &[]);
    check(rules::files_have_one_place, "examples/a.rs", "use std::fs;", &[]);
    check(rules::tasks_have_one_place, "flow-runtime/src/engine/a.rs", "fn f() {\n tokio::spawn(x) }", &[2]);
    check(rules::tasks_have_one_place, "flow-runtime/src/store/a.rs", "use tokio::task::spawn_blocking;", &[1]);
    check(rules::tasks_have_one_place, "flow-runtime/src/store/a.rs", "fn f() { std::thread::Builder::new() }", &[1]);
    check(rules::tasks_have_one_place, "flow-runtime/src/store/a.rs", "use std::thread::{Builder, JoinHandle};", &[1]);
    check(rules::tasks_have_one_place, "flow-runtime/src/store/worker.rs", "fn f() { std::thread::spawn(x) }", &[]);
    check(
        rules::clocks_have_one_place,
        "flow-runtime/src/engine/a.rs",
        "fn f() { std::time::SystemTime::now() }",
        &[1],
    );
    check(rules::clocks_have_one_place, "flow-runtime/src/engine/a.rs", "use std::time::{Duration, Instant};", &[1]);
    check(rules::clocks_have_one_place, "flow-runtime/src/engine/a.rs", "use tokio::time::Instant;", &[]);
    check(rules::clocks_have_one_place, "flow-runtime/src/store/a.rs", "use std::time::{Instant, SystemTime};", &[1]);
}

#[test]
fn unsafe_and_unfinished_code_is_found() {
    let path = "flow-runtime/src/engine/a.rs";
    check(rules::nothing_is_unsafe, path, "fn f() { unsafe { x } }\nunsafe impl Send for A {}", &[1, 2]);
    check(rules::nothing_is_unsafe, path, "fn f() { if input.peek(Token![unsafe]) {} }", &[]);
    check(rules::nothing_is_unsafe, path, "#[allow(unsafe_code)]\nfn f() {}", &[1]);
    let mark = format!("// {}: write it", ["TO", "DO"].concat());
    check(rules::nothing_is_unfinished, path, &mark, &[1]);
    check(rules::nothing_is_unfinished, path, "fn f() {\n todo!() }\n#[ignore]\nfn g() { dbg!(1); }", &[2, 4, 3]);
    check(rules::nothing_is_unfinished, path, "fn todo() { todo() }", &[]);
}

#[test]
fn long_nameless_and_wordless_files_are_found() {
    check(rules::a_file_is_short, "tests/it/a.rs", &"\n".repeat(420), &[]);
    check(rules::a_file_is_short, "tests/it/a.rs", &"\n".repeat(421), &[421]);
    check(rules::a_file_is_short, "flow-runtime/src/state/codec/generated.rs", &"\n".repeat(999), &[]);
    check(rules::a_file_says_what_it_is, "tests/it/a.rs", "use std::fmt;", &[1]);
    check(rules::a_file_says_what_it_is, "tests/it/a.rs", "//! What it is.", &[]);
    for path in ["flow-runtime/src/util.rs", "tests/it/common/mod.rs", "flow-macros/src/prelude.rs"] {
        assert_eq!(rules::a_file_has_a_name(path).len(), 1, "{path}");
    }
    assert_eq!(rules::a_file_has_a_name("flow-runtime/src/prelude.rs"), []);
}
