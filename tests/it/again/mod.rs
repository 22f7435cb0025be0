//! Runs that have ended and go on, runs made from others, and steps of which nobody knows how they ended. On every store
//! that keeps requests.

mod doubt;
mod fork;
mod interruptions;
mod retry;
mod retry_regions;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_runtime::engine::EngineBuilder;
use flow_runtime::prelude::*;
use flow_runtime::state::WorkflowStatus;
use flow_runtime::testing::VirtualClock;
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};
use tokio::sync::Notify;

/// What the bodies do, and what they did. It outlives the engines of a test.
#[derive(Clone, Default)]
struct Lab(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The steps that ran, with their keys.
    ran: Mutex<Vec<(String, String)>>,
    /// The steps that fail.
    broken: Mutex<BTreeSet<String>>,
    /// The steps that run until they are told to end.
    held: Mutex<BTreeSet<String>>,
    /// What `read` gives.
    value: AtomicU32,
    begun: Notify,
    open: Notify,
}

impl Lab {
    fn breaks(&self, steps: &[&str]) {
        *self.0.broken.lock().unwrap() = steps.iter().map(ToString::to_string).collect();
    }

    fn holds(&self, steps: &[&str]) {
        *self.0.held.lock().unwrap() = steps.iter().map(ToString::to_string).collect();
    }

    fn gives(&self, value: u32) {
        self.0.value.store(value, Ordering::SeqCst);
    }

    async fn begins(&self, cx: &NodeContext) -> Result<(), String> {
        let step = cx.step();
        self.0.ran.lock().unwrap().push((step.clone(), cx.idempotency_key()));
        let (is_held, is_broken) =
            (self.0.held.lock().unwrap().contains(&step), self.0.broken.lock().unwrap().contains(&step));
        if is_held {
            self.0.begun.notify_one();
            self.0.open.notified().await;
        }
        if is_broken { Err("broken".to_owned()) } else { Ok(()) }
    }

    fn undoes(&self, x: u32) -> Result<(), String> {
        let is_broken = self.0.broken.lock().unwrap().contains(&format!("undo {x}"));
        if is_broken { Err("cannot be undone".to_owned()) } else { Ok(()) }
    }

    /// The steps that ran since this was asked last, sorted.
    fn ran(&self) -> Vec<String> {
        self.ran_under().into_iter().map(|(step, _)| step).collect()
    }

    /// The same with their keys.
    fn ran_under(&self) -> Vec<(String, String)> {
        let mut ran = std::mem::take(&mut *self.0.ran.lock().unwrap());
        ran.sort();
        ran
    }
}

#[node]
async fn work(#[state] lab: &Lab, cx: &NodeContext, x: u32) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(x + 1)
}

#[node]
async fn read(#[state] lab: &Lab, cx: &NodeContext) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(lab.0.value.load(Ordering::SeqCst))
}

#[node]
async fn add(#[state] lab: &Lab, cx: &NodeContext, a: u32, b: u32) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(a + b)
}

#[node]
async fn total(#[state] lab: &Lab, cx: &NodeContext, all: &[u32]) -> Result<u32, String> {
    lab.begins(cx).await?;
    Ok(all.iter().sum())
}

const KEY: Key<u32> = Key::new("written");

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[node]
async fn write(#[state] lab: &Lab, cx: &NodeContext, x: u32) -> Result<u32, AnyError> {
    lab.begins(cx).await?;
    cx.set(KEY, &x)?;
    Ok(x)
}

#[node]
async fn recall(#[state] lab: &Lab, cx: &NodeContext, x: u32) -> Result<u32, AnyError> {
    lab.begins(cx).await?;
    Ok(cx.get(KEY)?.unwrap_or(100) + x)
}

/// A store, a clock and bodies that outlive the engines of a test.
#[derive(Clone)]
struct World<D> {
    store: D,
    clock: VirtualClock,
    lab: Lab,
}

impl<D: WorkflowStore + Clone> World<D> {
    fn new(store: D) -> Self {
        Self { store, clock: VirtualClock::new(), lab: Lab::default() }
    }

    fn builder(&self) -> EngineBuilder<Lab> {
        Engine::builder(self.store.clone()).state(self.lab.clone()).clock(self.clock.clone())
    }

    /// An engine, as a process that begins makes it.
    fn engine(&self) -> Engine<Lab> {
        self.builder().build()
    }

    async fn stored(&self, id: &str) -> WorkflowData {
        self.store.load(&WorkflowId::new(id).unwrap()).await.unwrap()
    }

    async fn comes_to(&self, id: &str, status: WorkflowStatus) {
        soon(async {
            while self.store.load(&WorkflowId::new(id).unwrap()).await.map(|data| data.status).ok() != Some(status) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// A process that starts something on an engine, and is killed when the body that is held has begun.
    async fn is_killed(&self, start: impl FnOnce(&Engine<Lab>) + Send + 'static) {
        self.with_killed(self.engine(), start).await;
    }

    async fn with_killed(&self, engine: Engine<Lab>, start: impl FnOnce(&Engine<Lab>) + Send + 'static) {
        let lab = self.lab.clone();
        let killed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                start(&engine);
                soon(lab.0.begun.notified()).await;
            });
            // Its tasks go first, so nothing of the end of the engine reaches them.
            drop(runtime);
            drop(engine);
        });
        tokio::task::spawn_blocking(move || killed.join().unwrap()).await.unwrap();
    }
}

use crate::waits::{on_every_store, parked};

/// Fails the test instead of letting it wait for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it did not come to its end")
}
