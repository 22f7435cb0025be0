//! `flow export`, `import` and `copy`: runs come over whole, between stores of all kinds.

use std::fs;
use std::path::{Path, PathBuf};

use flow_runtime::WorkflowId;
use flow_runtime::state::{Request, RequestKind, RunOutcome, RunOutput};
use tempfile::TempDir;

use crate::application::{Application, LARGE, asks, reads};
use crate::flow::{Call, flow_on, flow_reading, is, is_harmless, together};
use crate::samples::{Sample, completes, ends, fulfil, some_runs, starts, step};
use crate::stores::{KINDS, Store};

/// A folder for files that are carried.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A call without the names of these files.
    fn redacted(&self, mut call: Call) -> Call {
        let folder = self.0.path().to_str().expect("a name");
        for text in [&mut call.typed, &mut call.stdout, &mut call.stderr] {
            *text = text.replace(folder, "FILES");
        }
        call
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name")
}

/// All of a store, as `flow export` writes it.
fn exported(store: &Store) -> String {
    flow_on(store, &["export"]).exits(0).stdout
}

/// A store with runs in many states: some are to come, one has a value that is kept beside its record.
fn full_store(kind: &'static str) -> Store {
    let store = Store::with(kind, &some_runs());
    {
        let application = Application::on(&store);
        application.has_asked("asks");
        let output = application.wait(async |engine| reads().run(engine, "large \u{202e}").await);
        assert_eq!(output.expect("it completes").len(), LARGE);
    }
    flow_on(&store, &["signal", "to come", "go", "1", "--id", "s1"]).exits(0);
    flow_on(&store, &["signal", "asks", "nothing", "[1.50, null]", "--id", "s2"]).exits(0);
    flow_on(&store, &["signal", "asks", "nothing", "2", "--id", "s1"]).exits(0);
    store
}

#[test]
fn an_export_comes_back_equal_to_the_byte_from_every_store() {
    let files = Files::new();
    for from in KINDS {
        let store = full_store(from);
        let lines = exported(&store);
        assert!(is_harmless(&lines));
        let file = files.path(from);
        fs::write(&file, &lines).expect("a file");
        for to in KINDS {
            let other = Store::absent(to);
            let call = flow_on(&other, &["import", text(&file), "--json"]).exits(0);
            let document = call.json();
            assert_eq!(document["copied"].as_array().map(Vec::len), Some(5), "{call}");
            assert_eq!(document["to_come"], serde_json::json!(["to come"]), "{call}");
            assert_eq!(exported(&other), lines, "{from} to {to}");
        }
    }
}

#[test]
fn a_copy_is_equal_to_the_byte_in_another_kind_of_store() {
    for (from, to) in [("sqlite", "json"), ("json", "fb"), ("fb", "sqlite")] {
        let (store, other) = (full_store(from), Store::absent(to));
        let call = flow_on(&store, &["copy", &other.address()]).exits(0);
        assert_eq!(call.stdout.lines().count(), 6, "{call}");
        assert_eq!(exported(&other), exported(&store), "{from} to {to}");
        let again = flow_on(&store, &["copy", &other.address(), "--json"]).exits(0).json();
        assert_eq!(again["present"].as_array().map(Vec::len), Some(5), "{again}");
        assert_eq!(exported(&other), exported(&store), "{from} to {to}");
    }
}

#[test]
fn a_run_that_was_carried_goes_on() {
    for store in KINDS.map(full_store) {
        let other = Store::absent("fb");
        flow_on(&store, &["copy", &other.address(), "asks"]).exits(0);
        let application = Application::on(&other);
        flow_on(&other, &["signal", "asks", "answer", r#"{"yes":false,"by":"Ada"}"#, "--wait=60s"]).exits(0);
        let answer = application.wait(async |engine| asks().run(engine, "asks").await).expect("it completes");
        assert!(!answer.yes);
    }
}

#[test]
fn what_is_carried_is_told_the_same_from_each_store() {
    let files = Files::new();
    for kind in KINDS {
        let (store, other, file) = (Store::with(kind, &some_runs()), Store::absent(kind), files.path("runs.flow"));
        let redacted = |mut call: Call| {
            call = files.redacted(call);
            call.typed = call.typed.replace(&other.address(), "OTHER");
            call.stderr = call.stderr.replace(text(other.path()), "OTHER");
            call
        };
        let mut calls: Vec<Call> = Vec::new();
        let mut runs = |store: &Store, exit: i32, args: &[&str]| {
            calls.push(redacted(flow_on(store, args).exits(exit)));
        };
        runs(&store, 1, &["export", "--json"]);
        runs(&store, 3, &["export", "order-1", "order-2", "none", "-o", text(&file)]);
        runs(&other, 0, &["import", text(&file)]);
        runs(&other, 0, &["import", text(&file)]);
        runs(&store, 0, &["export", "--output", text(&file), "--json"]);
        runs(&store, 3, &["copy", &other.address(), "order-3", "none"]);
        runs(&store, 0, &["copy", &other.address(), "--json"]);
        runs(&store, 1, &["export", "-o", text(&files.path("no/such/folder"))]);
        runs(&store, 1, &["import", text(&files.path("none"))]);
        runs(&store, 1, &["import", "/dev/null"]);
        is("carried", &together(&calls));
    }
}

/// The same id, and another run.
fn other_run() -> flow_runtime::WorkflowData {
    Sample::new("order-1", &fulfil(), 7_200)
        .then(7_199, vec![starts(0), starts(1)])
        .then(7_190, vec![completes(0, "4"), completes(1, "5"), starts(2)])
        .then(7_100, vec![completes(2, "9"), ends(RunOutcome::Completed, RunOutput::Step(step(2)))])
        .run()
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked() {
    let files = Files::new();
    for kind in KINDS {
        let (store, file) = (Store::with(kind, &some_runs()), files.path("runs.flow"));
        flow_on(&store, &["export", "-o", text(&file)]).exits(0);
        let other = Store::with(kind, &[other_run()]);
        let calls = [
            flow_on(&other, &["import", text(&file)]).exits(1),
            flow_on(&other, &["import", text(&file), "--json"]).exits(1),
            flow_on(&other, &["import", text(&file), "--replace"]).exits(0),
        ];
        is("import_different", &together(&calls.map(|call| files.redacted(call))));
        assert_eq!(exported(&other), exported(&store));
    }
}

#[test]
fn a_damaged_record_is_put_right_from_an_export() {
    let files = Files::new();
    for kind in KINDS {
        let (store, file) = (Store::with(kind, &some_runs()), files.path("runs.flow"));
        flow_on(&store, &["export", "-o", text(&file)]).exits(0);
        let lines = fs::read_to_string(&file).expect("a file");
        store.damage("Grace");
        let left_out = files.path("rest.flow");
        let call = flow_on(&store, &["export", "-o", text(&left_out), "--json"]).exits(5);
        let document = call.json();
        assert_eq!(document["runs"], 2, "{call}");
        // A log in which the beginning of a run is damaged does not know which run it was.
        let is_known = kind != "fb";
        let told = if is_known { &document["failed"][0]["id"] } else { &document["damaged"][0]["reason"] };
        assert!(told.as_str().is_some_and(|told| told == "order-2" || !is_known), "{call}");
        let copied = flow_on(&store, &["copy", &Store::absent("json").address(), "--json"]).exits(5).json();
        assert_eq!(copied["copied"], serde_json::json!(["order-1", "order-3"]), "{copied}");
        let refused = flow_on(&store, &["import", text(&file), "--json"]).exits(5).json();
        assert_eq!(refused["failed"][0]["id"], "order-2", "{refused}");
        let put = flow_on(&store, &["import", text(&file), "--replace", "--json"]).exits(0).json();
        assert_eq!(put["replaced"], serde_json::json!(["order-2"]), "{put}");
        assert_eq!(exported(&store), lines);
    }
}

#[test]
fn what_is_damaged_in_an_export_is_told_by_its_line_and_the_rest_imported() {
    let (files, store) = (Files::new(), Store::with("json", &some_runs()));
    let lines: Vec<String> = exported(&store).lines().map(str::to_owned).collect();
    let (file, all) = (files.path("runs.flow"), ["order-1", "order-2", "order-3"]);
    let imported = |lines: &[String], end: &str| {
        fs::write(&file, lines.join("\n") + end).expect("a file");
        let other = Store::absent("fb");
        let call = files.redacted(flow_on(&other, &["import", text(&file)]).exits(5));
        let there = all.into_iter().filter(|run| other.record(run).is_some()).collect::<Vec<_>>();
        (call, there)
    };
    let mut calls = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut damaged = lines.clone();
        damaged[at] = line.replacen("\"body\":{\"", "\"body\":{\"x", 1);
        let (call, there) = imported(&damaged, "\n");
        let expected: Vec<_> =
            all.into_iter().enumerate().filter(|(run, _)| run + 1 != at).map(|(_, run)| run).collect();
        assert_eq!(there, expected, "line {}", at + 1);
        calls.push(call);
    }
    calls.push(imported(&lines[..3], "\n").0);
    calls.push(imported(&lines[..4], &format!("\n{}", &lines[4][..20])).0);
    calls.push(imported(&[&lines[..2], &lines[3..]].concat(), "\n").0);
    calls.push(imported(&[&lines[..2], &lines[1..]].concat(), "\n").0);
    calls.push(imported(&[&["notes".to_owned(), String::new()], &lines[..]].concat(), "\n").0);
    is("import_damaged", &together(&calls));
}

#[test]
fn a_run_whose_large_value_is_damaged_is_not_imported() {
    let (files, store) = (Files::new(), full_store("fb"));
    let lines = exported(&store);
    let file = files.path("runs.flow");
    let without: Vec<&str> = lines.lines().filter(|line| !line.contains("{\"part\":")).collect();
    assert!(without.len() < lines.lines().count(), "there is a large value");
    fs::write(&file, without.join("\n") + "\n").expect("a file");
    for kind in KINDS {
        let other = Store::absent(kind);
        let call = flow_on(&other, &["import", text(&file), "--json"]).exits(5);
        assert_eq!(call.json()["failed"][0]["id"], "large \u{202e}", "{call}");
        assert!(is_harmless(&call.stderr) && other.record("large \u{202e}").is_none(), "{call}");
        assert!(other.record("asks").is_some());
    }
}

#[test]
fn an_export_is_read_from_standard_input_and_exports_can_be_put_together() {
    let files = Files::new();
    let one = Store::with("json", &some_runs()[..1]);
    let two = Store::with("fb", &some_runs()[1..]);
    let file = files.path("both.flow");
    fs::write(&file, exported(&one) + &exported(&two)).expect("a file");
    for kind in KINDS {
        let other = Store::absent(kind);
        flow_reading(&other, &["import", "-"], &file).exits(0);
        assert_eq!(exported(&other), exported(&Store::with("json", &some_runs())));
    }
}

#[test]
fn a_store_is_made_only_where_nothing_else_stands() {
    let files = Files::new();
    let file = files.path("runs.flow");
    flow_on(&Store::with("json", &some_runs()), &["export", "-o", text(&file)]).exits(0);
    for kind in ["json", "fb"] {
        let empty = Store::absent(kind);
        fs::create_dir(empty.path()).expect("a folder");
        flow_on(&empty, &["import", text(&file)]).exits(0);
        let full = Store::absent(kind);
        fs::create_dir(full.path()).expect("a folder");
        fs::write(full.path().join("notes.txt"), "mine").expect("a file");
        let call = flow_on(&full, &["import", text(&file)]).exits(4);
        assert!(call.stderr.contains("a folder without a store"), "{call}");
        let held = Store::with(kind, &[]);
        let _open = held.open();
        let call = flow_on(&held, &["import", text(&file)]).exits(4);
        assert!(call.stderr.contains("is held by process"), "{call}");
    }
}

#[test]
fn requests_that_a_store_has_stay_before_those_that_come() {
    let files = Files::new();
    let file = files.path("runs.flow");
    let request = |id: &str| Request::new(id, 0, RequestKind::Pause).expect("a request");
    let run = WorkflowId::new("order-3").expect("an id");
    let ask = |store: &Store, id: &str| store.write(async |store| store.ask(&run, &request(id)).await);
    for kind in KINDS {
        let (from, to) = (Store::with(kind, &some_runs()), Store::with(kind, &some_runs()));
        assert!(ask(&from, "new") && ask(&from, "both") && ask(&to, "old") && ask(&to, "both"));
        flow_on(&from, &["export", "-o", text(&file)]).exits(0);
        flow_on(&to, &["import", text(&file)]).exits(0);
        let ids: Vec<_> = to.requests("order-3").into_iter().map(|request| request.id).collect();
        assert_eq!(ids, ["old", "both", "new"]);
    }
}
