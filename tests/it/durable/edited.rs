//! Behaviour 45: the code is edited between a crash and the resume, and a stored output is of no use to it.

use flow_runtime::prelude::*;
use flow_runtime::testing::FailingStore;
use flow_runtime::{WorkflowData, WorkflowStore};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::{Begun, found};

/// What `open` gives in the code that the run began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account {
    owner: String,
}

/// What it gives in later code.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SharedAccount {
    owners: Vec<String>,
}

mod before {
    use super::*;

    #[node]
    async fn open(#[state] begun: &Begun, x: u64, cx: &NodeContext) -> Account {
        begun.note(cx);
        Account { owner: x.to_string() }
    }

    #[node]
    async fn greet(#[state] begun: &Begun, account: &Account, cx: &NodeContext) -> usize {
        begun.note(cx);
        account.owner.len()
    }

    workflow! {
        pub(super) fn greeting(x: u64) -> usize { let account = open(x); greet(account) }
    }
}

mod after {
    use super::*;

    #[node]
    async fn open(#[state] begun: &Begun, x: u64, cx: &NodeContext) -> SharedAccount {
        begun.note(cx);
        SharedAccount { owners: vec![x.to_string()] }
    }

    #[node]
    async fn greet(#[state] begun: &Begun, account: &SharedAccount, cx: &NodeContext) -> usize {
        begun.note(cx);
        account.owners.len()
    }

    workflow! {
        pub(super) fn greeting(x: u64) -> usize { let account = open(x); greet(account) }
    }
}

fn engine(store: impl WorkflowStore, begun: &Begun) -> Engine<Begun> {
    Engine::builder(store).state(begun.clone()).adopt_changed_plans(true).build()
}

/// The run dies between its two steps, and the second cannot read the first any more.
pub(super) async fn an_output_of_another_type_is_named<D: Disk>(disk: D) {
    let begun = Begun::default();
    let dying = FailingStore::new(disk.open());
    dying.fail_commit(2);
    before::greeting(77).run(&engine(dying, &begun), "run").await.unwrap_err();
    assert_eq!(begun.take(), ["account", "greet"]);
    let account = |data: &WorkflowData| data.steps[0].clone();
    let stored = account(&found(&disk).await);

    let error = after::greeting(77).run(&engine(disk.open(), &begun), "run").await.unwrap_err();
    let text = error.to_string();
    let RunError::Undecodable { step, stored: was, expected, .. } = error else { panic!("{text}") };
    assert_eq!((&*step, &*was, &*expected), ("account", "Account", "SharedAccount"));
    for part in ["run `run`", "`account`", "`Account`", "`SharedAccount`"] {
        assert!(text.contains(part), "no {part} in: {text}");
    }
    assert_eq!(begun.take(), [] as [String; 0]);
    assert_eq!(account(&found(&disk).await), stored);

    assert_eq!(before::greeting(77).run(&engine(disk.open(), &begun), "run").await.unwrap(), 2);
    assert_eq!(begun.take(), ["greet"]);
}
