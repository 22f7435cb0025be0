//! Steps of workflows that are called: those have versions of their own, and the caller says which it had called.

use flow_runtime::WorkflowStore;
use flow_runtime::engine::{MigrationError, StepFate, Verdict};
use flow_runtime::prelude::*;

use super::{Log, engine, id, output};

mod before {
    use super::super::Log;
    use flow_runtime::prelude::*;

    #[node]
    async fn weigh(#[state] log: &Log, n: u64, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{n} kg")
    }

    #[node]
    async fn join(#[state] log: &Log, parts: &[String], alone: &str, word: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{}, {alone}: {word}", parts.join(", "))
    }

    workflow! {
        /// The version that was called is 3.
        #[version = 3]
        pub(super) fn weighed(n: u64) -> String {
            let weight = weigh(n);
            weight.clone() + " or so"
        }

        /// One for each, two workflows deep, and one beside it.
        #[version = 5]
        pub(super) fn packed(count: u64) -> String {
            let alone = weighed(count);
            let parts = for n in [1, 2] { weighed(n) };
            let word = wait_for::<String>("word");
            join(parts, alone, word)
        }

        pub(super) fn ship(count: u64) -> String {
            let first = weighed(count + 1);
            let parcel = packed(count);
            first.clone() + "; " + &parcel
        }
    }
}

mod now {
    use super::super::Log;
    use flow_runtime::prelude::*;

    fn grams(weight: String) -> Result<u64, String> {
        let kilos = weight.trim_end_matches(" kg").parse::<u64>().map_err(|error| error.to_string())?;
        if kilos > 90 { Err(format!("{kilos} kg are too much")) } else { Ok(kilos * 1000) }
    }

    fn never(_: bool) -> u64 {
        unreachable!("a migration from another version")
    }

    #[node]
    async fn weigh(#[state] log: &Log, n: u64, cx: &NodeContext) -> u64 {
        log.note(cx.step());
        n * 1000
    }

    #[node]
    async fn join(#[state] log: &Log, parts: &[String], alone: &str, word: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{}, {alone}: {word}", parts.join(", "))
    }

    workflow! {
        #[version = 4]
        pub(super) fn weighed(n: u64) -> String {
            #[migrate(from = 1, with = never)]
            #[migrate(from = 3, with = grams)]
            let weight = weigh(n);
            weight.to_string() + " g"
        }

        #[version = 6]
        pub(super) fn packed(count: u64) -> String {
            #[migrate(from = 5, called = 3)]
            let alone = weighed(count);
            let parts = for n in [1, 2] {
                #[id = "weighed"]
                #[migrate(from = 5, called = 3)]
                weighed(n)
            };
            let word = wait_for::<String>("word");
            join(parts, alone, word)
        }

        #[version = 2]
        pub(super) fn ship(count: u64) -> String {
            #[migrate(from = 1, called = 3)]
            let first = weighed(count + 1);
            #[migrate(from = 1, called = 5)]
            let parcel = packed(count);
            first.clone() + "; " + &parcel
        }
    }
}

/// A run `r` of version 1 that waits deep in it.
async fn waiting(count: u64) -> InMemoryStore {
    let (store, log) = (InMemoryStore::default(), Log::default());
    before::ship(count).run_until_parked(&engine(&store, &log), "r").await.unwrap();
    assert_eq!(log.take(), WEIGHED);
    store
}

const WEIGHED: [&str; 4] =
    ["first.weight", "parcel.alone.weight", "parcel.parts[0].weighed.weight", "parcel.parts[1].weighed.weight"];

#[tokio::test]
async fn b44_outputs_in_called_workflows_are_carried_over_by_their_own_migrations() {
    let (store, log) = (waiting(7).await, Log::default());
    let engine = engine(&store, &log);
    let check = now::ship(7).check(&engine, "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::GoesOn), "{check:?}");
    let mut migrated = check.steps_to(StepFate::Migrate);
    migrated.sort_unstable();
    assert_eq!(migrated, WEIGHED);

    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    let told = now::ship(7).run(&engine, "r").await.unwrap();
    assert_eq!(told, "8000 g; 1000 g, 2000 g, 7000 g: go");
    assert_eq!(log.take(), ["parcel.join"]);
    let data = store.load(&id()).await.unwrap();
    assert_eq!((data.plan.version, output::<u64>(&data, "parcel.parts[1].weighed.weight")), (2, 2000));
}

#[tokio::test]
async fn b44_an_output_in_a_called_workflow_that_cannot_be_migrated_is_named_by_its_path() {
    let (store, log) = (waiting(90).await, Log::default());
    let before = store.load(&id()).await.unwrap();
    let error = now::ship(90).run_until_parked(&engine(&store, &log), "r").await.unwrap_err();
    let RunError::Migration { step, from, stored, expected, source, .. } = &error else { panic!("{error}") };
    assert_eq!((&**step, *from, &**stored, &**expected), ("first.weight", 1, "String", "u64"));
    assert!(matches!(source, MigrationError::Refused(_)), "{source:?}");
    assert_eq!(store.load(&id()).await.unwrap(), before);
}
