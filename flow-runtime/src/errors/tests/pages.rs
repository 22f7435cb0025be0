//! That the page of each code has its parts, and names nothing that is not there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::samples::samples;
use crate::errors::{Code, code_of, codes};

/// What stands on each page, in this order.
const PARTS: [&str; 4] = ["What happened", "Why", "What to do", "What is safe"];

/// What the program `flow` knows.
const COMMANDS: [&str; 22] = [
    "cancel",
    "completions",
    "copy",
    "doctor",
    "explain",
    "export",
    "fork",
    "gc",
    "graph",
    "import",
    "list",
    "new",
    "pause",
    "resolve",
    "resume",
    "retry",
    "rm",
    "show",
    "signal",
    "terminate",
    "verify",
    "watch",
];

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// What stands between backticks, a line's end being a space.
fn quoted(page: &str) -> impl Iterator<Item = String> {
    page.split('`').skip(1).step_by(2).map(|text| text.replace('\n', " "))
}

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let files = std::fs::read_dir(folder("docs/errors")).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let names: Vec<String> = Code::all().map(|code| format!("{code}.md")).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(files, names.into_iter().collect());
}

#[test]
fn a_code_is_found_by_its_name() {
    for code in Code::all() {
        let words: Vec<&str> = code.as_str().split('-').collect();
        let are_capitals = words.iter().all(|word| word.chars().all(|c| c.is_ascii_uppercase()) && !word.is_empty());
        assert!(words[0] == "E" && words.len() > 2 && are_capitals, "{code}");
        assert_eq!(Code::find(code.as_str()), Some(code));
        assert_eq!(Code::find(&code.as_str().to_lowercase()), Some(code));
    }
    assert_eq!(Code::find("E-STORE"), None);
    assert_eq!(format!("{:?} {:>10}", codes::RUN_HELD, codes::RUN_HELD), "E-RUN-HELD E-RUN-HELD");
}

#[test]
fn a_page_has_all_parts() {
    for code in Code::all() {
        let page = code.page();
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() <= 40 && lines.iter().all(|line| line.chars().count() <= 100), "{code} is too long");
        assert!(lines[0].starts_with("# ") && !lines[0].ends_with('.') && !code.title().is_empty(), "{code}");
        assert!(lines[1].is_empty() && lines[3].is_empty() && code.help().ends_with('.'), "{code}: {}", code.help());
        let parts: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(parts, PARTS, "{code}");
        for part in page.split("\n## ").skip(1) {
            assert!(part.lines().nth(2).is_some_and(|text| text.len() > 10), "{code} says nothing of: {part}");
        }
    }
    let titles: BTreeSet<&str> = Code::all().map(Code::title).collect();
    assert_eq!(titles.len(), Code::all().len(), "two codes mean the same");
}

#[test]
fn a_page_names_the_errors_that_have_its_code() {
    let samples = samples();
    for code in Code::all() {
        let last = code.page().rsplit("\n\n").next().unwrap();
        assert!(last.starts_with("Given by "), "{code}: {last}");
        let named: BTreeSet<String> = quoted(last).collect();
        let of_code = samples.iter().filter(|sample| sample.code == code);
        let (carried, own): (Vec<_>, Vec<_>) =
            of_code.partition(|sample| sample.error.source().and_then(code_of) == Some(code));
        // What a failure is, its kind says; and an error that carries another need not be named.
        let own = own.into_iter().map(|sample| sample.variant.clone()).filter(|variant| variant != "StepFailure");
        let own: BTreeSet<String> = own.collect();
        let carried: BTreeSet<String> = carried.into_iter().map(|sample| sample.variant.clone()).collect();
        assert!(own.is_subset(&named), "{code} does not name all of {own:?}");
        let foreign: Vec<&String> =
            named.iter().filter(|name| !own.contains(*name) && !carried.contains(*name)).collect();
        assert!(foreign.is_empty(), "{code} names {foreign:?}");
    }
}

#[test]
fn a_page_names_codes_and_commands_that_are_there() {
    for code in Code::all() {
        for name in code.page().split(|c: char| !c.is_ascii_uppercase() && c != '-').filter(|w| w.starts_with("E-")) {
            assert!(Code::find(name).is_some_and(|other| other != code), "{code} names {name}");
        }
        for command in quoted(code.page()).filter(|text| text.starts_with("flow ")) {
            let word = command.split(' ').nth(1).unwrap();
            assert!(COMMANDS.contains(&word), "{code} names the command `{command}`");
        }
    }
}

/// The texts of all sources of this crate but tests and this module.
pub(super) fn sources() -> impl Iterator<Item = String> {
    let mut files = Vec::new();
    let mut folders = vec![folder("src")];
    while let Some(next) = folders.pop() {
        for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match path.file_name().unwrap().to_str().unwrap() {
                "tests" | "tests.rs" | "errors" => {}
                _ if path.is_dir() => folders.push(path),
                _ => files.push(path),
            }
        }
    }
    files.into_iter().map(|path| std::fs::read_to_string(path).unwrap())
}

/// The words of a program's text, without comments.
fn words(source: &str) -> impl Iterator<Item = &str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
}

#[test]
fn a_page_names_functions_and_types_that_are_there() {
    let texts: Vec<String> = sources().collect();
    let words: BTreeSet<&str> = texts.iter().flat_map(|text| words(text)).collect();
    for code in Code::all() {
        let paths = quoted(code.page()).filter(|text| text.contains("::") && !text.contains(' '));
        // A workflow named `order` stands for that of the reader.
        for path in paths.filter(|path| !path.starts_with("order::")) {
            let names = path.trim_end_matches('!').split("::").filter(|name| *name != "flow_runtime");
            let missing: Vec<&str> = names.filter(|name| !words.contains(name)).collect();
            assert!(missing.is_empty(), "{code}: there is no {missing:?} of `{path}`");
        }
    }
}
