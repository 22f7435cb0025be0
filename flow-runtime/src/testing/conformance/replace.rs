//! Behaviour 30: a save replaces the whole record, and changes lead to where saves lead.

use super::expect::{commit, commit_all, holds, lists, must, save};
use super::place::Place;
use super::plans;
use super::records::{self, Run, bare, full, id};
use super::walk::Walk;
use crate::state::{Event, RunOutcome, RunOutput, StepState, WorkflowData};
use crate::store::WorkflowStore;

/// Saves a full record and then the same without something, of which nothing may remain.
async fn leaves_nothing(place: &dyn Place, what: &str, remove: impl FnOnce(&mut WorkflowData)) {
    let before = full("replaced");
    let mut after = before.clone();
    remove(&mut after);
    after.recount();
    assert!(after != before, "the kit's record had no {what}");
    let store = place.open().await;
    save(&store, &before).await;
    save(&store, &after).await;
    holds(&store, &after, format_args!("after a save without {what}")).await;
    drop(store);
    let store = place.open().await;
    holds(&store, &after, format_args!("after a save without {what} and reopening")).await;
}

/// A record with little in it replaces one that is full.
pub(super) async fn b30_a_save_replaces_the_whole_record(place: &dyn Place) {
    let store = place.open().await;
    let (large, small) = (full("run"), bare("run"));
    for data in [&small, &large, &small, &large] {
        save(&store, data).await;
        holds(&store, data, "after it replaced another").await;
    }
    save(&store, &small).await;
    drop(store);
    let store = place.open().await;
    holds(&store, &small, "after it replaced another and reopening").await;
}

/// Steps and regions of an earlier save are gone.
pub(super) async fn b30_no_step_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "opened regions", |data| {
        let root = data.instances[0].clone();
        data.steps.truncate(data.plan.region(0).len as usize);
        data.instances = vec![root];
        data.steps.iter_mut().for_each(|step| *step = StepState::PENDING);
    })
    .await;
}

/// Keys of an earlier save are gone, all of them or one writer's.
pub(super) async fn b30_no_key_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "one key", |data| drop(data.data.remove("weight"))).await;
    leaves_nothing(place, "keys", |data| data.data.clear()).await;
}

/// Timers and retries of an earlier save are gone.
pub(super) async fn b30_no_timer_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "timers", |data| {
        for step in &mut data.steps {
            (step.waiting, step.retry_at) = (None, 0);
        }
    })
    .await;
}

/// Outputs of an earlier save are gone.
pub(super) async fn b30_no_output_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "outputs", |data| data.steps.iter_mut().for_each(|step| step.output = None)).await;
}

/// Failures of an earlier save are gone.
pub(super) async fn b30_no_failure_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "failures", |data| data.steps.iter_mut().for_each(|step| step.error = None)).await;
}

/// Metadata of an earlier save is gone, all of it or one entry.
pub(super) async fn b30_no_metadata_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "one entry of metadata", |data| drop(data.metadata.remove("queue"))).await;
    leaves_nothing(place, "metadata", |data| data.metadata.clear()).await;
}

/// What was asked, who started the run, and how it ended: an earlier save's are gone.
pub(super) async fn b30_no_end_or_origin_of_an_earlier_save_remains(place: &dyn Place) {
    leaves_nothing(place, "a request", |data| data.asked = None).await;
    leaves_nothing(place, "a parent and an origin", |data| (data.parent, data.forked_from) = (None, None)).await;
    let store = place.open().await;
    let mut ended = bare("ended");
    (ended.outcome, ended.output) = (Some(RunOutcome::Failed), Some(RunOutput::Errors(Vec::new())));
    save(&store, &ended).await;
    save(&store, &bare("ended")).await;
    holds(&store, &bare("ended"), "after a save without an end").await;
}

/// A save may also go back to what was.
pub(super) async fn b30_a_save_of_an_earlier_state_replaces_a_later_one(place: &dyn Place) {
    let store = place.open().await;
    let walk = Walk::all(&id("back"), 30, 20);
    for (_, after) in walk.iter().rev() {
        save(&store, after).await;
        holds(&store, after, "after it replaced a later state").await;
    }
}

/// A save replaces a record of the same id that is another run.
pub(super) async fn b30_a_save_replaces_a_run_of_another_number(place: &dyn Place) {
    let store = place.open().await;
    let (first, second) = (Run::numbered("run", 5, &plans::chain(3)), Run::numbered("run", 4, &plans::chain(2)));
    save(&store, &first.data).await;
    save(&store, &second.data).await;
    holds(&store, &second.data, "after it replaced another run").await;
    lists(&store, &[&second.data.id], "when one run replaced another").await;
}

/// The same record twice is the record.
pub(super) async fn b30_saving_a_record_again_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let data = full("twice");
    save(&store, &data).await;
    save(&store, &data).await;
    holds(&store, &data, "after it was saved twice").await;
    lists(&store, &[&data.id], "after a record was saved twice").await;
}

/// A save of one run touches no other.
pub(super) async fn b30_a_save_touches_no_other_run(place: &dyn Place) {
    let store = place.open().await;
    let (first, second) = (full("first"), full("second"));
    save(&store, &first).await;
    save(&store, &second).await;
    save(&store, &bare("first")).await;
    holds(&store, &second, "after another run was replaced").await;
    holds(&store, &bare("first"), "after it was replaced").await;
}

/// A save replaces what commits have made.
pub(super) async fn b30_a_save_replaces_what_commits_have_made(place: &dyn Place) {
    let store = place.open().await;
    let walk = Walk::all(&id("committed"), 31, 30);
    commit_all(&store, &walk).await;
    save(&store, &bare("committed")).await;
    holds(&store, &bare("committed"), "after it replaced what commits had made").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &bare("committed"), "after it replaced what commits had made and reopening").await;
}

/// A commit goes on from a saved record, and a save from commits.
pub(super) async fn b30_commits_and_saves_take_turns(place: &dyn Place) {
    let store = place.open().await;
    for seed in 0..6 {
        let walk = Walk::all(&id(&format!("turns {seed}")), seed, 30);
        commit(&store, (&walk[0].0, &walk[0].1)).await;
        for (turn, (delta, after)) in walk.iter().enumerate().skip(1) {
            match turn % 3 {
                0 => save(&store, after).await,
                _ => commit(&store, (delta, after)).await,
            }
            holds(&store, after, "after saves and commits in turn").await;
        }
    }
}

/// Every state on a random way is what the deltas say, when one looks after each of them.
pub(super) async fn b30_every_commit_of_a_random_walk_is_kept(place: &dyn Place) {
    let store = place.open().await;
    for seed in 0..12 {
        for (delta, after) in Walk::all(&id(&format!("walk {seed}")), seed, 40) {
            commit(&store, (&delta, &after)).await;
            holds(&store, &after, format_args!("after delta {} of walk {seed}", delta.seq)).await;
        }
    }
}

/// Commits lead to where saves lead, when one looks only at the end.
pub(super) async fn b30_commits_and_saves_lead_to_equal_records(place: &dyn Place) {
    let store = place.open().await;
    let mut ends = Vec::new();
    for seed in 100..120 {
        let walk = Walk::all(&id(&format!("by commits {seed}")), seed, 40);
        commit_all(&store, &walk).await;
        let saved = Walk::all(&id(&format!("by saves {seed}")), seed, 40);
        for (_, after) in &saved {
            save(&store, after).await;
        }
        ends.extend([&walk, &saved].map(|walk| walk[walk.len() - 1].1.clone()));
    }
    for after in &ends {
        holds(&store, after, "at the end of a walk").await;
    }
    drop(store);
    let store = place.open().await;
    for after in &ends {
        holds(&store, after, "at the end of a walk after reopening").await;
    }
}

/// All events of one delta are kept together, in their order.
pub(super) async fn b30_a_delta_of_many_events_is_kept_whole(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("many events", &plans::chain(50));
    commit(&store, (&run.first, &run.data)).await;
    let mut events = Vec::new();
    for local in 0..50 {
        events.extend([records::started(local), records::completed(local, records::text("done"))]);
    }
    events.push(records::ended(49));
    let (delta, after) = run.next(events);
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after a delta of many events").await;
}

/// A first delta may hold more than the creation of its run.
pub(super) async fn b30_a_first_delta_may_hold_a_whole_run(place: &dyn Place) {
    let store = place.open().await;
    let run = Run::new("at once", &plans::chain(1));
    let mut first = run.first.clone();
    first.events.extend([records::started(0), records::completed(0, records::text("done")), records::ended(0)]);
    let after = records::created(&first);
    commit(&store, (&first, &after)).await;
    holds(&store, &after, "after a first delta that ended it").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &after, "after a first delta that ended it and reopening").await;
}

/// A delta without events moves the run on by one.
pub(super) async fn b30_a_delta_without_events_is_kept(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("nothing", &plans::chain(2));
    commit(&store, (&run.first, &run.data)).await;
    let (delta, after) = run.next(Vec::new());
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after a delta without events").await;
    let (delta, after) = run.complete(0);
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after a delta that follows one without events").await;
}

/// A run goes on under a changed plan, more than once and in one delta with other events.
pub(super) async fn b30_an_adopted_plan_is_kept(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("adopted", &plans::chain(2));
    commit(&store, (&run.first, &run.data)).await;
    let adopt = |count| Event::PlanAdopted { plan: plans::plan("orders", &plans::chain(count)) };
    for events in [
        vec![adopt(3)],
        vec![records::started(0), records::completed(0, records::text("done"))],
        vec![adopt(4), adopt(5), records::started(1)],
    ] {
        let (delta, after) = run.next(events);
        commit(&store, (&delta, &after)).await;
        holds(&store, &after, "after it adopted a plan").await;
    }
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after it adopted a plan and reopening").await;
}

/// How payloads are to be encoded does not change from call to call.
pub(super) async fn b30_the_encoding_of_a_store_does_not_change(place: &dyn Place) {
    let store = place.open().await;
    let encoding = store.encoding();
    save(&store, &full("run")).await;
    let demand = "answer alike how payloads are to be encoded";
    must(store.encoding() == encoding, demand, "it changed its mind after a save");
    drop(store);
    let store = place.open().await;
    must(store.encoding() == encoding, demand, "it changed its mind when opened again");
}
