//! What happens while a called workflow is undone: the rest of the run goes on, fails, is paused or is stopped.

use std::time::Duration;

use flow_runtime::WorkflowStore;
use flow_runtime::engine::{StepFate, Why};
use flow_runtime::prelude::*;
use flow_runtime::state::{StepStatus, WorkflowStatus};

use super::super::undo::rollback_of;
use super::super::waits::{on_every_store, parked, soon};
use super::world::{
    App, catches_in_flight, cut_off, engine_of, fails_meanwhile, fails_with_work, keeps, loses_large, stored,
    told_of_a_shutdown, undoes_large, undone_for_long, undone_slowly, until, waits_beside_and_after, x,
};

async fn b59_b60_an_undo_that_fails_inside_is_told_and_the_others_are_done(store: impl WorkflowStore + Clone) {
    let app = App::default();
    assert_eq!(soon(keeps(x()).run(&engine_of(store.clone(), &app), "run")).await.unwrap(), "x is refused");
    let data = stored(&store, "run").await;
    let rollback = data.rollback();
    assert_eq!((data.status, rollback.compensated), (WorkflowStatus::Completed, vec!["result.first".to_owned()]));
    let failed: Vec<String> = rollback.failed.iter().map(ToString::to_string).collect();
    assert_eq!(failed, ["step `result.second` failed at attempt 1: it stays"]);
}

async fn b58_b60_what_runs_beside_goes_on_and_an_undo_is_tried_again(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    // A run that is undoing something is not one that only waits.
    let data = stored(&store, "run").await;
    assert_eq!((data.status, data.status_of("result")), (WorkflowStatus::Running, Some(StepStatus::Running)));
    assert_eq!(data.status_of("result.always_refuse"), Some(StepStatus::Failed));
    engine.signal("run", "beside", &"yes".to_owned()).await.unwrap();
    app.undo_may_end.notify_one();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    assert_eq!(soon(run.result()).await.unwrap(), "x is refused yes");
    let lines: Vec<String> = app.log.all().into_iter().filter(|line| !line.starts_with("key")).collect();
    assert_eq!(lines, ["hold x", "hold x", "undo x", "undo x", "tell x is refused"]);
}

async fn b58_b60_a_shutdown_while_it_is_undone_loses_nothing(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    assert!(matches!(cut_off(engine, run).await, Err(RunError::Interrupted { .. })));
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    // The attempt that was cut off counts.
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    engine.signal("run", "beside", &"yes".to_owned()).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "x is refused yes");
    assert_eq!(app.log.undone(), ["x", "x"]);
}

async fn b57_b60_a_run_that_fails_meanwhile_undoes_the_rest(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = fails_meanwhile(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    engine.signal("run", "fail", &"it".to_owned()).await.unwrap();
    until(&store, |data| data.status == WorkflowStatus::RollingBack).await;
    // The undo that had begun is the first attempt, and goes on.
    app.undo_may_end.notify_one();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    let error = soon(run.result()).await.unwrap_err();
    assert_eq!(error.rollback().unwrap().compensated, ["result.first", "result.second"]);
    assert_eq!((error.failures()[0].failure.step.as_str(), app.log.undone().len()), ("bad", 2));
}

async fn b16_b60_a_pause_holds_the_undos_inside_back(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    engine.pause("run").await.unwrap();
    until(&store, |data| data.asked.is_some()).await;
    // The attempt that runs ends, and no other begins.
    app.undo_may_end.notify_one();
    let waits = soon(undone_slowly(x()).run_until_parked(&engine, "run")).await.unwrap();
    assert_eq!(parked(waits).len(), 1);
    assert_eq!(app.log.undone(), Vec::<String>::new());
    engine.resume("run").await.unwrap();
    engine.signal("run", "beside", &"yes".to_owned()).await.unwrap();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    assert_eq!(soon(run.result()).await.unwrap(), "x is refused yes");
}

async fn b58_b60_an_undo_that_fails_while_the_run_stops_is_tried_again(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = fails_with_work(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    soon(app.body_begun.notified()).await;
    engine.signal("run", "fail", &"it".to_owned()).await.unwrap();
    until(&store, |data| data.status_of("bad") == Some(StepStatus::Failed)).await;
    // The first attempt fails while a body is still at work, and the next waits for the rollback of the run.
    app.undo_may_end.notify_one();
    until(&store, |data| {
        let undo = data.step(data.find("result.second").unwrap()).undo.as_ref();
        undo.is_some_and(|undo| undo.failures > 0)
    })
    .await;
    app.body_may_end.notify_one();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    let rollback = rollback_of(soon(run.result()).await);
    assert_eq!(rollback.compensated, ["work", "result.first", "result.second"]);
    assert_eq!(app.log.undone().len(), 3);
}

async fn b56_b60_what_waits_beside_it_is_cancelled_when_its_failure_goes_on(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = waits_beside_and_after(vec![x()]).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    let word = "done.all[0].word";
    assert!(stored(&store, "run").await.waits().iter().any(|(step, _)| step == word));
    app.undo_may_end.notify_one();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    let waits = parked(soon(waits_beside_and_after(vec![x()]).run_until_parked(&engine, "run")).await.unwrap());
    assert_eq!((waits.len(), &*waits[0].0), (1, "word"));
    assert_eq!(stored(&store, "run").await.status_of(word), Some(StepStatus::Cancelled));
    engine.signal("run", "later", &2_usize).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), 3);
}

async fn b16_b60_in_a_pause_no_undo_begins(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = catches_in_flight(x()).start(&engine, "run").unwrap();
    soon(app.body_begun.notified()).await;
    until(&store, |data| data.status_of("result.bad") == Some(StepStatus::Failed)).await;
    engine.pause("run").await.unwrap();
    until(&store, |data| data.asked.is_some()).await;
    app.body_may_end.notify_one();
    let paused = soon(catches_in_flight(x()).run_until_parked(&engine, "run")).await.unwrap();
    assert!(parked(paused).is_empty());
    assert_eq!(app.log.undone(), Vec::<String>::new());
    engine.resume("run").await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "it is refused");
    assert_eq!(app.log.undone(), ["x"]);
}

async fn b16_b60_in_a_pause_no_undo_follows_another(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    soon(app.undo_begun.notified()).await;
    engine.pause("run").await.unwrap();
    until(&store, |data| data.asked.is_some()).await;
    app.undo_may_end.notify_one();
    parked(soon(undone_slowly(x()).run_until_parked(&engine, "run")).await.unwrap());
    let statuses = ["result.first", "result.second"];
    let data = stored(&store, "run").await;
    let statuses = statuses.map(|step| data.status_of(step).unwrap());
    assert_eq!(statuses, [StepStatus::Completed, StepStatus::Compensated]);
    engine.resume("run").await.unwrap();
    engine.signal("run", "beside", &"yes".to_owned()).await.unwrap();
    assert_eq!(soon(run.result()).await.unwrap(), "x is refused yes");
    assert_eq!(stored(&store, "run").await.status_of("result.first"), Some(StepStatus::Compensated));
}

async fn b44_b60_check_says_that_nothing_goes_on_where_it_failed(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = catches_in_flight(x()).start(&engine, "run").unwrap();
    soon(app.body_begun.notified()).await;
    until(&store, |data| data.status_of("result.bad") == Some(StepStatus::Failed)).await;
    let _ = cut_off(engine, run).await;
    let check = catches_in_flight(x()).check(&engine_of(store.clone(), &app), "run").await.unwrap();
    let more = check.step("result.more").unwrap();
    assert_eq!((more.fate, &more.why), (StepFate::Leave, &Why::Stopping));
    // And so it is.
    assert_eq!(
        soon(catches_in_flight(x()).run(&engine_of(store.clone(), &app), "run")).await.unwrap(),
        "it is refused"
    );
    assert_eq!(stored(&store, "run").await.status_of("result.more"), Some(StepStatus::Pending));
}

async fn b17_b60_an_undo_inside_is_told_of_a_shutdown(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = told_of_a_shutdown().start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    // It would have more time than the test.
    soon(engine.shutdown(Duration::from_secs(3600))).await;
    assert!(matches!(soon(run.result()).await, Err(RunError::Interrupted { .. })));
    assert_eq!(stored(&store, "run").await.status_of("result.held"), Some(StepStatus::Completed));
}

async fn b58_b60_what_is_kept_beside_the_record_is_there_for_an_undo_inside(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undoes_large(3 << 20).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    let _ = cut_off(engine, run).await;
    let engine = engine_of(store.clone(), &app);
    let run = undoes_large(3 << 20).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    assert_eq!(soon(run.result()).await.unwrap(), "blob is refused");
    assert_eq!(app.log.all().last().unwrap(), "tell blob is refused");
    assert_eq!(app.log.undone(), ["blob".to_owned(), (3 << 20).to_string()]);

    // Also where the run is lost, and what it is undone with is got again when it is needed.
    let run = loses_large(3 << 20).start(&engine, "lost").unwrap();
    soon(app.undo_begun.notified()).await;
    let _ = cut_off(engine, run).await;
    let engine = engine_of(store.clone(), &app);
    let run = loses_large(3 << 20).start(&engine, "lost").unwrap();
    soon(app.undo_begun.notified()).await;
    app.undo_may_end.notify_one();
    assert_eq!(rollback_of(soon(run.result()).await).compensated, ["large_inside.held", "large_inside.more"]);
}

/// The time limit of the work says nothing of the time that its undo takes.
#[tokio::test(start_paused = true)]
async fn b59_b60_the_time_limit_of_a_step_is_not_that_of_its_undo() {
    let app = App::default();
    let result = undone_for_long(x()).run(&engine_of(InMemoryStore::default(), &app), "run").await.unwrap();
    assert_eq!((&*result, app.log.undone()), ("x is refused", vec![x()]));
}

async fn who_terminates_the_run_meanwhile_leaves_the_rest(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = undone_slowly(x()).start(&engine, "run").unwrap();
    soon(app.undo_begun.notified()).await;
    engine.terminate("run").await.unwrap();
    let rollback = rollback_of(soon(run.result()).await);
    assert_eq!(
        (rollback.left, rollback.compensated.len()),
        (vec!["result.first".to_owned(), "result.second".to_owned()], 0)
    );
    let data = stored(&store, "run").await;
    assert_eq!((data.status, data.status_of("result")), (WorkflowStatus::Cancelled, Some(StepStatus::Cancelled)));
}

async fn b60_what_was_in_flight_when_it_failed_is_undone_as_well(store: impl WorkflowStore + Clone) {
    let app = App::default();
    let engine = engine_of(store.clone(), &app);
    let run = catches_in_flight(x()).start(&engine, "run").unwrap();
    soon(app.body_begun.notified()).await;
    until(&store, |data| data.status_of("result.bad") == Some(StepStatus::Failed)).await;
    app.body_may_end.notify_one();
    assert_eq!(soon(run.result()).await.unwrap(), "it is refused");
    assert_eq!(app.log.all(), ["hold x", "undo x", "tell it is refused"]);
}

on_every_store! {
    b59_b60_an_undo_that_fails_inside_is_told_and_the_others_are_done
    b58_b60_what_runs_beside_goes_on_and_an_undo_is_tried_again
    b58_b60_a_shutdown_while_it_is_undone_loses_nothing
    b57_b60_a_run_that_fails_meanwhile_undoes_the_rest
    b16_b60_a_pause_holds_the_undos_inside_back
    b58_b60_an_undo_that_fails_while_the_run_stops_is_tried_again
    b56_b60_what_waits_beside_it_is_cancelled_when_its_failure_goes_on
    b16_b60_in_a_pause_no_undo_begins
    b16_b60_in_a_pause_no_undo_follows_another
    b44_b60_check_says_that_nothing_goes_on_where_it_failed
    b17_b60_an_undo_inside_is_told_of_a_shutdown
    b58_b60_what_is_kept_beside_the_record_is_there_for_an_undo_inside
    who_terminates_the_run_meanwhile_leaves_the_rest
    b60_what_was_in_flight_when_it_failed_is_undone_as_well
}
