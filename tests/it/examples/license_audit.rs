//! `license_audit` on this workspace's own lock file, and on a small one with a package of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flow_runtime::FlatBuffersStore;
use tempfile::TempDir;

use super::{Ended, STORES, damage, example, files, folder, kill_after, run, with_little_disk, workspace};

/// A folder with a lock file, a workspace, and a cargo home with the sources of some packages.
struct Place(TempDir);

const LOCK: &str = r#"
version = 4
[[package]]
name = "own"
version = "0.1.0"
"#;

const MIT: &str = "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software and \
                   associated documentation files. The above copyright notice and\nthis permission notice shall be \
                   included in all copies.";

/// What the report says of the packages in [`Place::small`].
const REPORT: &str = "\
# Licence audit

| group | packages |
| --- | ---: |
| Not readable | 3 |
| Unknown | 1 |
| Licence file only | 1 |
| Copyleft | 1 |
| Weak copyleft | 1 |
| Permissive | 3 |
| all | 10 |

## Not readable

| package | version | licence | found |
| --- | --- | --- | --- |
| broken | 1.0.0 |  | HOME/registry/src/test/broken-1.0.0/Cargo.toml is no manifest: WHY |
| from-git | 1.0.0 |  | it comes from no registry, and is no package of the workspace |
| gone | 1.0.0 |  | cargo has no sources of it here; `cargo fetch` gets them |

## Unknown

| package | version | licence | found |
| --- | --- | --- | --- |
| silent | 1.0.0 |  |  |

## Licence file only

| package | version | licence | found |
| --- | --- | --- | --- |
| secretive | 1.0.0 |  | terms.txt is not recognised |

## Copyleft

| package | version | licence | found |
| --- | --- | --- | --- |
| strict | 1.0.0 | GPL-3.0-only |  |

## Weak copyleft

| package | version | licence | found |
| --- | --- | --- | --- |
| own | 0.1.0 | MPL-2.0 |  |

## Permissive

| package | version | licence | found |
| --- | --- | --- | --- |
| free | 1.0.0 | MIT/Apache-2.0 |  |
| textual | 1.0.0 | MIT | by the text of LICENSE |
| vague | 1.0.0 | MIT | `Own \\| terms` is not understood; by the text of COPYING |
";

impl Place {
    /// Ten packages, one of every kind.
    fn small() -> Self {
        let place = Self(folder());
        let mut lock = vec![LOCK.to_owned()];
        for name in ["broken", "from-git", "gone", "silent", "secretive", "strict", "free", "textual", "vague"] {
            let source =
                if name == "from-git" { "git+https://example.org/x#1" } else { "registry+https://example.org" };
            lock.push(format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n"));
        }
        place.write("Cargo.lock", &lock.concat());
        place.write(
            "Cargo.toml",
            "[package]\nname = \"own\"\nversion = \"0.1.0\"\nlicense = \"MPL-2.0\"\n[workspace]\n",
        );
        place.write("src/lib.rs", "");
        place.package("broken", "license = ");
        place.package("silent", "");
        place.package("secretive", "license-file = \"terms.txt\"");
        place.package("strict", "license = \"GPL-3.0-only\"");
        place.package("free", "license = \"MIT/Apache-2.0\"");
        place.package("textual", "license-file = \"LICENSE\"");
        place.package("vague", "license = \"Own | terms\"");
        place.write("home/registry/src/test/secretive-1.0.0/terms.txt", "Ask us.");
        place.write("home/registry/src/test/textual-1.0.0/LICENSE", MIT);
        place.write("home/registry/src/test/vague-1.0.0/COPYING", MIT);
        place
    }

    fn package(&self, name: &str, rest: &str) {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}\n");
        self.write(&format!("home/registry/src/test/{name}-1.0.0/Cargo.toml"), &manifest);
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An audit of the lock file here, with its progress in `store`.
    fn audit(&self, store: &str) -> Command {
        let mut command = audit(&self.path("Cargo.lock"), &self.path(store), &self.path("out/report.md"));
        command.env("CARGO_HOME", self.path("home"));
        command
    }

    fn report(&self) -> String {
        fs::read_to_string(self.path("out/report.md")).unwrap()
    }
}

fn audit(lock: &Path, store: &Path, report: &Path) -> Command {
    let mut command = example("license_audit");
    command.arg("--lock").arg(lock).arg("--store").arg(store).arg("--report").arg(report);
    command
}

#[test]
fn every_kind_of_package_is_told() {
    let place = Place::small();
    let ended = run(&mut place.audit("store")).succeeded();
    assert!(ended.stdout.starts_with("10 packages: 3 not readable, 1 unknown, 1 licence file only, 1 copyleft"));
    let mut report = place.report();
    let home = place.path("home").display().to_string();
    report = report.replace(&home, "HOME");
    // Where exactly the manifest is broken is for the parser to say.
    let begin = report.find("is no manifest: ").unwrap() + "is no manifest: ".len();
    let end = begin + report[begin..].find(" |\n").unwrap();
    report.replace_range(begin..end, "WHY");
    assert_eq!(report, REPORT);
}

#[test]
fn paths_may_be_relative() {
    let place = Place::small();
    let mut command = audit(Path::new("Cargo.lock"), Path::new("store"), Path::new("report.md"));
    run(command.env("CARGO_HOME", "home").current_dir(place.0.path())).succeeded();
    let report = fs::read_to_string(place.path("report.md")).unwrap();
    assert!(report.contains("| own | 0.1.0 | MPL-2.0 |  |"), "{report}");
}

#[test]
fn the_lock_file_of_this_workspace_is_audited() {
    let here = folder();
    let (store, report) = (here.path().join("store"), here.path().join("report.md"));
    let mut command = audit(&workspace().join("Cargo.lock"), &store, &report);
    let first = run(&mut command).succeeded();
    let text = fs::read_to_string(&report).unwrap();
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap();
    let packages = lock.matches("[[package]]").count();
    assert!(text.contains(&format!("| all | {packages} |")), "{text}");
    assert!(text.contains("| flow-runtime | 0.1.0 | MIT OR Apache-2.0 |  |"), "{text}");

    fs::remove_file(&report).unwrap();
    let again = run(&mut command).succeeded();
    assert!(again.stderr.contains("was audited before"), "{}", again.stderr);
    assert!(!again.stderr.contains(" done in "), "nothing runs again: {}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(fs::read_to_string(&report).unwrap(), text);

    let fresh = run(command.arg("--fresh")).succeeded();
    assert!(fresh.stderr.contains(" done in "), "all runs again: {}", fresh.stderr);
    assert_eq!(fs::read_to_string(&report).unwrap(), text);
}

#[test]
fn a_machine_without_sources_gets_a_report() {
    let here = folder();
    let mut command = audit(&workspace().join("Cargo.lock"), &here.path().join("store"), &here.path().join("a.md"));
    run(command.env("CARGO_HOME", here.path().join("home"))).succeeded();
    let text = fs::read_to_string(here.path().join("a.md")).unwrap();
    assert!(text.contains("| flow-runtime | 0.1.0 | MIT OR Apache-2.0 |  |"), "{text}");
    assert!(text.contains("| serde | "), "{text}");
    assert!(text.contains("cargo has no sources of it here"), "{text}");
}

#[test]
fn b42_killed_at_any_moment_it_gives_the_same_report() {
    let place = Place::small();
    let undisturbed = run(&mut place.audit("undisturbed")).succeeded();
    let report = place.report();
    let moments = undisturbed.stderr.lines().count();
    assert!(moments > 30, "{moments} moments");

    for kind in STORES {
        let (mut kills, mut resumed) = (0, 0);
        for moment in (1..=moments).step_by(3) {
            fs::remove_file(place.path("out/report.md")).unwrap();
            let store = format!("killed-{moment}{}", kind.concat());
            kills += u32::from(kill_after(place.audit(&store).args(kind), moment));
            let Ended { stdout, stderr, .. } = run(place.audit(&store).args(kind)).succeeded();
            resumed += u32::from(stderr.contains("goes on, ") && !stderr.contains("goes on, 0 "));
            assert_eq!(stdout, undisturbed.stdout, "killed at line {moment}");
            assert_eq!(place.report(), report, "killed at line {moment}");
            assert_eq!(files(&place.path("out")).len(), 1, "nothing else is left");
        }
        assert!(kills > 2, "only {kills} kills came before the end");
        assert!(resumed > 0, "no run went on from a step that was saved");
    }
}

#[test]
fn what_a_killed_process_left_of_its_report_is_removed_and_nothing_else() {
    let place = Place::small();
    place.write("out/.report.md.17.00000000000000ff.tmp", "half a rep");
    place.write("out/.other.md.17.00000000000000ff.tmp", "not ours");
    run(&mut place.audit("store")).succeeded();
    let left = files(&place.path("out"));
    let left: Vec<_> = left.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(left, [".other.md.17.00000000000000ff.tmp", "report.md"]);
}

#[test]
fn a_lock_file_that_cannot_be_read_is_named_and_nothing_is_touched() {
    let no_packages = "version = 4\n";
    let strange_name = "version = 4\n[[package]]\nname = \"../../etc\"\nversion = \"1.0.0\"\n";
    let cases: [(Option<&str>, &[&str]); 6] = [
        (None, &["there is no "]),
        (Some("version = 4\n[[package"), &["no lock file that can be read", "line 2"]),
        (Some("\0\u{1}"), &["no lock file that can be read", "line 1"]),
        (Some("version = 99\n"), &["it is of version 99"]),
        (Some(no_packages), &["it has no `[[package]]`"]),
        (Some(strange_name), &["`../../etc` is no name of a package"]),
    ];
    for (lock, messages) in cases {
        let place = Place(folder());
        place.write("out/report.md", "an older report");
        if let Some(lock) = lock {
            place.write("Cargo.lock", lock);
        }
        let before = files(place.0.path());
        let ended = run(&mut place.audit("store")).failed_saying(messages);
        assert!(ended.stderr.contains(&place.path("Cargo.lock").display().to_string()), "{}", ended.stderr);
        assert_eq!(files(place.0.path()), before);
    }
}

#[test]
fn folders_that_cannot_be_read_are_named() {
    let place = Place(folder());
    place.write("Cargo.lock", LOCK);
    place.write("home/registry/src", "no folder");
    run(&mut place.audit("store")).failed_saying(&["cannot read the folder", "home/registry/src"]);
    assert!(!place.path("out").exists());

    let place = Place::small();
    place.write("store", "no folder");
    run(&mut place.audit("store")).failed_saying(&["store"]);
    assert_eq!(fs::read_to_string(place.path("store")).unwrap(), "no folder");

    fs::create_dir_all(place.path("out/report.md")).unwrap();
    run(&mut place.audit("other")).failed_saying(&["out/report.md is no file"]);
    assert!(!place.path("other").exists());
}

#[test]
fn b40_a_store_that_another_process_holds_is_named_with_its_holder() {
    let place = Place::small();
    place.write("out/report.md", "an older report");
    let held = FlatBuffersStore::open(place.path("store")).unwrap();
    let holder = format!("is held by process {}", std::process::id());
    for kind in STORES {
        let ended = run(place.audit("store").args(kind));
        ended.failed_saying(&[&place.path("store").display().to_string(), &holder]);
        assert_eq!(place.report(), "an older report");
    }
    drop(held);
    run(&mut place.audit("store")).succeeded();
}

#[test]
fn b32_a_damaged_run_is_named_and_left_as_it_is() {
    for kind in STORES {
        let place = Place::small();
        run(place.audit("store").args(kind)).succeeded();
        place.write("out/report.md", "an older report");
        damage(&place.path("store"), "MIT/Apache-2.0");
        let runs = || files(&place.path("store")).into_iter().filter(|(path, _)| !path.ends_with("LOCK"));
        let before: Vec<_> = runs().collect();
        run(place.audit("store").args(kind)).failed_saying(&["run `lock-", "is damaged", "left as it is"]);
        assert_eq!(place.report(), "an older report");
        assert!(runs().eq(before), "the store was changed");
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let place = Place::small();
    place.write("out/report.md", "an older report");
    let full = run(&mut with_little_disk(&place.audit("store"), 1));
    full.failed_saying(&[&place.path("store").display().to_string()]);
    assert_eq!(place.report(), "an older report");

    run(&mut place.audit("store")).succeeded();
    let report = place.report();
    place.write("out/report.md", "an older report");
    run(&mut with_little_disk(&place.audit("store"), 1)).failed_saying(&["out/"]);
    assert_eq!(place.report(), "an older report");
    assert_eq!(files(&place.path("out")).len(), 1, "nothing else is left");
    run(&mut place.audit("store")).succeeded();
    assert_eq!(place.report(), report);
}
