//! An application, in the process of the tests: an engine over a store, beside which `flow` is run as another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flow_runtime::engine::{EngineBuilder, Progress};
use flow_runtime::prelude::*;
use flow_runtime::{WorkflowData, WorkflowId};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::stores::Store;

/// More bytes than any store keeps in a record.
pub(crate) const LARGE: usize = 1_200_000;

/// What the workflows of the application work with.
#[derive(Clone, Default)]
pub(crate) struct App {
    /// Whether the port is open to which things are shipped.
    is_open: Arc<AtomicBool>,
    launched: Arc<Notify>,
}

/// A value that only the application knows the type of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) yes: bool,
    pub(crate) by: String,
}

#[node]
async fn pack(parcels: u32) -> u32 {
    parcels
}

#[node]
async fn ship(#[state] app: &App, parcels: u32) -> Result<u32, String> {
    if app.is_open.load(Ordering::SeqCst) { Ok(parcels) } else { Err("the port is closed".to_owned()) }
}

/// An attempt that nobody hears from again.
#[node(at_most_once)]
async fn launch(#[state] app: &App) -> Answer {
    app.launched.notify_one();
    std::future::pending().await
}

#[node]
async fn read() -> Vec<u8> {
    let next = |x: &u32| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1), next).map(|x| (x >> 24) as u8).take(LARGE).collect()
}

workflow! { pub(crate) fn asks() -> Answer { #[with(timeout = "900d")] wait_for::<Answer>("answer") } }
workflow! { pub(crate) fn asks_whether() -> bool { wait_for::<bool>("answer") } }
workflow! { pub(crate) fn delivers(parcels: u32) -> u32 { ship(pack(parcels)) } }
workflow! { pub(crate) fn mission() -> Answer { launch() } }
workflow! { pub(crate) fn reads() -> Vec<u8> { read() } }

/// An application that has a store open. Dropping it ends it.
pub(crate) struct Application {
    engine: Engine<App>,
    app: App,
    runtime: Runtime,
}

impl Application {
    /// Begins over this store, and goes on with the runs in it.
    pub(crate) fn on(store: &Store) -> Self {
        Self::of(store, App::default())
    }

    /// Begins over this store, while the port is open.
    pub(crate) fn with_open_port(store: &Store) -> Self {
        let app = App::default();
        app.is_open.store(true, Ordering::SeqCst);
        Self::of(store, app)
    }

    fn of(store: &Store, app: App) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let guard = runtime.enter();
        let engine = built(store.open().engine(), &app);
        drop(guard);
        runtime.block_on(engine.recover()).expect("runs");
        Self { engine, app, runtime }
    }

    /// What comes of something that is done with the engine.
    pub(crate) fn wait<T>(&self, act: impl AsyncFnOnce(&Engine<App>) -> T) -> T {
        self.runtime.block_on(act(&self.engine))
    }

    /// Has a run wait for its answer.
    pub(crate) fn has_asked(&self, run: &str) {
        let progress = self.wait(async |engine| asks().run_until_parked(engine, run).await).expect("it goes on");
        assert!(matches!(progress, Progress::Parked(_)), "it waits");
    }

    /// Has a run launch something, of which nobody knows how it ended.
    pub(crate) fn has_launched(store: &Store, run: &str) {
        Self::on(store).begin_launch(run);
    }

    /// Has a run begin to launch something.
    pub(crate) fn begin_launch(&self, run: &str) {
        let _handle = self.wait(async |engine| mission().start(engine, run)).expect("it begins");
        self.has_launched_again();
    }

    /// Waits until something is launched once more.
    pub(crate) fn has_launched_again(&self) {
        self.wait(async |_| self.app.launched.notified().await);
    }

    pub(crate) fn open_the_port(&self) {
        self.app.is_open.store(true, Ordering::SeqCst);
    }

    pub(crate) fn record(&self, run: &str) -> WorkflowData {
        self.wait(async |engine| engine.load(&WorkflowId::new(run).expect("an id")).await).expect("a record")
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.runtime.block_on(self.engine.shutdown(Duration::ZERO));
    }
}

fn built(builder: EngineBuilder, app: &App) -> Engine<App> {
    builder
        .state(app.clone())
        .register::<asks>()
        .register::<asks_whether>()
        .register::<delivers>()
        .register::<mission>()
        .register::<reads>()
        .build()
}
