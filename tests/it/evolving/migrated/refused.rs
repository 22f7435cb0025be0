//! Migrations that fail: an error that says what was expected, and nothing is changed.

use std::error::Error;

use flow_runtime::WorkflowStore;
use flow_runtime::engine::{MigrationError, Recovery, StepFate, Verdict, Why};
use flow_runtime::prelude::*;

use super::{Log, engine, id, second, waiting};

macro_rules! version {
    ($module:ident($old:ty) -> $given:ty, $body:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "not every version calls every node")]
            use super::super::second::{quote, report, to_cents, weigh};
            use flow_runtime::prelude::*;

            fn grams(weight: $old) -> $given {
                let body: fn($old) -> $given = $body;
                body(weight)
            }

            workflow! {
                #[version = 2]
                pub(super) fn order(x: u64) -> String {
                    #[migrate(from = 1, with = to_cents)]
                    let price = quote(x);
                    let weights = for n in [1, 2] {
                        #[id = "weight"]
                        #[migrate(from = 1, with = grams)]
                        weigh(n)
                    };
                    let word = wait_for::<String>("word");
                    report(price, weights, word)
                }
            }
        }
    };
}

version!(refuses(String) -> Result<u64, String>, |weight| {
    if weight == "1 kg" { Ok(1) } else { Err("no scales for it".to_owned()) }
});
version!(panics(String) -> u64, |weight| panic!("no weight in {} letters", weight.len()));
version!(takes_another(Vec<u64>) -> u64, |weights| weights.len() as u64);

/// What it says of a run whose second weight cannot be migrated; nothing is changed by it.
macro_rules! refusal {
    ($version:ident) => {{
        let (store, log) = (InMemoryStore::default(), Log::default());
        waiting(&store).await;
        let before = store.load(&id()).await.unwrap().to_bytes().unwrap();
        let refused = $version::order(7).run_until_parked(&engine(&store, &log), "r").await.unwrap_err();
        assert_eq!(log.take(), [] as [&str; 0]);
        assert_eq!(store.load(&id()).await.unwrap().to_bytes().unwrap(), before);
        // With a migration that works it goes on.
        let repaired = engine(&store, &log);
        repaired.signal("r", "word", &"go".to_owned()).await.unwrap();
        second::order(7).run(&repaired, "r").await.unwrap();
        refused
    }};
}

fn cause(error: &RunError) -> &MigrationError {
    match error {
        RunError::Migration { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn b44_a_migration_that_refuses_an_output_is_named_with_all_that_it_was_about() {
    let error = refusal!(refuses);
    let RunError::Migration { workflow, id, step, from, stored, expected, .. } = &error else { panic!("{error}") };
    assert_eq!((&**workflow, id.as_str(), &**step), ("order", "r", "weights[1].weight"));
    assert_eq!((*from, &**stored, &**expected), (1, "String", "u64"));
    assert!(matches!(cause(&error), MigrationError::Refused(_)), "{error:?}");
    assert_eq!(error.source().unwrap().source().unwrap().to_string(), "no scales for it");
    assert_eq!(
        error.to_string(),
        "run `r` of `order` began with version 1, and the stored output of step `weights[1].weight`, a `String`, could \
         not be migrated to a `u64`; correct the migration and run it again, or end it with the code it began with"
    );
}

#[tokio::test]
async fn b44_a_migration_that_panics_is_an_error_of_the_run() {
    let error = refusal!(panics);
    let MigrationError::Panicked { message } = cause(&error) else { panic!("{error:?}") };
    assert_eq!(message, "no weight in 4 letters");
}

#[tokio::test]
async fn b44_b45_an_output_that_is_not_what_the_migration_takes_is_named() {
    let error = refusal!(takes_another);
    let MigrationError::Undecodable(source) = cause(&error) else { panic!("{error:?}") };
    assert!(source.expected.contains("Vec<u64>"), "{source}");
}

#[tokio::test]
async fn b44_a_migrated_output_that_is_too_long_is_refused() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let before = store.load(&id()).await.unwrap();
    // Whole numbers up to 127 take a byte, 1000 takes three; floats took nine.
    let small = Engine::builder(store.clone()).state(log.clone()).max_output_bytes(2).build();
    let error = second::order(7).run_until_parked(&small, "r").await.unwrap_err();
    let MigrationError::Unstorable { reason } = cause(&error) else { panic!("{error:?}") };
    assert_eq!(reason.split(',').next(), Some("it has 3 bytes"));
    assert_eq!(store.load(&id()).await.unwrap(), before);
}

#[tokio::test]
async fn b44_a_check_says_which_outputs_are_migrated_and_from_where() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let before = store.load(&id()).await.unwrap();
    let check = second::order(7).check(&engine(&store, &log), "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::GoesOn), "{check:?}");
    assert_eq!(check.version, 1);
    assert_eq!(check.steps_to(StepFate::Migrate), ["price", "weights[0].weight", "weights[1].weight"]);
    assert_eq!(check.step("price").unwrap().why, Why::OlderVersion { from: 1 });
    let told: Vec<String> = check.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`price` is migrated: its output was stored by version 1",
            "`weights` is used again: it has ended (Completed)",
            "`weights[0].weight` is migrated: its output was stored by version 1",
            "`weights[1].weight` is migrated: its output was stored by version 1",
            "`word` waits: signal `word` has not come",
            "`report` runs: it has not begun",
        ]
    );
    assert_eq!(log.take(), [] as [&str; 0]);
    assert_eq!(store.load(&id()).await.unwrap(), before);
}

#[tokio::test]
async fn b44_a_check_says_which_migration_would_fail() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let check = refuses::order(7).check(&engine(&store, &log), "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Refused(RunError::Migration { .. })), "{check:?}");
    assert_eq!(check.steps_to(StepFate::Refuse), ["weights[1].weight"]);
    assert_eq!(
        check.step("weights[1].weight").unwrap().to_string(),
        "`weights[1].weight` stands in the way: its output was stored by version 1, and its migration fails"
    );
}

#[tokio::test]
async fn b44_a_run_that_cannot_be_migrated_is_not_taken_up_and_it_is_said() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let before = store.load(&id()).await.unwrap();
    let engine = Engine::builder(store.clone()).state(log.clone()).register::<refuses::order>().build();
    let recovered = engine.recover().await.unwrap();
    assert!(matches!(&recovered[0].what, Recovery::Failed(RunError::Migration { .. })), "{recovered:?}");
    assert_eq!(store.load(&id()).await.unwrap(), before);
}

mod decided {
    use flow_runtime::prelude::*;

    #[node]
    async fn count() -> u32 {
        3
    }

    #[node]
    async fn name() -> String {
        "several".to_owned()
    }

    workflow! {
        pub(super) fn amount() -> String {
            let count = count();
            let word = wait_for::<String>("word");
            let told = if count > 1 { name() } else { String::from("one") };
            told.clone() + &word
        }
    }
}

mod decides_otherwise {
    use flow_runtime::prelude::*;

    fn nothing(_: u32) -> Vec<u32> {
        Vec::new()
    }

    #[node]
    async fn count() -> Vec<u32> {
        vec![1, 2, 3]
    }

    #[node]
    async fn name() -> String {
        "several".to_owned()
    }

    workflow! {
        #[version = 2]
        pub(super) fn amount() -> String {
            #[migrate(from = 1, with = nothing)]
            let count = count();
            let word = wait_for::<String>("word");
            let told = if count.len() > 1 { name() } else { String::from("one") };
            told.clone() + &word
        }
    }
}

/// A branch was decided by the old output, and the new one says otherwise: that is found before anything is stored.
#[tokio::test]
async fn b24_b44_a_head_that_says_otherwise_of_a_migrated_output_is_refused() {
    let store = InMemoryStore::default();
    decided::amount().run_until_parked(&Engine::new(store.clone()), "r").await.unwrap();
    let before = store.load(&id()).await.unwrap();
    let engine = Engine::new(store.clone());
    let error = decides_otherwise::amount().run_until_parked(&engine, "r").await.unwrap_err();
    let RunError::HeadChanged { step, recorded, .. } = &error else { panic!("{error}") };
    assert_eq!((&**step, &**recorded), ("told", "`then`"));
    let check = decides_otherwise::amount().check(&engine, "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Refused(RunError::HeadChanged { .. })), "{check:?}");
    assert_eq!((check.steps_to(StepFate::Refuse), check.steps_to(StepFate::Migrate)), (vec!["told"], vec!["count"]));
    assert_eq!(store.load(&id()).await.unwrap(), before);
}
