//! The power goes at each operation of a workload: what was acknowledged is there, and nothing is torn.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::disk::{CrashModel, Fault, FaultFs};

/// What is done, in this order.
enum Step {
    Commit(Box<WorkflowData>, Box<Delta>),
    Save(Box<WorkflowData>),
    Delete(WorkflowId),
}

impl Step {
    fn id(&self) -> &WorkflowId {
        match self {
            Self::Commit(data, _) => &data.id,
            Self::Save(data) => &data.id,
            Self::Delete(id) => id,
        }
    }

    fn after(&self) -> Option<&WorkflowData> {
        match self {
            Self::Commit(data, _) => Some(data),
            Self::Save(data) => Some(data),
            Self::Delete(_) => None,
        }
    }

    fn is_lazy(&self) -> bool {
        matches!(self, Self::Commit(_, delta) if delta.ack == Ack::Lazy)
    }

    async fn run(&self, store: &FlatBuffersStore) -> Result<(), StoreError> {
        match self {
            Self::Commit(data, delta) => store.commit(data, delta).await,
            Self::Save(data) => store.save(data).await,
            Self::Delete(id) => store.delete(id).await,
        }
    }
}

/// Two runs that end, one that is deleted and made again, one that is saved; enough for several segments.
fn workload() -> Vec<Step> {
    let commits =
        |id, run_no| walk(id, run_no).into_iter().map(|(data, delta)| Step::Commit(Box::new(data), Box::new(delta)));
    let mut all: Vec<Step> = commits("a", 1).collect();
    all.extend(commits("b", 2).take(3));
    all.push(Step::Delete(id("a")));
    all.extend(commits("a", 3).take(2));
    all.push(Step::Save(Box::new(walk("c", 4)[3].0.clone())));
    all.extend(commits("b", 2).skip(3));
    all.push(Step::Delete(id("c")));
    all
}

/// Runs the workload until something fails. Gives how many steps were acknowledged.
async fn run(fs: &FaultFs, steps: &[Step]) -> usize {
    let Ok(store) = open(fs.clone()) else { return 0 };
    for (done, step) in steps.iter().enumerate() {
        if step.run(&store).await.is_err() {
            return done;
        }
    }
    steps.len()
}

/// The states in which each run may be found when so many steps were acknowledged and the next was under way: that of
/// its last durable step, or of any step after it.
fn allowed(steps: &[Step], done: usize) -> BTreeMap<WorkflowId, Vec<Option<WorkflowData>>> {
    let mut allowed: BTreeMap<WorkflowId, Vec<Option<WorkflowData>>> = BTreeMap::new();
    let tried = steps.len().min(done + 1);
    // A durable step takes with it all that was acknowledged before it.
    let durable = steps[..done].iter().rposition(|step| !step.is_lazy()).map_or(0, |last| last + 1);
    for (place, step) in steps[..tried].iter().enumerate() {
        let states = allowed.entry(step.id().clone()).or_insert_with(|| vec![None]);
        if place < durable {
            states.clear();
        }
        states.push(step.after().cloned());
    }
    allowed
}

#[tokio::test]
async fn b42_whenever_the_power_goes_what_was_acknowledged_is_there() {
    let steps = workload();
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run(&counting, &steps).await, steps.len());
    let (mut states, mut distinct) = (0_usize, BTreeSet::new());
    for at in 0..=counting.count() {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, true, Fault::Errno(5));
        let done = run(&fs, &steps).await;
        let allowed = allowed(&steps, done);
        for found in CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model)) {
            states += 1;
            if distinct.insert((at, log_files(&found))) {
                check(found, &allowed, at).await;
            }
        }
    }
    println!("power loss: {} operations, {states} states, {} of them distinct", counting.count(), distinct.len());
    assert!(distinct.len() > 1_000);
}

async fn check(disk: SimFs, allowed: &BTreeMap<WorkflowId, Vec<Option<WorkflowData>>>, at: u64) {
    let store = open(disk.clone()).unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
    let listing = store.list_workflows().await.unwrap();
    assert_eq!(listing.damaged, [], "power went at operation {at}");
    for (id, allowed) in allowed {
        let found = match store.load(id).await {
            Ok(data) => Some(data),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => panic!("power went at operation {at}: {error}"),
        };
        assert_eq!(listing.workflows.contains(id), found.is_some());
        assert!(allowed.contains(&found), "power went at operation {at}: `{id}` is not where it may be");
    }
    // What was found must stand when the power goes again, now that it was shown.
    let shown = log_files(&disk);
    drop(store);
    let reopened = open(disk.clone()).unwrap();
    assert_eq!(reopened.list_workflows().await.unwrap(), listing);
    assert_eq!(log_files(&disk), shown, "opening again changes nothing");
}

#[tokio::test]
async fn b39_whenever_the_power_goes_while_room_is_given_back_every_run_stands_and_none_comes_back() {
    let disk = SimFs::default();
    let store = open(disk.clone()).unwrap();
    let (kept, live) = (walk("kept", 1), walk("live", 2));
    commit(&store, &kept).await;
    commit(&store, &live[..3]).await;
    for n in 0..12 {
        let name = format!("gone-{n}");
        commit(&store, &walk(&name, n + 10)).await;
        store.delete(&id(&name)).await.unwrap();
    }
    drop(store);
    let segments = log_files(&disk).len();
    let (counting, after) = (FaultFs::new(disk.after_kill()), disk.after_kill());
    drop(open(counting.clone()).unwrap());
    drop(open(after.clone()).unwrap());
    assert!(log_files(&after).len() < segments, "room is given back");
    let mut distinct = BTreeSet::new();
    for at in 0..counting.count() {
        let before = disk.after_kill();
        let fs = FaultFs::new(before.clone());
        fs.fail(at, true, Fault::Errno(5));
        drop(open(fs));
        for found in CrashModel::ALL.into_iter().flat_map(|model| before.after_power_loss(model)) {
            if !distinct.insert(log_files(&found)) {
                continue;
            }
            let store = open(found).unwrap_or_else(|error| panic!("power went at operation {at}: {error}"));
            let listing = store.list_workflows().await.unwrap();
            assert_eq!(listing.workflows, [id("kept"), id("live")], "power went at operation {at}");
            assert_eq!(listing.damaged, [], "power went at operation {at}");
            assert_eq!(store.load(&id("kept")).await.unwrap(), kept[4].0);
            assert_eq!(store.load(&id("live")).await.unwrap(), live[2].0);
            commit(&store, &live[3..]).await;
        }
    }
    println!("giving back room: {} operations, {} distinct states", counting.count(), distinct.len());
}
