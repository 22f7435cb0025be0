//! Waits that were under way when their run moved to another version: the signal has the type that it has there.

use flow_runtime::engine::{AskError, MigrationError, Recovery};
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, Timestamp, WaitingOn};
use flow_runtime::{WorkflowData, WorkflowStore};

use super::id;

mod before {
    use flow_runtime::prelude::*;

    workflow! {
        pub(super) fn poll(name: String) -> u32 {
            #[with(timeout = "3d")]
            let count = wait_for::<u32>(name);
            let word = wait_for::<String>("word");
            count + word.len() as u32
        }
    }
}

mod now {
    use flow_runtime::prelude::*;

    fn names(count: u32) -> Result<Vec<String>, String> {
        if count > 9 { Err("nobody knows so many".to_owned()) } else { Ok(vec!["?".to_owned(); count as usize]) }
    }

    workflow! {
        #[version = 2]
        pub(super) fn poll(name: String) -> u32 {
            #[migrate(from = 1, with = names)]
            #[with(timeout = "3d")]
            let count = wait_for::<Vec<String>>(name);
            let word = wait_for::<String>("word");
            (count.len() + word.len()) as u32
        }
    }
}

/// A run of version 1 that waits for both signals.
async fn waiting() -> InMemoryStore {
    let store = InMemoryStore::default();
    before::poll("count".to_owned()).run_until_parked(&Engine::new(store.clone()), "r").await.unwrap();
    store
}

/// The type of the signal that `count` waits for, and until when.
fn awaited(data: &WorkflowData) -> (String, Option<Timestamp>) {
    let step = data.step(data.find("count").unwrap());
    assert_eq!(step.status, StepStatus::Waiting);
    match step.waiting.as_deref() {
        Some(WaitingOn::Signal { name, type_name, deadline }) if name == "count" => (type_name.clone(), *deadline),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn b44_b54_who_sends_what_a_run_waits_for_must_send_what_its_new_version_takes() {
    let store = waiting().await;
    let before = awaited(&store.load(&id()).await.unwrap());
    assert_eq!(before.0, "u32");
    assert!(before.1.is_some());

    let engine = Engine::builder(store.clone()).register::<now::poll>().build();
    assert!(matches!(engine.recover().await.unwrap()[0].what, Recovery::Resumed));
    // A second driver of the run waits for the first, so it has moved when this returns.
    now::poll("count".to_owned()).run_until_parked(&engine, "r").await.unwrap();
    let data = store.load(&id()).await.unwrap();
    assert_eq!(awaited(&data), ("alloc::vec::Vec<alloc::string::String>".to_owned(), before.1), "its time goes on");
    assert_eq!(data, WorkflowData::from_bytes(data.to_bytes().unwrap()).unwrap(), "as many steps wait as before");

    let refused = engine.signal("r", "count", &7_u32).await.unwrap_err();
    assert!(matches!(&refused, AskError::OtherType { expected, .. } if expected.ends_with("String>")), "{refused}");
    engine.signal("r", "count", &vec!["Ada".to_owned(), "Bo".to_owned()]).await.unwrap();
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(now::poll("count".to_owned()).run(&engine, "r").await.unwrap(), 4);
}

/// What was sent before it moved is of the type of old, and does not count.
#[tokio::test]
async fn b44_b54_a_signal_of_the_old_type_that_was_not_taken_is_refused() {
    let store = waiting().await;
    let idle = Engine::new(store.clone());
    idle.signal("r", "count", &3_u32).await.unwrap();
    let engine = Engine::builder(store.clone()).register::<now::poll>().build();
    now::poll("count".to_owned()).run_until_parked(&engine, "r").await.unwrap();
    assert_eq!(store.requests(&id()).await.unwrap(), []);
    engine.signal("r", "count", &vec!["Ada".to_owned()]).await.unwrap();
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(now::poll("count".to_owned()).run(&engine, "r").await.unwrap(), 3);
}

#[tokio::test]
async fn b44_the_error_of_a_signal_that_cannot_be_migrated_says_what_was_waited_for() {
    let store = waiting().await;
    let engine = Engine::new(store.clone());
    engine.signal("r", "count", &10_u32).await.unwrap();
    before::poll("count".to_owned()).run_until_parked(&engine, "r").await.unwrap();
    let later = Engine::new(store.clone());
    let error = now::poll("count".to_owned()).run_until_parked(&later, "r").await.unwrap_err();
    let RunError::Migration { step, stored, expected, source: MigrationError::Refused(_), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((&**step, &**stored, &**expected), ("count", "u32", "Vec<String>"));
    assert_eq!(store.load(&id()).await.unwrap().plan.version, 1);
}
