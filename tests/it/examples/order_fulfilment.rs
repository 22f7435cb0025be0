//! `order_fulfilment` on its own sample of orders, and on orders that cannot be.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use flow_runtime::FlatBuffersStore;
use tempfile::TempDir;

use super::{STORES, damage, example, files, folder, kill_after, run, with_little_disk, workspace};

/// A folder with orders and a ledger.
struct Shop(TempDir);

/// What becomes of the sample.
const ENDS: &str = "\
order-1001: shipped as ship-6d714270
order-1002: shipped as ship-57e1e518
order-1003: cancelled, the bank declined the card
order-1004: shipped as ship-29b343c1
order-1005: cancelled, the bank does not answer
order-1006: cancelled, no carrier goes to Atlantis
order-1007: shipped as ship-a38d4fb8
order-1008: shipped as ship-c06d47a2
order-1009: cancelled, the bank declined the card
order-1010: shipped as ship-9ae460a4
order-1011: cancelled, no carrier goes to Atlantis
order-1012: shipped as ship-4a405c80
7 shipped, 5 cancelled, 0 without an end
";

/// What is done for an order of each kind, by the names of the effects.
const EFFECTS: [(&str, &[&str]); 4] = [
    ("order-1001", &["charge", "reserve", "ship"]),
    ("order-1002", &["charge", "reserve", "ship"]),
    ("order-1005", &["cancel", "reserve"]),
    ("order-1006", &["cancel", "charge", "refund", "reserve"]),
];

impl Shop {
    fn new(orders: &str) -> Self {
        let shop = Self(folder());
        fs::write(shop.path("orders.jsonl"), orders).unwrap();
        shop
    }

    fn with_sample() -> Self {
        Self::new(&fs::read_to_string(workspace().join("examples/data/orders.jsonl")).unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn fulfil(&self) -> Command {
        let mut command = example("order_fulfilment");
        command.arg("--orders").arg(self.path("orders.jsonl"));
        command.arg("--store").arg(self.path("store")).arg("--ledger").arg(self.path("ledger.jsonl"));
        command
    }

    fn ledger(&self) -> String {
        fs::read_to_string(self.path("ledger.jsonl")).unwrap_or_default()
    }

    /// The lines of the ledger, which all have an end and of which no two have the same key.
    #[track_caller]
    fn effects(&self) -> BTreeSet<String> {
        let ledger = self.ledger();
        assert!(ledger.is_empty() || ledger.ends_with('\n'));
        let keys: BTreeSet<String> = ledger.lines().map(|line| field(line, "key")).collect();
        assert_eq!(keys.len(), ledger.lines().count(), "a key stands there twice: {ledger}");
        ledger.lines().map(str::to_owned).collect()
    }
}

fn field(line: &str, name: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line[name].as_str().unwrap().to_owned()
}

#[test]
fn every_order_of_the_sample_comes_to_its_end() {
    let shop = Shop::with_sample();
    let ended = run(&mut shop.fulfil()).succeeded();
    assert_eq!(ended.stdout, ENDS);
    let effects = shop.effects();
    for (order, expected) in EFFECTS {
        let of_order = effects.iter().filter(|line| field(line, "order") == order);
        let whats: BTreeSet<String> = of_order.map(|line| field(line, "what")).collect();
        assert_eq!(whats, expected.iter().map(ToString::to_string).collect(), "{order}");
    }

    let ledger = shop.ledger();
    let again = run(&mut shop.fulfil()).succeeded();
    assert_eq!(again.stdout, ENDS);
    assert_eq!(again.stderr, "", "nothing runs again");
    assert_eq!(shop.ledger(), ledger);
}

#[test]
fn b43_killed_at_any_moment_nothing_is_done_twice() {
    let undisturbed = Shop::with_sample();
    let lines = run(&mut undisturbed.fulfil()).succeeded().stderr.lines().count();
    let mut kills = 0;
    for moment in (1..lines).step_by(14) {
        let shop = Shop::with_sample();
        kills += u32::from(kill_after(&mut shop.fulfil(), moment));
        assert_eq!(run(&mut shop.fulfil()).succeeded().stdout, ENDS, "killed at line {moment}");
        assert_eq!(shop.effects(), undisturbed.effects(), "killed at line {moment}");
    }
    assert!(kills > 2, "only {kills} kills came before the end");
}

#[test]
fn b43_killed_again_and_again_it_comes_to_the_end() {
    let undisturbed = Shop::with_sample();
    run(&mut undisturbed.fulfil()).succeeded();
    for kind in STORES {
        let shop = Shop::with_sample();
        let mut kills = 0;
        while kills < 8 && kill_after(shop.fulfil().args(kind), 12 + 3 * kills) {
            kills += 1;
        }
        assert!(kills > 2, "only {kills} kills came before the end");
        assert_eq!(run(shop.fulfil().args(kind)).succeeded().stdout, ENDS, "killed {kills} times");
        assert_eq!(shop.effects(), undisturbed.effects());
    }
}

const GOOD: &str = r#"{"id":"a","goods":["pen"],"cents":150,"card":"good","city":"Ghent"}"#;

#[test]
fn a_bad_order_is_named_with_its_line_and_none_is_run() {
    let cases = [
        (r#"{"id":"b","goods":["pen"],"cents":150,"card":"good"}"#, "missing field `city`"),
        (r#"{"id":"b","goods":["pen"],"cents":150,"card":"gold","city":"Ghent"}"#, "unknown variant `gold`"),
        (r#"{"id":"b","goods":["pen"],"cents":0,"card":"good","city":"Ghent"}"#, "expected a nonzero"),
        (r#"{"id":"b","goods":["pen"],"cents":1,"card":"good","city":"Ghent","gift":1}"#, "unknown field `gift`"),
        (r#"{"id":"b","goods":[],"cents":1,"card":"good","city":"Ghent"}"#, "has no goods"),
        (r#"{"id":"b//c","goods":["pen"],"cents":1,"card":"good","city":"Ghent"}"#, "`b//c` is no workflow id"),
        (GOOD, "the order `a` stands in line 1 already"),
        ("pen for Ghent", "expected value at column 1"),
    ];
    for (line, message) in cases {
        let shop = Shop::new(&format!("{GOOD}\n\n{line}\n"));
        let place = format!("{}, line 3", shop.path("orders.jsonl").display());
        run(&mut shop.fulfil()).failed_saying(&[&place, message]);
        assert_eq!(files(shop.0.path()).len(), 1, "nothing was made");
    }
    let shop = Shop::new("\n");
    run(&mut shop.fulfil()).failed_saying(&["orders.jsonl has no orders"]);
    fs::remove_file(shop.path("orders.jsonl")).unwrap();
    run(&mut shop.fulfil()).failed_saying(&["cannot read", "orders.jsonl", "No such file"]);
}

#[test]
fn b19_an_order_that_was_changed_is_refused_and_the_others_are_not() {
    let shop = Shop::new(GOOD);
    run(&mut shop.fulfil()).succeeded();
    let changed = GOOD.replace("150", "15000");
    fs::write(shop.path("orders.jsonl"), format!("{changed}\n{}\n", GOOD.replace("\"a\"", "\"b\""))).unwrap();
    let ended = run(&mut shop.fulfil());
    assert!(ended.stdout.contains("b: shipped as"), "{}", ended.stdout);
    ended.failed_saying(&["run `a`", "another input"]);
    assert_eq!(shop.effects().len(), 6);
}

#[test]
fn a_line_of_the_ledger_that_was_not_finished_is_written_again() {
    let undisturbed = Shop::with_sample();
    run(&mut undisturbed.fulfil()).succeeded();
    let shop = Shop::with_sample();
    fs::write(shop.path("ledger.jsonl"), &undisturbed.ledger()[..700]).unwrap();
    assert_eq!(run(&mut shop.fulfil()).succeeded().stdout, ENDS);
    assert_eq!(shop.effects(), undisturbed.effects());
}

#[test]
fn a_ledger_that_cannot_be_used_is_named_and_left_as_it_is() {
    let shop = Shop::new(GOOD);
    let line = r#"{"key":"k","order":"a","what":"ship","detail":""}"#;
    let strange = format!("{line}\nnonsense\n");
    fs::write(shop.path("ledger.jsonl"), &strange).unwrap();
    run(&mut shop.fulfil()).failed_saying(&["ledger.jsonl", "damaged in line 2", "expected ident"]);
    assert_eq!(shop.ledger(), strange);

    let twice = format!("{line}\n{line}\n");
    fs::write(shop.path("ledger.jsonl"), &twice).unwrap();
    run(&mut shop.fulfil()).failed_saying(&["ledger.jsonl", "damaged in line 2", "the key k stands there twice"]);
    assert_eq!(shop.ledger(), twice);

    fs::write(shop.path("ledger.jsonl"), "").unwrap();
    let held = fs::File::open(shop.path("ledger.jsonl")).unwrap();
    held.lock().unwrap();
    run(&mut shop.fulfil()).failed_saying(&["ledger.jsonl is held by another process"]);
    assert_eq!(shop.ledger(), "");
    drop(held);
    run(&mut shop.fulfil()).succeeded();
}

#[test]
fn a_store_that_cannot_be_used_is_named_and_nothing_is_done() {
    let shop = Shop::new(GOOD);
    let held = FlatBuffersStore::open(shop.path("store")).unwrap();
    let holder = format!("is held by process {}", std::process::id());
    run(&mut shop.fulfil()).failed_saying(&[&shop.path("store").display().to_string(), &holder]);
    assert_eq!(shop.ledger(), "");
    drop(held);
    run(&mut shop.fulfil()).succeeded();

    let ledger = shop.ledger();
    damage(&shop.path("store"), "Shipped");
    run(&mut shop.fulfil()).failed_saying(&["damaged", "left as it is"]);
    assert_eq!(shop.ledger(), ledger);
}

/// The store fits on the disk, and another line of the ledger does not.
#[test]
fn when_the_ledger_is_full_orders_fail_and_can_be_run_again() {
    let shop = Shop::new(GOOD);
    let long = "x".repeat(24 << 20);
    let line = format!("{{\"key\":\"k\",\"order\":\"old\",\"what\":\"ship\",\"detail\":\"{long}\"}}\n");
    fs::write(shop.path("ledger.jsonl"), &line).unwrap();
    let full = run(&mut with_little_disk(&shop.fulfil(), 20 << 10));
    full.failed_saying(&["run `a`", "cannot write the ledger", "ledger.jsonl", "File too large", "--retry-failed"]);
    assert_eq!(shop.ledger(), line);

    run(&mut shop.fulfil()).failed_saying(&["cannot write the ledger", "--retry-failed"]);
    assert_eq!(shop.ledger(), line, "a run that failed is not begun again unasked");
    let ended = run(shop.fulfil().arg("--retry-failed")).succeeded();
    assert!(ended.stdout.contains("a: shipped as"), "{}", ended.stdout);
    assert_eq!(shop.effects().len(), 4);
}
