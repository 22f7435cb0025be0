//! Runs without a record: the light ones, and what becomes of them when something else happens than that steps complete.
//!
//! An engine that somebody observes runs nothing light, so the same workflow on two engines must end alike.

mod alike;
mod cores;
mod over;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use flow_runtime::engine::Ephemeral;
use flow_runtime::prelude::*;
use tokio::sync::Semaphore;

/// What the bodies of a run did, and what they wait for.
#[derive(Clone, Default)]
struct World(Arc<Inside>);

struct Inside {
    log: Mutex<Vec<String>>,
    gate: Semaphore,
    now: AtomicU32,
    most: AtomicU32,
}

impl Default for Inside {
    fn default() -> Self {
        Self { log: Mutex::default(), gate: Semaphore::new(0), now: AtomicU32::new(0), most: AtomicU32::new(0) }
    }
}

impl World {
    fn note(&self, what: impl Into<String>) {
        self.0.log.lock().unwrap().push(what.into());
    }

    /// What was noted, sorted.
    fn noted(&self) -> Vec<String> {
        let mut noted = std::mem::take(&mut *self.0.log.lock().unwrap());
        noted.sort();
        noted
    }

    /// Waits until the test opens the gate for one.
    async fn wait(&self) {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        self.0.gate.acquire().await.unwrap().forget();
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn open(&self, count: usize) {
        self.0.gate.add_permits(count);
    }

    /// Waits until so many bodies wait at the gate.
    async fn waiting(&self, count: u32) {
        let there = async {
            while self.0.now.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        };
        soon(there).await;
    }
}

/// The same, but for ever is too long.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(std::time::Duration::from_secs(20), future).await.expect("it takes too long")
}

fn light(world: &World) -> Ephemeral<World> {
    Engine::ephemeral().state(world.clone()).build()
}
