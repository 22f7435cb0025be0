//! That each error has a code, and the documentation of each variant links to its page.

use std::collections::BTreeSet;

use super::pages::sources;
use super::samples::samples;

/// Where each error is written.
const SOURCES: [(&str, &str); 15] = [
    ("RunError", include_str!("../../engine/error.rs")),
    ("AskError", include_str!("../../engine/requests.rs")),
    ("ForkError", include_str!("../../engine/fork.rs")),
    ("MigrationError", include_str!("../../engine/migration.rs")),
    ("StoreError", include_str!("../../store/error.rs")),
    ("CodecError", include_str!("../../state/codec/mod.rs")),
    ("FailureKind", include_str!("../../state/failure.rs")),
    ("ApplyError", include_str!("../../state/apply.rs")),
    ("EncodeError", include_str!("../../state/payload.rs")),
    ("DecodeError", include_str!("../../state/payload.rs")),
    ("InvalidId", include_str!("../../state/id.rs")),
    ("InvalidRequestId", include_str!("../../state/request.rs")),
    ("DiskError", include_str!("../../disk/error.rs")),
    ("LockError", include_str!("../../testing/lock/error.rs")),
    ("CrashFailure", include_str!("../../testing/crash/failure.rs")),
];

/// The documentation right above the line that declares this variant, or this type if there is none.
fn documentation(source: &str, variant: &str) -> String {
    let (name, within) = match variant.split_once("::") {
        Some((name, within)) => (name, Some(within)),
        None => (variant, None),
    };
    let mut lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let declares =
        |line: &&str, name: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '(', ',']));
    let begin = |line: &&str| ["pub enum ", "pub struct "].iter().any(|head| declares(line, &format!("{head}{name}")));
    let mut at = lines.iter().position(begin).unwrap();
    if let Some(within) = within {
        at += 1 + lines[at + 1..].iter().position(|line| declares(line, within)).unwrap();
    }
    lines.truncate(at);
    // Between the documentation and the name stand attributes, some of several lines.
    let end = lines.iter().rposition(|line| line.starts_with("///")).unwrap() + 1;
    let begin = lines[..end].iter().rposition(|line| !line.starts_with("///")).map_or(0, |line| line + 1);
    lines[begin..end].join("\n")
}

#[test]
fn each_variant_links_to_its_page() {
    for sample in samples().iter().filter(|sample| sample.variant != "StepFailure") {
        let of = sample.variant.split("::").next().unwrap();
        let (_, source) = SOURCES.iter().find(|(name, _)| *name == of).unwrap();
        let documentation = documentation(source, &sample.variant);
        let code = sample.code.as_str();
        let link = format!("[`{code}`](crate::errors::codes::{})", code[2..].replace('-', "_"));
        let carries = documentation.contains("The code is that of the source.") && sample.error.source().is_some();
        assert!(
            carries || documentation.contains(&link),
            "{} does not link to {code}: {documentation}",
            sample.variant
        );
    }
}

/// Errors that have no code: they carry what a node of the user's said.
const OF_NODES: [&str; 2] = ["Cause", "Permanent"];

/// The names of the errors in a file: what derives `Error`, and what it is implemented for.
fn errors_in(source: &str) -> impl Iterator<Item = &str> {
    let derived = source.split("thiserror::Error)]").skip(1).filter_map(|rest| {
        let declaration = rest.lines().find(|line| line.contains("pub enum ") || line.contains("pub struct "));
        declaration.and_then(|line| line.split(' ').nth(2))
    });
    let implemented = source.split("\nimpl Error for ").skip(1).filter_map(|rest| rest.split(' ').next());
    derived.chain(implemented)
}

#[test]
fn each_error_has_a_code() {
    let samples = samples();
    let with_code: BTreeSet<&str> = samples.iter().map(|sample| sample.variant.split("::").next().unwrap()).collect();
    let texts: Vec<String> = sources().collect();
    let errors: BTreeSet<&str> = texts.iter().flat_map(|text| errors_in(text)).collect();
    assert!(errors.contains("RunError") && errors.contains("StepFailure"), "{errors:?}");
    let is_known = |error: &&&str| with_code.contains(**error) || OF_NODES.contains(error) || **error == "NodeFailure";
    let unknown: Vec<&&str> = errors.iter().filter(|error| !is_known(error)).collect();
    assert!(unknown.is_empty(), "without a code: {unknown:?}");
}
