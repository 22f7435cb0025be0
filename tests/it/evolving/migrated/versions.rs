//! Which version drives a run, where an engine knows several.

use flow_runtime::WorkflowStore;
use flow_runtime::engine::{AskError, Progress, Recovery, Resolution, Verdict};
use flow_runtime::prelude::*;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::testing::FailingStore;

use std::time::Duration;

use super::{Log, engine, first, id, second, third, waiting};

const AS_BEGUN: &str = "7.5 for 1 kg, 2 kg: go";

fn is_other<T: std::fmt::Debug>(result: Result<T, RunError>) -> bool {
    matches!(result, Err(RunError::OtherWorkflow { stored, asked, .. }) if stored.ends_with('1') && asked.ends_with('2'))
}

#[tokio::test]
async fn b44_an_old_run_ends_on_old_code_where_the_engine_knows_it() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let builder = Engine::builder(store.clone()).state(log.clone()).register::<second::order>();
    let engine = builder.register::<first::order>().register::<third::order>().build();
    assert!(matches!(engine.recover().await.unwrap()[0].what, Recovery::Parked));
    assert!(is_other(second::order(7).run_until_parked(&engine, "r").await), "whether or not it is under way");
    assert!(matches!(engine.check("r").await.unwrap().verdict, Verdict::GoesOn));
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(first::order(7).run(&engine, "r").await.unwrap(), AS_BEGUN);
    assert_eq!(store.load(&id()).await.unwrap().plan.version, 1);
}

#[tokio::test]
async fn b44_what_an_engine_does_with_an_old_run_does_not_depend_on_whether_it_is_under_way() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let builder = Engine::builder(store.clone()).state(log.clone());
    let engine = builder.register::<first::order>().build();
    assert!(is_other(second::order(7).run_until_parked(&engine, "r").await));
    let check = second::order(7).check(&engine, "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Refused(RunError::OtherWorkflow { .. })), "{check:?}");
}

#[tokio::test]
async fn b44_a_run_of_a_version_that_is_gone_is_driven_by_the_newest_that_migrates_from_it() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let builder = Engine::builder(store.clone()).state(log.clone()).register::<third::order>();
    let engine = builder.register::<second::order>().build();
    let check = engine.check("r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::GoesOn), "{check:?}");
    let recovered = engine.recover().await.unwrap();
    assert_eq!((recovered[0].version, recovered.len()), (1, 1));
    assert!(matches!(recovered[0].what, Recovery::Resumed), "it moves at once");
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    let told = third::order(7).run(&engine, "r").await.unwrap();
    assert_eq!(told, "750 euro for [1000, 2000] grams: go");
}

#[tokio::test]
async fn b44_a_run_that_was_under_way_is_taken_up_and_migrated() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    let failing = FailingStore::new(store.clone());
    failing.fail_if(|call| match call {
        flow_runtime::testing::StoreCall::Commit(after, _) => {
            after.status_of("word").is_some_and(|status| status == flow_runtime::state::StepStatus::Waiting)
        }
        _ => false,
    });
    first::order(7).run(&engine(&failing, &log), "r").await.unwrap_err();
    let engine = Engine::builder(store.clone()).state(log.clone()).register::<second::order>().build();
    engine.recover().await.unwrap();
    let progress = second::order(7).run_until_parked(&engine, "r").await.unwrap();
    assert!(matches!(progress, Progress::Parked(_)), "{progress:?}");
    assert_eq!(store.load(&id()).await.unwrap().plan.version, 2);
}

/// What has ended stays what it is: it is of the version it began with.
#[tokio::test]
async fn b44_a_run_that_has_ended_is_not_touched() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let began = engine(&store, &log);
    began.signal("r", "word", &"go".to_owned()).await.unwrap();
    first::order(7).run(&began, "r").await.unwrap();
    let before = store.load(&id()).await.unwrap();
    assert_eq!(before.status, WorkflowStatus::Completed);
    let later = engine(&store, &log);
    assert!(is_other(second::order(7).run_until_parked(&later, "r").await));
    let check = second::order(7).check(&later, "r").await.unwrap();
    assert!(matches!(check.verdict, Verdict::Refused(RunError::OtherWorkflow { .. })), "{check:?}");
    assert_eq!(store.load(&id()).await.unwrap(), before);
    // One that is to go on is one that goes on.
    later.retry_from("r", "report").await.unwrap();
    assert_eq!(second::order(7).run(&later, "r").await.unwrap(), "750 cents for [1000, 2000] grams: go");
}

#[tokio::test]
async fn b44_a_version_from_which_nothing_migrates_is_another_workflow() {
    mod plain {
        use super::super::second::{quote, report, weigh};
        use flow_runtime::prelude::*;

        workflow! {
            #[version = 2]
            pub(super) fn order(x: u64) -> String {
                let price = quote(x);
                let weights = for n in [1, 2] { #[id = "weight"] weigh(n) };
                let word = wait_for::<String>("word");
                report(price, weights, word)
            }
        }
    }
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let adopts = Engine::builder(store.clone()).state(log.clone()).adopt_changed_plans(true).build();
    assert!(is_other(plain::order(7).run_until_parked(&adopts, "r").await));
    let registered = Engine::builder(store).state(log).register::<plain::order>().build();
    assert!(matches!(registered.recover().await.unwrap()[0].what, Recovery::Unregistered));
}

mod launching {
    use flow_runtime::prelude::*;

    #[node(at_most_once)]
    async fn launch() -> u32 {
        std::future::pending().await
    }

    workflow! { pub(super) fn mission() -> u32 { launch() } }
}

mod launched {
    use flow_runtime::prelude::*;

    fn height(kilometres: u32) -> String {
        format!("{kilometres} km")
    }

    #[node(at_most_once)]
    async fn launch() -> String {
        std::future::pending().await
    }

    #[node]
    async fn tell(height: &str) -> u32 {
        height.len() as u32
    }

    workflow! {
        #[version = 2]
        pub(super) fn mission() -> u32 {
            #[id = "told"]
            tell(#[id = "launch"] #[migrate(from = 1, with = height)] launch())
        }
    }
}

/// What somebody says that a step has given is what it gives in the version that goes on with it.
#[tokio::test]
async fn b44_b48_an_attempt_in_doubt_is_resolved_with_an_output_of_the_version_that_goes_on() {
    let store = InMemoryStore::default();
    let engine = Engine::new(store.clone());
    let run = launching::mission().start(&engine, "r").unwrap();
    while store.load(&id()).await.is_err() {
        tokio::task::yield_now().await;
    }
    engine.shutdown(Duration::ZERO).await;
    run.result().await.unwrap_err();
    launching::mission().run_until_parked(&Engine::new(store.clone()), "r").await.unwrap();

    let builder = Engine::builder(store.clone()).adopt_changed_plans(true);
    let engine = builder.register::<launched::mission>().build();
    let refused = engine.resolve("r", "launch", Resolution::done(400_u32)).await.unwrap_err();
    assert!(matches!(&refused, AskError::OtherOutput { expected, .. } if expected == "String"), "{refused}");
    engine.resolve("r", "launch", Resolution::done("high".to_owned())).await.unwrap();
    assert_eq!(launched::mission().run(&engine, "r").await.unwrap(), 4);
}
