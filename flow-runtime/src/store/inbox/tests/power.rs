//! The power goes at each operation: what was left there is there, and what a deleted run had stays gone.

use std::collections::BTreeSet;

use super::*;
use crate::disk::Fault;
use crate::store::Owner;
use crate::store::inbox::{Inbox, name};

type Open<S> = fn(FaultFs) -> Result<S, StoreError>;

async fn run_on<S: WorkflowStore>(open: Open<S>, fs: &FaultFs) -> usize {
    match open(fs.clone()) {
        Ok(store) => run(&store, &WORKLOAD).await.0,
        Err(_) => 0,
    }
}

/// The disk after this operation and all behind it failed, and how many steps were acknowledged.
async fn cut_at<S: WorkflowStore>(open: Open<S>, at: u64) -> (SimFs, usize) {
    let disk = SimFs::default();
    let fs = FaultFs::new(disk.clone());
    fs.fail(at, true, Fault::Errno(5));
    let done = run_on(open, &fs).await;
    (disk, done)
}

async fn operations<S: WorkflowStore>(open: Open<S>) -> u64 {
    let counting = FaultFs::new(SimFs::default());
    assert_eq!(run_on(open, &counting).await, WORKLOAD.len());
    counting.count()
}

fn after_power_loss(disk: &SimFs) -> impl Iterator<Item = SimFs> {
    CrashModel::ALL.into_iter().flat_map(|model| disk.after_power_loss(model))
}

async fn what_was_left_is_there<S: WorkflowStore>(open: Open<S>) {
    let operations = operations(open).await;
    let mut distinct = BTreeSet::new();
    for at in 0..=operations {
        let (disk, done) = cut_at(open, at).await;
        for found in after_power_loss(&disk) {
            if !distinct.insert((done, files(&found))) {
                continue;
            }
            let what = format!("power went at operation {at}");
            for again in ["", ", and it was opened again"] {
                let store = open(FaultFs::new(found.clone())).unwrap_or_else(|error| panic!("{what}{again}: {error}"));
                check(&store, done, &format!("{what}{again}")).await;
            }
            let deletions =
                letters(&found).into_iter().filter(|path| path.extension().is_some_and(|end| end == "deleted"));
            assert_eq!(deletions.count(), 0, "{what}: a deletion that was begun is ended");
        }
    }
    println!("power loss: {operations} operations, {} distinct states", distinct.len());
    assert!(distinct.len() > 300, "{} distinct states", distinct.len());
}

#[tokio::test]
async fn b39_b52_whenever_the_power_goes_what_was_left_is_there_in_json_files() {
    what_was_left_is_there(json).await;
}

#[tokio::test]
async fn b39_b52_whenever_the_power_goes_what_was_left_is_there_in_the_log() {
    what_was_left_is_there(flat).await;
}

/// Who says that a request is there already must know that it lasts: who left it may not have come to that.
#[tokio::test]
async fn b52_what_was_there_already_lasts() {
    let mut killed = 0;
    for at in 0.. {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        fs.fail(at, true, Fault::Errno(5));
        if let Ok(store) = json(fs)
            && store.ask(&id("a"), &request("1")).await.is_ok()
        {
            break;
        }
        let disk = disk.after_kill();
        let was_new = json(disk.clone()).unwrap().ask(&id("a"), &request("1")).await.unwrap();
        killed += u32::from(!was_new);
        for found in after_power_loss(&disk) {
            let store = json(found).unwrap();
            assert_eq!(store.requests(&id("a")).await.unwrap(), [request("1")], "killed at operation {at}");
        }
    }
    assert!(killed > 0, "none was killed between the renaming and the sync");
}

/// What a writer that was killed has taken does not come back for the next run of the id.
#[tokio::test]
async fn b39_what_a_killed_writer_took_stays_gone_with_its_run() {
    let disk = SimFs::default();
    let store = json(disk.clone()).unwrap();
    for step in [Step::Save("a"), Step::Ask("a", "1"), Step::Take("a", "1")] {
        step.act(&store).await.unwrap();
    }
    let disk = disk.after_kill();
    json(disk.clone()).unwrap().delete(&id("a")).await.unwrap();
    for found in after_power_loss(&disk) {
        assert_eq!(json(found).unwrap().requests(&id("a")).await.unwrap(), []);
    }
}

/// Says on the disk that a run is being deleted with its requests up to this number, as its writer did before it died.
fn begin_deletion(disk: &SimFs, upto: u32) {
    disk.set_bytes(PathBuf::from(DIR).join("inbox").join(name::of_deletion("w-a", upto)), Vec::new());
}

async fn ids(store: &JsonFileStore) -> Vec<String> {
    store.requests(&id("a")).await.unwrap().into_iter().map(|request| request.id).collect()
}

/// What is asked after a writer died in a deletion is not of the run that was deleted, also if it was asked before.
#[tokio::test]
async fn b39_what_is_asked_between_a_deletion_and_its_end_stays() {
    for is_gone in [true, false] {
        let disk = SimFs::default();
        let store = json(disk.clone()).unwrap();
        for step in [Step::Ask("a", "1"), Step::Ask("a", "2")] {
            step.act(&store).await.unwrap();
        }
        if !is_gone {
            store.save(&record("a")).await.unwrap();
        }
        drop(store);
        begin_deletion(&disk, 2);
        let beside = Inbox::beside(disk.open_dir(DIR.as_ref(), false).unwrap()).unwrap();
        for (request, is_new) in [("1", true), ("3", true), ("1", false)] {
            assert_eq!(beside.ask(&id("a"), &self::request(request)).await.unwrap(), is_new);
        }
        let store = json(disk.clone()).unwrap();
        assert_eq!(ids(&store).await, if is_gone { vec!["1", "3"] } else { vec!["1", "2", "3"] });
        assert_eq!(letters(&disk).len(), if is_gone { 2 } else { 4 }, "{:?}", letters(&disk));
        store.take_requests(&id("a"), &["1".to_owned()]).await.unwrap();
        assert_eq!(ids(&store).await, if is_gone { vec!["3"] } else { vec!["2", "3"] });
    }
}

#[tokio::test]
async fn b39_what_is_asked_after_all_requests_of_a_deleted_run_went_stays() {
    let disk = SimFs::default();
    begin_deletion(&disk, 7);
    let beside = Inbox::beside(disk.open_dir(DIR.as_ref(), false).unwrap()).unwrap();
    assert!(beside.ask(&id("a"), &request("1")).await.unwrap());
    assert_eq!(ids(&json(disk.clone()).unwrap()).await, ["1"]);
    assert_eq!(letters(&disk).len(), 1);
}

/// A deletion that is refused, or finds no run, leaves what was asked, and leaves nothing that would remove it later.
#[tokio::test]
async fn b39_a_deletion_that_was_not_done_leaves_what_was_asked() {
    for is_held in [true, false] {
        let disk = SimFs::default();
        let store = json(disk.clone()).unwrap();
        store.ask(&id("a"), &request("1")).await.unwrap();
        if is_held {
            store.save(&record("a")).await.unwrap();
            store.claim(&id("a"), Owner::draw()).await.unwrap();
        }
        let refused = store.delete(&id("a")).await.unwrap_err();
        assert_eq!(matches!(refused, StoreError::Conflict { .. }), is_held, "{refused}");
        assert_eq!(matches!(refused, StoreError::NotFound { .. }), !is_held, "{refused}");
        assert_eq!((ids(&store).await, letters(&disk).len()), (vec!["1".to_owned()], 1));
        for found in after_power_loss(&disk) {
            assert_eq!(ids(&json(found).unwrap()).await, ["1"]);
        }
    }
}
