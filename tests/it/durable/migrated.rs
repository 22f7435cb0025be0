//! Behaviour 44: the process dies at any commit around that by which a run moves to another version.

use flow_runtime::prelude::*;
use flow_runtime::testing::FailingStore;
use flow_runtime::{StoreError, WorkflowData, WorkflowStore};

use super::disk::Disk;
use super::found;
use crate::evolving::migrated::{Log, first, output, second};

const TOLD: &str = "750 cents for [1000, 2000] grams: go";

fn engine(store: impl WorkflowStore, log: &Log) -> Engine<Log> {
    Engine::builder(store).state(log.clone()).build()
}

/// What is stored is of one version, the plan and the outputs alike.
fn is_whole(data: &WorkflowData) {
    match data.plan.version {
        1 => assert_eq!((output::<f64>(data, "price"), &*output::<String>(data, "weights[1].weight")), (7.5, "2 kg")),
        _ => assert_eq!((output::<u64>(data, "price"), output::<u64>(data, "weights[1].weight")), (750, 2000)),
    }
}

/// Whichever commit of the later code fails, kept or not, the run is of one version, and goes on to the same end.
pub(super) async fn a_run_moves_whole_or_not_at_all<D: Disk>(kind: D) {
    let mut moved = 0;
    for (at, is_kept) in (0..8).flat_map(|at| [(at, false), (at, true)]) {
        let (disk, log) = (kind.fresh(), Log::default());
        first::order(7).run_until_parked(&engine(disk.open(), &log), "run").await.unwrap();
        log.take();
        let dying = FailingStore::new(disk.open());
        dying.fail_commit(at);
        dying.though_kept(is_kept);
        let later = engine(dying, &log);
        later.signal("run", "word", &"go".to_owned()).await.unwrap();
        match second::order(7).run(&later, "run").await {
            Ok(told) => {
                assert_eq!(told, TOLD);
                assert!(at > 1, "commit {at} did not fail");
                break;
            }
            Err(RunError::Store { source, .. }) if matches!(*source, StoreError::Other(_)) => {}
            Err(error) => panic!("commit {at}, kept: {is_kept}: {error}"),
        }
        drop(later);
        for dead in disk.deaths().into_iter().chain([disk]) {
            let data = found(&dead).await;
            is_whole(&data);
            moved += u32::from(data.plan.version == 2);
            assert_eq!(data.plan.version == 2, at > 0 || is_kept, "commit {at}, kept: {is_kept}");
            let last = engine(dead.open(), &log);
            assert_eq!(second::order(7).run(&last, "run").await.unwrap(), TOLD);
            let ran = log.take();
            assert!(ran.iter().all(|step| step == "report"), "{ran:?}");
        }
    }
    assert!(moved > 0);
}
