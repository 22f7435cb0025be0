//! Which store is opened, and what is said when there is none.

use std::fs;

use crate::flow::{flow, flow_on, together};
use crate::samples::some_runs;
use crate::stores::{KINDS, Store};

#[test]
fn a_store_that_is_not_named_or_named_wrongly_is_told_what_to_write() {
    let calls = [
        flow(&["list"]).exits(4),
        flow(&["list", "--json"]).exits(4),
        flow(&["--store", "flow.db", "list"]).exits(2),
        flow(&["--store", "redis:flow", "list"]).exits(2),
        flow(&["--store", "json:", "list"]).exits(2),
    ];
    crate::flow::is("store_not_named", &together(&calls));
}

#[test]
fn nothing_is_made_by_looking() {
    for kind in KINDS {
        let store = Store::absent(kind);
        flow_on(&store, &["list"]).exits(4).is("store_absent");
        assert!(!store.path().exists(), "{} was made", store.path().display());
    }
}

#[test]
fn a_store_of_another_kind_is_named() {
    let mut calls = Vec::new();
    for store in Store::each_with(&some_runs()) {
        for kind in KINDS.into_iter().filter(|kind| !store.address().starts_with(kind)) {
            let address = format!("{kind}:{}", store.path().display());
            let mut call = flow_on(&store, &["--store", &address, "list"]).exits(4);
            call.typed = call.typed.replace(&address, &format!("{kind}:STORE"));
            calls.push(call);
        }
    }
    crate::flow::is("store_of_another_kind", &together(&calls));
}

#[test]
fn what_is_no_store_is_told_apart_from_one_without_runs() {
    for kind in ["json", "fb"] {
        let store = Store::absent(kind);
        fs::create_dir(store.path()).expect("a folder");
        fs::write(store.path().join("notes.txt"), "mine").expect("a file");
        flow_on(&store, &["list"]).exits(4).is(&format!("store_no_store_{kind}"));
    }
    let store = Store::absent("sqlite");
    fs::write(store.path(), "mine").expect("a file");
    let call = flow_on(&store, &["list"]);
    assert!(call.exit == 4 || call.exit == 5, "{call}");
    assert_eq!(fs::read(store.path()).expect("a file"), b"mine");
    for store in Store::each_with(&[]) {
        flow_on(&store, &["list"]).exits(0).is("list_empty");
    }
}

#[test]
fn a_store_is_read_beside_who_writes_to_it() {
    for store in Store::each_with(&some_runs()) {
        store.write(async |_| {
            flow_on(&store, &["list"]).exits(0).is("list");
            Ok(())
        });
    }
}
