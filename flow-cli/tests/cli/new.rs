//! `flow new`: an application to begin with. That it is built and does what it says, `.ci/first_five_minutes` shows.

use std::fs;
use std::path::Path;

use crate::flow::{Call, command, is, run, together};

fn new_in(dir: &Path, args: &[&str]) -> Call {
    let args: Vec<&str> = ["new"].iter().chain(args).copied().collect();
    let mut command = command(&args);
    command.current_dir(dir);
    run(command, &args, Some(dir))
}

#[test]
fn it_makes_the_files_of_an_application() {
    let dir = tempfile::tempdir().unwrap();
    new_in(dir.path(), &["my-trip"]).exits(0).is("new");
    let files = ["Cargo.toml", ".gitignore"].map(|file| fs::read_to_string(dir.path().join("my-trip").join(file)));
    is("new_files", &files.map(Result::unwrap).join("\n---\n"));
    let program = fs::read_to_string(dir.path().join("my-trip/src/main.rs")).unwrap();
    assert_eq!(program, include_str!("../../template/src/main.rs"));
    let made = new_in(dir.path(), &["other", "--json"]).exits(0).json();
    assert_eq!(made["files"], serde_json::json!(["Cargo.toml", "src/main.rs", ".gitignore"]));
}

#[test]
fn flow_may_come_from_a_checkout() {
    let dir = tempfile::tempdir().unwrap();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap();
    new_in(dir.path(), &["app", "--runtime", checkout]).exits(0);
    let manifest = fs::read_to_string(dir.path().join("app/Cargo.toml")).unwrap();
    let path = format!("path = {}", serde_json::Value::from(format!("{checkout}/flow-runtime")));
    assert!(manifest.contains(&format!("flow-runtime = {{ {path} }}")), "{manifest}");
    assert!(manifest.contains(&format!("flow-runtime = {{ {path}, features = [\"testing\"] }}")), "{manifest}");
}

#[test]
fn what_is_no_name_is_refused_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["Trip", "1st", "a b", "\u{1b}[31m", "..", "tokio", "a\"]", "ü"];
    let calls: Vec<Call> = names.iter().map(|name| new_in(dir.path(), &[name]).exits(1)).collect();
    is("new_refused", &together(&calls));
    let calls = [new_in(dir.path(), &["app", "--runtime", "."]).exits(1)];
    is("new_no_runtime", &together(&calls));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("app")).unwrap();
    fs::write(dir.path().join("app/notes"), "mine").unwrap();
    new_in(dir.path(), &["app"]).exits(1).is("new_not_empty");
    assert_eq!(fs::read_dir(dir.path().join("app")).unwrap().count(), 1);
}
