//! `flow.lock`: it notices a shape that changed under the same version, and is left as it is when it is broken.

use std::path::Path;

use flow_runtime::Plan;
use flow_runtime::prelude::*;
use flow_runtime::testing::{LockError, LockMode, ShapeChanges, check_lock};

#[node]
async fn reserve(x: u64) -> u64 {
    x
}

#[node]
async fn charge(x: u64) -> u64 {
    x
}

#[node(name = "charge")]
async fn charge_in_words(x: u64) -> String {
    x.to_string()
}

#[node]
async fn ship(x: u64) -> String {
    x.to_string()
}

macro_rules! version {
    ($module:ident: $($body:tt)*) => {
        mod $module {
            #[allow(unused_imports, reason = "not every version calls every node")]
            use super::{charge, charge_in_words, reserve, ship};

            flow_runtime::workflow! { $($body)* }
        }
    };
}

version! { first:
    pub(super) fn order(x: u64) -> String {
        let hold = reserve(x);
        #[catch]
        let paid = charge(x);
        let sent = match paid {
            Ok(_) => ship(hold),
            Err(_) => String::new(),
        };
        let all = for _ in [1, 2] { let again = ship(hold); again };
        #[after(all)]
        let word = flow_runtime::sleep("1h");
        #[after(word)]
        #[id = "last"]
        ship(hold + sent.len() as u64)
    }
}
version! { changed:
    pub(super) fn order(x: u64) -> String {
        let more = reserve(x);
        let hold = reserve(more);
        let sent = ship(hold);
        let all = for _ in [1, 2] { let again = ship(hold); again };
        #[after(all)]
        let word = flow_runtime::sleep("1h");
        #[after(word)]
        #[id = "last"]
        ship(hold + sent.len() as u64)
    }
}
version! { in_numbers:
    pub(super) fn small(x: u64) -> u64 { let a = charge(x); 1 + a - a }
}
version! { in_words:
    pub(super) fn small(x: u64) -> u64 { let a = charge_in_words(x); 1 + a.len() as u64 }
}
version! { one_more:
    pub(super) fn small(x: u64) -> u64 { let a = charge(x); reserve(x); 1 + a - a }
}
version! { turned:
    pub(super) fn pair(x: u64) -> u64 { let a = charge(x); let b = reserve(x); a + b }
}
version! { turned_back:
    pub(super) fn pair(x: u64) -> u64 { let b = reserve(x); let a = charge(x); a + b }
}
version! { second:
    #[version = 2]
    pub(super) fn order(x: u64) -> String { ship(x) }
}

const TEXT: &str = "\
# flow.lock 1: the shapes that stored runs follow. Made by `flow_runtime::testing::lock!`, not by hand.

workflow order version 1 fingerprint FINGERPRINT sum SUM
  input = (x: u64)
  step hold = reserve() -> u64
  step paid = charge() catch -> u64
  step sent = match(paid) { Ok(_) => sent.ship, Err(_) =>  }
  step all = for() { all.again }
  step word = timer sleep() after all -> ()
  step last = ship(hold, sent) after word -> String
  step sent.ship = ship(hold) in Ok(_) -> String
  step all.again = ship(hold) -> String
  output = last -> String
";

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("flow.lock")).unwrap()
}

/// Without what is a number.
fn shown(text: &str) -> String {
    let line = |line: &str| match line.split_once(" fingerprint ") {
        Some((head, _)) => format!("{head} fingerprint FINGERPRINT sum SUM\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn changes(folder: &Path, plan: &Plan) -> (ShapeChanges, String) {
    let before = read(folder);
    let error = check_lock(folder, &[plan], LockMode::New).unwrap_err();
    assert_eq!(read(folder), before, "it is left as it is");
    let said = error.to_string();
    let LockError::Changed { changes, .. } = error else { panic!("{said}") };
    (changes, said)
}

#[test]
fn the_file_has_a_block_for_each_version_and_a_line_for_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    check_lock(folder, &[first::order::plan()], LockMode::New).unwrap();
    assert_eq!(shown(&read(folder)), TEXT);
    // What there is stays, and what is new comes in order.
    let text = read(folder);
    check_lock(folder, &[second::order::plan(), in_numbers::small::plan()], LockMode::New).unwrap();
    assert!(read(folder).starts_with(&text));
    let heads: Vec<String> =
        read(folder).lines().filter_map(|line| Some(line.split_once(" finger")?.0.to_owned())).collect();
    assert_eq!(heads, ["workflow order version 1", "workflow order version 2", "workflow small version 1"]);
    let all = [first::order::plan(), second::order::plan(), in_numbers::small::plan()];
    check_lock(folder, &all, LockMode::Check).unwrap();
}

#[test]
fn b44_a_shape_that_changed_is_told_by_its_steps_and_by_what_a_run_would_meet() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = [first::order::plan(), in_numbers::small::plan(), turned::pair::plan()];
    check_lock(folder, &before, LockMode::New).unwrap();

    let (found, said) = changes(folder, changed::order::plan());
    assert_eq!(found.added, ["more"]);
    assert_eq!(found.removed, ["paid", "sent.ship"]);
    assert_eq!(found.rewired, ["hold", "sent"]);
    assert!(said.contains("(added: more; removed: paid, sent.ship; rewired: hold, sent)"), "{said}");
    let met = "unless its engine adopts changed plans and `paid` or `sent.ship` or `hold` or `sent` has not begun. \
               Give the workflow `#[version = 2]`; or, if no run";
    assert!(said.contains(met), "{said}");

    let (found, said) = changes(folder, one_more::small::plan());
    assert_eq!((&found.added[..], found.rewired.len()), (&["reserve".to_owned()][..], 0));
    assert!(said.contains("refused (RunError::PlanChanged), unless its engine adopts changed plans. Give"), "{said}");

    let (found, said) = changes(folder, in_words::small::plan());
    assert_eq!(found.retyped, [("a".to_owned(), "u64".to_owned(), "String".to_owned())]);
    assert!(said.contains("another type: a is `String` and was `u64`"), "{said}");
    assert!(said.contains("read with the new types, and refused (RunError::Undecodable)"), "{said}");
    let remedy = ". Give the workflow `#[version = 2]`, and `#[migrate(from = 1, with = ..)]` to `a`, so that stored runs \
                  go on; or, if no run";
    assert!(said.contains(remedy), "{said}");

    let (found, said) = changes(folder, turned_back::pair::plan());
    assert_eq!(found, ShapeChanges::default());
    assert!(said.contains("(the same steps in another order)"), "{said}");

    // Someone says that no run is stored.
    check_lock(folder, &[changed::order::plan()], LockMode::Write).unwrap();
    check_lock(folder, &[changed::order::plan(), in_numbers::small::plan()], LockMode::Check).unwrap();
}

#[test]
fn nothing_is_written_where_nothing_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let error = check_lock(folder.path(), &[second::order::plan()], LockMode::Check).unwrap_err();
    assert!(matches!(&error, LockError::Missing { workflow, version: 2, .. } if workflow == "order"), "{error}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    let error = check_lock(&folder.path().join("none"), &[second::order::plan()], LockMode::New).unwrap_err();
    assert!(matches!(error, LockError::Disk(_)), "{error}");
}

#[test]
fn a_file_that_was_edited_or_is_broken_is_refused_by_its_line_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let all = [first::order::plan(), in_numbers::small::plan()];
    check_lock(folder, &all, LockMode::New).unwrap();
    let good = read(folder);
    let twice = format!("{good}{}", &good[good.find("\nworkflow small").unwrap()..]);
    let damages: [(&str, String, usize); 8] = [
        ("a step is another", good.replace("step hold = reserve()", "step hold = charge()"), 3),
        ("a line is gone", good.replace("  step hold = reserve() -> u64\n", ""), 3),
        ("the version is another", good.replace("order version 1", "order version 3"), 3),
        ("the sum is another", good.replace("small version 1 fingerprint ", "small version 1 fingerprint 0"), 15),
        ("a conflict of versions", good.replacen("  step", "<<<<<<< HEAD\n  step", 1), 3),
        ("it stands there twice", twice, 20),
        ("it is of another format", good.replacen("flow.lock 1", "flow.lock 9", 1), 1),
        ("it is empty", String::new(), 1),
    ];
    for (what, text, line) in damages {
        assert_ne!(text, good, "{what}");
        std::fs::write(folder.join("flow.lock"), &text).unwrap();
        for mode in [LockMode::New, LockMode::Check, LockMode::Write] {
            let error = check_lock(folder, &all, mode).unwrap_err();
            assert!(matches!(&error, LockError::Broken { line: found, .. } if *found == line), "{what}: {error}");
            assert_eq!(read(folder), text, "{what}: it is left as it is");
        }
    }
    std::fs::write(folder.join("flow.lock"), [0xFF, 0xFE]).unwrap();
    assert!(matches!(check_lock(folder, &all, LockMode::Write), Err(LockError::Broken { line: 1, .. })));
    std::fs::write(folder.join("flow.lock"), good).unwrap();
    check_lock(folder, &all, LockMode::Check).unwrap();
}
