//! A store of one's own, and a run that outlives its engine in it: see `store.rs` for all that it takes.
//!
//! `cargo run --example custom_store` runs a workflow half, stops, and goes on in another engine; `cargo test --example
//! custom_store` runs the public conformance kit over the store.

mod store;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flow_runtime::observe::LineProgress;
use flow_runtime::prelude::*;
use tokio::sync::Notify;

use store::RedbStore;

/// Whether the kettle boils yet.
#[derive(Clone, Default)]
struct Kitchen {
    is_hot: bool,
    reached: Arc<Notify>,
}

#[node]
async fn fill(cups: u32) -> u32 {
    cups
}

#[node]
async fn boil(#[state] kitchen: &Kitchen, cups: u32) -> String {
    if !kitchen.is_hot {
        kitchen.reached.notify_one();
        std::future::pending::<()>().await;
    }
    format!("{cups} cups of tea")
}

workflow! {
    /// Makes tea.
    fn tea(cups: u32) -> String { boil(fill(cups)) }
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(make_tea().await)
}

async fn make_tea() -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let store = RedbStore::open(&folder.path().join("runs.redb"))?;

    let cold = Kitchen::default();
    let first = Engine::builder(store.clone()).state(cold.clone()).observe(LineProgress::stderr()).build();
    let run = tea(3).start(&first, "tea-1")?;
    cold.reached.notified().await;
    first.shutdown(Duration::ZERO).await; // while the kettle is on
    anyhow::ensure!(run.result().await.is_err(), "the kettle was not hot");

    let hot = Kitchen { is_hot: true, ..Kitchen::default() };
    let second = Engine::builder(store).state(hot).observe(LineProgress::stderr()).build();
    println!("{}", tea(3).run(&second, "tea-1").await?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    flow_runtime::testing::store_conformance!({
        let folder = tempfile::tempdir().unwrap();
        async move || RedbStore::open(&folder.path().join("runs.redb")).unwrap()
    });

    #[tokio::test]
    async fn b42_the_tea_survives_a_crash_at_each_commit() {
        let test =
            flow_runtime::testing::CrashTest::new(|| tea(3)).state(|| Kitchen { is_hot: true, ..Kitchen::default() });
        let test = test.store(|| {
            let folder = tempfile::tempdir().unwrap();
            move || RedbStore::open(&folder.path().join("runs.redb")).unwrap()
        });
        test.everywhere().await.unwrap();
    }

    #[tokio::test]
    async fn the_tea_is_made_in_two_goes() {
        assert_eq!(make_tea().await.unwrap(), ExitCode::SUCCESS);
    }
}
