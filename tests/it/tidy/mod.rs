//! The tree keeps its own rules: which module imports which, where files, tasks and clocks are touched, how long and
//! how named files are, and that what belongs together is there together. ARCHITECTURE.md says why.

mod made_up;
mod rules;
mod source;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use self::rules::Finding;
use self::source::Source;

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a member of the workspace")
}

/// The paths of all files below a folder of the workspace, from there, sorted.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry of a folder").path();
            let below = path.strip_prefix(root()).expect("a path below the workspace").to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(below);
            }
        }
    }
    found.sort();
    found
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|own| own == extension)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files that people write and compile: not what flatc wrote, nor the fixtures.
fn sources() -> Vec<Source> {
    let folders = [
        "flow-macros/src",
        "flow-picture/src",
        "flow-runtime/src",
        "flow-cli",
        "tests/it",
        "tests/renamed",
        "examples",
    ];
    let benches = ["benches/src", "benches/harness/src", "benches/peers-sqlx/src"];
    let paths = folders.into_iter().chain(benches).flat_map(files);
    let paths = paths.filter(|path| has_extension(path, "rs") && !path.ends_with("/generated.rs"));
    let sources: Vec<Source> = paths.map(|path| Source { text: read(&path), path }).collect();
    assert!(sources.len() > 100, "the tree has more files than {}", sources.len());
    sources
}

fn assert_none(findings: impl IntoIterator<Item = (String, Finding)>) {
    let findings: Vec<String> =
        findings.into_iter().map(|(path, (line, message))| format!("{path}:{line}: {message}")).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn hold(rule: impl Fn(&Source) -> Vec<Finding>) {
    assert_none(
        sources().iter().flat_map(|source| rule(source).into_iter().map(|finding| (source.path.clone(), finding))),
    );
}

/// Rules of what a program does hold for what is not compiled for tests alone.
fn hold_outside_of_tests(rule: impl Fn(&Source) -> Vec<Finding>) {
    hold(|source| if source.is_test() { Vec::new() } else { rule(source) });
}

#[test]
fn test_modules_are_compiled_for_tests_alone() {
    for source in sources().iter().filter(|source| source.is_test()) {
        let folder = source.path.split("/tests").next().expect("a file has a folder");
        let mut parents = ["/mod.rs", ".rs", "/lib.rs", "/main.rs"].into_iter().map(|end| format!("{folder}{end}"));
        let parent = parents.find(|path| root().join(path).is_file()).expect("a module has a parent");
        assert!(read(&parent).contains("#[cfg(test)]\nmod tests;"), "{parent} has `tests` in the program");
    }
}

#[test]
fn modules_import_one_way() {
    hold_outside_of_tests(rules::imports);
    hold(rules::stages);
    hold(rules::one_place_for_each_stage);
    hold(rules::generated_code_names_private_alone);
}

#[test]
fn files_tasks_and_clocks_have_one_place_each() {
    hold_outside_of_tests(rules::files_have_one_place);
    hold_outside_of_tests(rules::tasks_have_one_place);
    hold_outside_of_tests(rules::clocks_have_one_place);
}

#[test]
fn code_is_safe_and_finished() {
    hold(rules::nothing_is_unsafe);
    hold(rules::nothing_is_unfinished);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    hold(rules::a_file_says_what_it_is);
    hold(rules::a_file_is_short);
    hold(|source| rules::a_file_has_a_name(&source.path));
    for (path, _) in rules::LONG_FILES {
        assert!(root().join(path).is_file(), "{path} is excused for its length and not there");
    }
    assert!(read("ARCHITECTURE.md").lines().count() <= 150, "ARCHITECTURE.md is to be read at once");
}

#[test]
fn every_message_has_its_fixture_and_every_fixture_its_message() {
    let of = |end: &str| -> BTreeSet<String> {
        files("tests/ui").iter().filter_map(|path| path.strip_suffix(end)).map(str::to_owned).collect()
    };
    let (fixtures, messages) = (of(".rs"), of(".stderr"));
    let (passing, failing): (BTreeSet<_>, BTreeSet<_>) =
        fixtures.into_iter().partition(|path| path.starts_with("tests/ui/pass/"));
    assert_eq!(failing.difference(&messages).collect::<Vec<_>>(), Vec::<&String>::new(), "without .stderr");
    assert_eq!(messages.difference(&failing).collect::<Vec<_>>(), Vec::<&String>::new(), "without .rs");
    assert!(failing.len() >= 60 && passing.len() >= 10, "{} and {}", failing.len(), passing.len());
}

#[test]
fn generated_code_is_that_of_the_schema() {
    let mut hash = String::new();
    for byte in Sha256::digest(read("schema/flow.fbs")) {
        write!(hash, "{byte:02x}").expect("a string takes all");
    }
    let recorded = read("flow-runtime/src/state/codec/flow.fbs.sha256");
    assert_eq!(recorded.split_whitespace().next(), Some(&*hash), "run schema/regenerate.sh");
}
