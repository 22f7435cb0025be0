//! Runs that end after each of their commits in turn, as if the process was killed there, and go on in another.

use std::collections::BTreeMap;
use std::fmt::Debug;

use flow_runtime::engine::tree::Workflow;
use flow_runtime::plan::{Requires, StepKind};
use flow_runtime::prelude::*;
use flow_runtime::{Invocation, JsonFileStore, WorkflowData, WorkflowStore};

use super::outcome::{Outcome, run};
use super::protocol;
use super::workflows::{branches, catches, chain, fails, fans, mixed, notes};
use crate::recorder::{Call, Ledger, Recorder, steps};

/// Runs this undisturbed, then goes on from the record after each of its commits: what had ended does not run again,
/// all else runs as often as it did, under the same keys, and everything ends as it did.
pub(crate) async fn goes_on_from_every_commit<W>(invoke: impl Fn() -> Invocation<W>)
where
    W: Workflow + Requires<Ledger>,
    W::Output: Debug + PartialEq,
{
    let undisturbed = Recorder::default();
    let expected = run(&undisturbed, invoke()).await;
    protocol::check(&undisturbed.ledger);
    let outcome = Outcome::of(&undisturbed.record().await);
    let calls = undisturbed.ledger.calls();
    let snapshots = undisturbed.ledger.snapshots();
    assert!(snapshots.len() > 2, "a run of so few commits shows nothing");
    for before in snapshots {
        let store = Recorder::holding(&before).await;
        let context = format!("killed at change {}", before.seq);
        assert_eq!(run(&store, invoke()).await, expected, "{context}");
        assert_eq!(Outcome::of(&store.record().await), outcome, "{context}");
        assert_eq!(store.ledger.counts(), left(&before, &calls), "{context}");
        check_calls(&before, &calls, &store.ledger.calls());
        protocol::check(&store.ledger);

        let again = Recorder::holding(&store.record().await).await;
        assert_eq!(run(&again, invoke()).await, expected, "an ended run gives what it ended with");
        assert!(again.ledger.entries().is_empty(), "an ended run does nothing: {:?}", again.ledger.entries());
    }
}

/// How often each step is still to be called when a run goes on from this record.
fn left(before: &WorkflowData, calls: &[Call]) -> BTreeMap<String, u32> {
    let mut left: BTreeMap<String, u32> = BTreeMap::new();
    for call in calls {
        *left.entry(call.step.clone()).or_default() += 1;
    }
    for (path, step) in steps(before) {
        let state = before.step(step);
        let is_call = matches!(before.plan.step(step.local).kind, StepKind::Call { .. });
        if is_call && let Some(times) = left.get_mut(&path) {
            *times = if state.status.has_ended() { 0 } else { *times - state.failures };
        }
    }
    left.retain(|_, times| *times > 0);
    left
}

/// That calls after a crash have the keys of those before, and count their attempts on.
fn check_calls(before: &WorkflowData, undisturbed: &[Call], resumed: &[Call]) {
    let attempts: BTreeMap<_, _> =
        steps(before).into_iter().map(|(path, step)| (path, before.step(step).attempts)).collect();
    let mut last = attempts;
    for call in resumed {
        let same = undisturbed.iter().find(|other| other.step == call.step);
        assert_eq!(same.map(|other| &other.key), Some(&call.key), "{}", call.step);
        let last = last.entry(call.step.clone()).or_default();
        assert_eq!(call.attempt, *last + 1, "{}", call.step);
        *last = call.attempt;
    }
}

#[tokio::test]
async fn b42_a_chain_goes_on_from_every_commit() {
    goes_on_from_every_commit(|| chain(3)).await;
}

#[tokio::test]
async fn b42_pure_steps_go_on_from_every_commit() {
    goes_on_from_every_commit(|| mixed(3)).await;
}

#[tokio::test]
async fn b24_branches_go_on_from_every_commit() {
    for x in [2, 3, 4, 5, 6, 11, 20] {
        goes_on_from_every_commit(|| branches(x)).await;
    }
}

#[tokio::test]
async fn b27_fan_outs_go_on_from_every_commit() {
    for n in [0, 1, 4] {
        goes_on_from_every_commit(|| fans(n)).await;
    }
}

#[tokio::test]
async fn b14_b42_caught_failures_and_retries_go_on_from_every_commit() {
    for n in [0, 2, 5] {
        goes_on_from_every_commit(|| catches(n)).await;
    }
}

#[tokio::test]
async fn b69_what_steps_wrote_is_read_the_same_from_every_commit() {
    goes_on_from_every_commit(|| notes(4)).await;
}

#[tokio::test]
async fn b28_a_failing_run_fails_alike_from_every_commit() {
    goes_on_from_every_commit(|| fails(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b42_runs_on_several_threads_go_on_from_every_commit() {
    goes_on_from_every_commit(|| mixed(3)).await;
    goes_on_from_every_commit(|| fans(3)).await;
    goes_on_from_every_commit(|| catches(3)).await;
}

/// What is derived is counted again when a record is loaded, and must come out as it was counted event by event.
#[tokio::test]
async fn b29_the_record_after_every_commit_comes_back_equal_from_every_store() {
    let folder = tempfile::tempdir().unwrap();
    let flat = FlatBuffersStore::open(folder.path().join("flat")).unwrap();
    let json = JsonFileStore::open(folder.path().join("json")).unwrap();
    let sqlite = SqliteStore::open(folder.path().join("flow.db")).unwrap();
    let ledgers = [
        ledger_of(branches(3)).await,
        ledger_of(fans(3)).await,
        ledger_of(catches(4)).await,
        ledger_of(notes(2)).await,
        ledger_of(fails(1)).await,
    ];
    for data in ledgers.iter().flat_map(Ledger::snapshots) {
        flat.save(&data).await.unwrap();
        let reader = FlatBuffersStore::open_read_only(folder.path().join("flat")).unwrap();
        assert_eq!(reader.load(&data.id).await.unwrap(), data);
        json.save(&data).await.unwrap();
        let reader = JsonFileStore::open_read_only(folder.path().join("json")).unwrap();
        assert_eq!(reader.load(&data.id).await.unwrap(), data);
        sqlite.save(&data).await.unwrap();
        let reader = SqliteStore::open_read_only(folder.path().join("flow.db")).unwrap();
        assert_eq!(reader.load(&data.id).await.unwrap(), data);
    }
}

async fn ledger_of<W: Workflow + Requires<Ledger>>(invocation: Invocation<W>) -> Ledger {
    let store = Recorder::default();
    let _ = run(&store, invocation).await;
    store.ledger
}
