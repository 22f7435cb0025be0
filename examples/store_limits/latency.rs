//! How long commits take while runs come and go.
//!
//! In: a store. Out: the time that one in a hundred of its commits exceeds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use flow_runtime::prelude::*;
use flow_runtime::state::Delta;
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore, store};

/// How many tasks run one run after the other, and for how long.
const TASKS: usize = 32;
const TIME: Duration = Duration::from_secs(6);
/// How many bytes a run keeps.
const BYTES: usize = 4 << 10;

/// A store of which each commit is timed.
#[derive(Clone)]
struct Timed<S> {
    store: S,
    times: Arc<Mutex<Vec<Duration>>>,
}

impl<S: WorkflowStore> WorkflowStore for Timed<S> {
    store::hand_on!(|own| &own.store; all but commit);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        let start = Instant::now();
        let answer = self.store.commit(after, delta).await;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(start.elapsed());
        answer
    }
}

#[node]
async fn keep(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

workflow! {
    /// Keeps its input, and gives it.
    pub(crate) fn kept(bytes: Vec<u8>) -> Vec<u8> { keep(bytes) }
}

/// The time that one in a hundred commits exceeds while runs are made and deleted.
pub(crate) async fn tail(store: impl WorkflowStore + Clone) -> anyhow::Result<Duration> {
    let timed = Timed { store, times: Arc::default() };
    let engine = Engine::builder(timed.clone()).concurrency(TASKS).build();
    let end = Instant::now() + TIME;
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(come_and_go(engine.clone(), task, end))).collect();
    for task in tasks {
        task.await??;
    }
    let mut all = std::mem::take(&mut *timed.times.lock().unwrap_or_else(PoisonError::into_inner));
    all.sort_unstable();
    all.get(all.len() * 99 / 100).copied().context("nothing was committed")
}

async fn come_and_go(engine: Engine, task: usize, end: Instant) -> anyhow::Result<()> {
    let mut noise = task as u64;
    for run in 0_u64.. {
        if Instant::now() > end {
            break;
        }
        let id = format!("run-{task}-{run}");
        kept(bytes(&mut noise)).run(&engine, &id).await?;
        // One in ten stays for a while, so that there is something to be copied.
        let last = if run % 10 == 0 { run.checked_sub(50) } else { Some(run) };
        if let Some(last) = last {
            engine.delete(&WorkflowId::new(format!("run-{task}-{last}"))?).await?;
        }
    }
    Ok(())
}

/// What a run keeps, which cannot be compressed.
pub(crate) fn bytes(noise: &mut u64) -> Vec<u8> {
    let next = || {
        *noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*noise >> 56) as u8
    };
    std::iter::repeat_with(next).take(BYTES).collect()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn b42_what_is_kept_survives_a_crash_at_each_commit() {
        flow_runtime::testing::crash_everywhere(|| super::kept(vec![7; 100])).await.unwrap();
    }
}
