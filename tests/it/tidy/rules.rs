//! The rules of the tree, one function each. In: a file. Out: where it breaks the rule, and what to do.

use super::source::{Path, Source};

/// A line that breaks a rule.
pub(super) type Finding = (usize, String);

/// Which module of the runtime may import which. The front door and `testing` may import all.
const RUNTIME: &[(&str, &[&str])] = &[
    ("plan", &[]),
    ("state", &["plan"]),
    ("disk", &[]),
    ("store", &["state", "disk", "plan"]),
    ("observe", &["plan", "state"]),
    ("engine", &["plan", "state", "observe", "store"]),
    ("private", &["plan", "state", "engine"]),
];

/// Macros that others call stand at the root, whichever module they are written in.
const EXPORTED: &[&str] = &["__hand_on"];

/// The stages of the macros; none sees a later one, and all may see what stands before them.
const STAGES: &[&str] = &["diagnostics", "parse", "model", "check", "expand"];

/// The longest file, in lines: about 400, so that one line more is no reason to tear a file apart.
const LINES: usize = 420;

/// Files that may be longer, and why.
pub(super) const LONG_FILES: &[(&str, &str)] = &[
    ("flow-runtime/src/state/codec/generated.rs", "made by flatc"),
    ("tests/it/execution/shutdown.rs", "all that can be under way when an engine stops"),
];

/// Names of files in which nothing can be found.
const NAMELESS: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "shared_code", "stuff", "prelude"];

/// The modules of the runtime import one way.
pub(super) fn imports(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("flow-runtime/src/") else { return Vec::new() };
    let (module, depth) = place(inside);
    let Some((_, allowed)) = RUNTIME.iter().find(|(name, _)| *name == module) else { return Vec::new() };
    let paths = source.paths();
    let imported = paths.iter().filter_map(|path| Some((path.line, from_root(path, depth)?)));
    imported
        .filter(|(_, other)| *other != module && !allowed.contains(other) && !EXPORTED.contains(other))
        .map(|(line, other)| (line, format!("`{module}` imports `{other}`; it may import {allowed:?}")))
        .collect()
}

/// No stage of the macros sees a later one.
pub(super) fn stages(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("flow-macros/src/") else { return Vec::new() };
    let (module, depth) = place(inside);
    let Some(own) = STAGES.iter().position(|stage| *stage == module) else { return Vec::new() };
    let paths = source.paths();
    let imported = paths.iter().filter_map(|path| Some((path.line, from_root(path, depth)?)));
    imported
        .filter(|(_, other)| STAGES.iter().position(|stage| stage == other).is_none_or(|other| other > own))
        .map(|(line, other)| (line, format!("`{module}` sees `{other}`, which is a later stage")))
        .collect()
}

/// The first module below `src`, and how many modules deep the file is.
fn place(inside: &str) -> (&str, usize) {
    let parts: Vec<&str> = inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    (parts[0], parts.len())
}

/// The module below the crate's root to which a path leads out of a module that is so deep.
fn from_root(path: &Path, depth: usize) -> Option<&str> {
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    let target = if path.segments[0] == "crate" { path.segments.get(1) } else { path.segments.get(supers) };
    let leaves = path.segments[0] == "crate" || (supers > 0 && supers >= depth);
    target.filter(|_| leaves).map(String::as_str)
}

/// Only `lib.rs` names `proc_macro`, only `parse` parses, only `expand` quotes.
pub(super) fn one_place_for_each_stage(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("flow-macros/src/") else { return Vec::new() };
    let (module, _) = place(inside);
    let rule = |word: &str| match word {
        "proc_macro" if module != "lib" => Some("`proc_macro` is named in lib.rs alone"),
        "parse2" | "ParseStream" | "Parse" | "Parser" | "parse_args_with" | "parse_str" if module != "parse" => {
            Some("parsing is done in `parse`")
        }
        "quote" | "quote_spanned" if module != "expand" && module != "lib" => Some("code is written in `expand`"),
        _ => None,
    };
    let tokens = source.tokens();
    let followed = |at: usize, sign: &str| tokens.get(at + 1).is_some_and(|next| next.text == sign);
    let words = tokens.iter().enumerate().filter(|(at, token)| match token.text.as_str() {
        "quote" | "quote_spanned" => followed(*at, "!"),
        _ => true,
    });
    words.filter_map(|(_, token)| Some((token.line, rule(&token.text)?.to_owned()))).collect()
}

/// Generated code names `::core` and, through one function, `::flow_runtime::__private`.
pub(super) fn generated_code_names_private_alone(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("flow-macros/src/") else { return Vec::new() };
    let message = |path: &Path| {
        let path = &path.segments;
        format!(
            "generated code names `::{}`; it names what stands in `__private`, through `expand::runtime`",
            path.join("::")
        )
    };
    let paths = source.paths();
    let foreign = paths.iter().filter(|path| path.absolute).filter(|path| match path.segments[0].as_str() {
        "core" => false,
        "flow_runtime" => inside != "expand/mod.rs" || path.segments[1] != "__private",
        _ => true,
    });
    foreign.map(|path| (path.line, message(path))).collect()
}

/// Files are touched in `disk` alone.
pub(super) fn files_have_one_place(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("flow-runtime/src/") || source.path.starts_with("flow-runtime/src/disk/") {
        return Vec::new();
    }
    let is_fs = |path: &Path| {
        let first = path.segments[0].as_str();
        ["std", "tokio", "rustix"].contains(&first) && path.segments.iter().any(|segment| segment == "fs")
    };
    found(source, is_fs, "files are touched in `disk` alone")
}

/// Tasks are started in one file, threads in another.
pub(super) fn tasks_have_one_place(source: &Source) -> Vec<Finding> {
    const PLACES: &[&str] = &["flow-runtime/src/engine/tasks.rs", "flow-runtime/src/store/worker.rs"];
    let elsewhere =
        !source.path.starts_with("flow-runtime/src/") || source.path.starts_with("flow-runtime/src/testing/");
    if elsewhere || PLACES.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let starts = |path: &Path| {
        let last = path.segments.last().map_or("", String::as_str);
        let of = |name: &str| path.segments.iter().any(|segment| segment == name);
        (last.starts_with("spawn") && (of("tokio") || of("task") || of("thread"))) || (of("thread") && of("Builder"))
    };
    found(source, starts, "tasks are started in `engine/tasks.rs`, threads in `store/worker.rs`")
}

/// The wall clock is read in one file. Intervals are tokio's, which tests can pause, but for the threads of stores,
/// which have no tokio.
pub(super) fn clocks_have_one_place(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("flow-runtime/src/") || source.path == "flow-runtime/src/engine/clock.rs" {
        return Vec::new();
    }
    let in_store = source.path.starts_with("flow-runtime/src/store/");
    let is_clock = |path: &Path| {
        let names: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        names.contains(&"SystemTime") || (names.contains(&"Instant") && names[0] == "std" && !in_store)
    };
    found(source, is_clock, "the wall clock is read in `engine/clock.rs`, intervals with `tokio::time::Instant`")
}

fn found(source: &Source, breaks: impl Fn(&Path) -> bool, message: &str) -> Vec<Finding> {
    let paths = source.paths();
    let broken = paths.iter().filter(|path| breaks(path));
    broken.map(|path| (path.line, format!("`{}`: {message}", path.segments.join("::")))).collect()
}

/// `unsafe` stands in generated code alone.
pub(super) fn nothing_is_unsafe(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let begins = |at: usize| {
        tokens.get(at + 1).is_some_and(|next| ["{", "fn", "impl", "trait", "extern"].contains(&next.text.as_str()))
    };
    let blocks = tokens.iter().enumerate().filter(|(at, token)| token.text == "unsafe" && begins(*at));
    let allowed = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "unsafe_code" && source.path != "flow-runtime/src/state/codec/mod.rs");
    blocks.chain(allowed).map(|(_, token)| (token.line, "nothing is unsafe but generated code".to_owned())).collect()
}

/// What is begun is finished.
pub(super) fn nothing_is_unfinished(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let macros = tokens
        .windows(2)
        .filter(|pair| ["todo", "unimplemented", "dbg"].contains(&pair[0].text.as_str()) && pair[1].text == "!");
    let ignored = tokens.windows(3).filter(|three| three[0].text == "#" && three[2].text == "ignore");
    let marks = source.text.lines().enumerate().filter(|(_, line)| {
        let comment = line.find("//").map_or("", |at| &line[at..]);
        ["TODO", "FIXME", "XXX"].iter().any(|mark| comment.contains(mark))
    });
    let lines = macros.map(|pair| pair[0].line).chain(ignored.map(|three| three[0].line));
    let lines = lines.chain(marks.map(|(index, _)| index + 1));
    lines.map(|line| (line, "this is unfinished".to_owned())).collect()
}

/// A file begins with what it is.
pub(super) fn a_file_says_what_it_is(source: &Source) -> Vec<Finding> {
    let begins = source.text.starts_with("//! ");
    if begins { Vec::new() } else { vec![(1, "the file does not begin with `//! ` and what it is".to_owned())] }
}

/// A file is short enough to be read at once.
pub(super) fn a_file_is_short(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if lines <= LINES || LONG_FILES.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    vec![(lines, format!("{lines} lines are more than {LINES}: split the file by meaning"))]
}

/// A file has a name by which its content is found.
pub(super) fn a_file_has_a_name(path: &str) -> Vec<Finding> {
    if path == "flow-runtime/src/prelude.rs" {
        return Vec::new();
    }
    let parts = path.trim_end_matches(".rs").split('/');
    let nameless = parts.filter(|part| NAMELESS.contains(part));
    nameless.map(|part| (1, format!("`{part}` says nothing of what is in it"))).collect()
}
