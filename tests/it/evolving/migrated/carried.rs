//! What is carried over: outputs of all instances of a step, in branches, of caught steps, of signals, large ones.

use flow_runtime::WorkflowStore;
use flow_runtime::prelude::*;
use flow_runtime::state::Event;
use flow_runtime::testing::{FailingStore, StoreCall};
use std::sync::{Arc, Mutex};

use super::{Log, Money, engine, first, id, output, second, third, waiting};

const CARRIED: &str = "750 cents for [1000, 2000] grams: go";

#[tokio::test]
async fn b44_stored_outputs_become_those_of_the_version_that_runs_now() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let engine = engine(&store, &log);
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(second::order(7).run(&engine, "r").await.unwrap(), CARRIED);
    assert_eq!(log.take(), ["report"], "what had ended does not run again");
    let data = store.load(&id()).await.unwrap();
    assert_eq!(data.plan.version, 2);
    assert_eq!(output::<u64>(&data, "price"), 750);
    assert_eq!(output::<u64>(&data, "weights[1].weight"), 2000);
    assert_eq!(output::<String>(&data, "word"), "go");
}

#[tokio::test]
async fn b44_outputs_of_several_older_versions_are_carried_over_each_in_its_way() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let from_first = third::order(7).run_until_parked(&engine(&store, &log), "r").await.unwrap();
    assert!(matches!(from_first, flow_runtime::engine::Progress::Parked(_)));
    let data = store.load(&id()).await.unwrap();
    assert_eq!(output::<Money>(&data, "price"), Money { cents: 750, currency: "euro".to_owned() });
    assert_eq!(output::<u64>(&data, "weights[0].weight"), 1000);

    let store = InMemoryStore::default();
    waiting(&store).await;
    second::order(7).run_until_parked(&engine(&store, &log), "r").await.unwrap();
    let engine = engine(&store, &log);
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    let told = third::order(7).run(&engine, "r").await.unwrap();
    assert_eq!(told, "750 cents of old for [1000, 2000] grams: go");
    assert_eq!(log.take(), ["report"]);
}

/// All is one change: the plan with every output, and nothing of it before or after.
#[tokio::test]
async fn b44_the_version_and_the_outputs_move_in_one_change() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    waiting(&store).await;
    let seen: Arc<Mutex<Vec<Vec<&'static str>>>> = Arc::default();
    let watched = FailingStore::new(store);
    let into = seen.clone();
    watched.fail_if(move |call| {
        if let StoreCall::Commit(_, delta) = call {
            into.lock().unwrap().push(delta.events.iter().map(Event::name).collect());
        }
        false
    });
    second::order(7).run_until_parked(&engine(&watched, &log), "r").await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen, [["PlanAdopted", "StepMigrated", "StepMigrated", "StepMigrated"]]);
}

mod small {
    use super::super::Log;
    use flow_runtime::prelude::*;

    #[node]
    async fn measure(#[state] log: &Log, x: u64, cx: &NodeContext) -> Result<u64, String> {
        log.note(cx.step());
        if x == 0 { Err("nothing to measure".to_owned()) } else { Ok(x) }
    }

    #[node]
    async fn tell(#[state] log: &Log, text: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        text.to_owned()
    }

    workflow! {
        pub(super) fn forms(x: u64) -> String {
            #[catch]
            let tried = measure(x);
            #[catch]
            let failed = measure(0);
            let chosen = if x > 1 { let inner = measure(x); inner } else { 0 };
            let limit = wait_for::<u64>("limit");
            let word = wait_for::<String>("word");
            #[id = "told"]
            tell(format_all(tried, failed, chosen, limit, word))
        }
    }

    use super::format_node as format_all;
}

#[node]
async fn format_node(
    tried: &Result<u64, NodeFailure>,
    failed: &Result<u64, NodeFailure>,
    chosen: u64,
    limit: u64,
    word: &str,
) -> String {
    let short = |result: &Result<u64, NodeFailure>| result.as_ref().map_err(|failure| failure.message.clone()).cloned();
    format!("{:?} {:?} {chosen} {limit} {word}", short(tried), short(failed))
}

mod grown {
    use super::super::Log;
    use flow_runtime::prelude::*;

    fn in_words(x: u64) -> String {
        format!("{x} in words")
    }

    #[node]
    async fn measure(#[state] log: &Log, x: u64, cx: &NodeContext) -> Result<String, String> {
        log.note(cx.step());
        Ok(format!("measured {x}"))
    }

    #[node]
    async fn tell(#[state] log: &Log, text: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        text.to_owned()
    }

    #[node(name = "format_node")]
    async fn format_all(
        tried: &Result<String, NodeFailure>,
        failed: &Result<String, NodeFailure>,
        chosen: &str,
        limit: &str,
        word: &str,
    ) -> String {
        let short =
            |result: &Result<String, NodeFailure>| result.as_ref().map_err(|failure| failure.message.clone()).cloned();
        format!("{:?} {:?} {chosen}, {limit}, {word}", short(tried), short(failed))
    }

    workflow! {
        #[version = 2]
        pub(super) fn forms(x: u64) -> String {
            #[catch]
            #[migrate(from = 1, with = in_words)]
            let tried = measure(x);
            #[catch]
            #[migrate(from = 1, with = in_words)]
            let failed = measure(0);
            let chosen = if x > 1 {
                #[migrate(from = 1, with = in_words)]
                let inner = measure(x);
                inner.as_str()
            } else {
                "none"
            };
            #[migrate(from = 1, with = in_words)]
            let limit = wait_for::<String>("limit");
            let word = wait_for::<String>("word");
            #[id = "told"]
            tell(#[id = "format_all"] format_all(tried, failed, chosen, limit, word))
        }
    }
}

#[tokio::test]
async fn b44_outputs_of_caught_steps_in_arms_and_of_signals_are_carried_over() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    let began = engine(&store, &log);
    began.signal("r", "limit", &9_u64).await.unwrap();
    small::forms(7).run_until_parked(&began, "r").await.unwrap();
    assert_eq!(log.take(), ["chosen.inner", "failed", "tried"]);
    let engine = engine(&store, &log);
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    let told = grown::forms(7).run(&engine, "r").await.unwrap();
    let expected = r#"Ok("7 in words") Err("nothing to measure") 7 in words, 9 in words, go"#;
    assert_eq!(told, expected, "a failure that was caught is a value, and stays");
    assert_eq!(log.take(), ["told"]);
}

mod short {
    use flow_runtime::prelude::*;

    #[node]
    async fn read() -> String {
        "page ".repeat(40_000)
    }

    #[node]
    async fn count(text: &str, word: &str) -> usize {
        text.matches(word).count()
    }

    workflow! {
        pub(super) fn book() -> usize {
            let text = read();
            let word = wait_for::<String>("word");
            count(text, word)
        }
    }
}

mod long {
    use flow_runtime::prelude::*;

    fn pages(text: String) -> Vec<String> {
        text.split_inclusive(' ').map(str::to_owned).collect()
    }

    #[node]
    async fn read() -> Vec<String> {
        Vec::new()
    }

    #[node]
    async fn count(text: &[String], word: &str) -> usize {
        text.iter().filter(|page| page.trim() == word).count()
    }

    workflow! {
        #[version = 2]
        pub(super) fn book() -> usize {
            #[migrate(from = 1, with = pages)]
            let text = read();
            let word = wait_for::<String>("word");
            count(text, word)
        }
    }
}

/// What is too large for the record is kept beside it, before and after, and when the change between fails.
#[tokio::test]
async fn b44_outputs_that_are_kept_beside_the_record_are_carried_over() {
    for is_kept in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let open = || JsonFileStore::open(folder.path()).unwrap();
        short::book().run_until_parked(&Engine::new(open()), "r").await.unwrap();
        let before = open().load(&id()).await.unwrap();
        assert_eq!(before.steps[0].output.as_ref().unwrap().flags, 1, "its bytes are elsewhere");

        let failing = FailingStore::new(open());
        failing.fail_commit(0);
        failing.though_kept(is_kept);
        let error = long::book().run_until_parked(&Engine::new(failing), "r").await.unwrap_err();
        assert!(matches!(error, RunError::Store { .. }), "{error}");
        let data = open().load(&id()).await.unwrap();
        assert_eq!(data.plan.version, if is_kept { 2 } else { 1 });
        assert_eq!(data.steps[0].output.as_ref().unwrap().flags, 1);
        assert_eq!(data == before, !is_kept);

        let engine = Engine::new(open());
        engine.signal("r", "word", &"page".to_owned()).await.unwrap();
        assert_eq!(long::book().run(&engine, "r").await.unwrap(), 40_000);
    }
}

/// With steps added as well, which the engine must be told to take; the version alone needs no word.
#[tokio::test]
async fn b44_other_changes_of_the_shape_are_taken_or_refused_as_without_a_migration() {
    let store = InMemoryStore::default();
    waiting(&store).await;
    let log = Log::default();
    let before = store.load(&id()).await.unwrap();
    let refused = more::order(7).run_until_parked(&engine(&store, &log), "r").await.unwrap_err();
    assert!(matches!(&refused, RunError::PlanChanged { changes, .. } if changes.added == ["paid"]), "{refused}");
    assert_eq!(store.load(&id()).await.unwrap(), before);
    let adopts = Engine::builder(store.clone()).state(log.clone()).adopt_changed_plans(true).build();
    adopts.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(more::order(7).run(&adopts, "r").await.unwrap(), "751");
    assert_eq!(log.take(), [] as [&str; 0]);
}

mod more {
    use super::super::Log;
    use super::super::second::{quote, to_cents, to_grams, weigh};
    use flow_runtime::prelude::*;

    #[node]
    async fn pay(price: u64) -> u64 {
        price + 1
    }

    #[node]
    async fn report(#[state] _log: &Log, paid: u64, weights: &[u64], word: &str) -> String {
        assert_eq!((weights, word), (&[1000, 2000][..], "go"));
        paid.to_string()
    }

    workflow! {
        #[version = 4]
        pub(super) fn order(x: u64) -> String {
            #[migrate(from = 1, with = to_cents)]
            let price = quote(x);
            let weights = for n in [1, 2] {
                let weight = #[migrate(from = 1, with = to_grams)] weigh(n);
                weight
            };
            let word = wait_for::<String>("word");
            let paid = pay(price);
            report(paid, weights, word)
        }
    }
}

/// A run that has not come to the step has nothing to migrate, and gives what the step gives now.
#[tokio::test]
async fn b44_what_has_not_run_runs_as_it_is_now() {
    let (store, log) = (InMemoryStore::default(), Log::default());
    let failing = FailingStore::new(store.clone());
    failing.fail_commit(1);
    first::order(7).run(&engine(&failing, &log), "r").await.unwrap_err();
    log.take();
    let engine = engine(&store, &log);
    engine.signal("r", "word", &"go".to_owned()).await.unwrap();
    assert_eq!(second::order(7).run(&engine, "r").await.unwrap(), CARRIED);
    assert_eq!(log.take(), ["price", "report", "weights[0].weight", "weights[1].weight"]);
}
