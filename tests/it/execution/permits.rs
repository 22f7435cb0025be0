//! Permits: who waits for one, who holds one, and that none is held by somebody who does nothing with it.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::plan::Policy;
use flow_runtime::prelude::*;
use flow_runtime::testing::Graph;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::probe::Probe;
use super::stores::TestStore;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct App {
    probe: Probe,
    free: Arc<Notify>,
    alone: Arc<Notify>,
}

/// Of which only one may run at once: it holds the permit until it is told to let go.
#[node(concurrency = 1)]
async fn hold(#[state] app: &App, cx: &NodeContext) -> u64 {
    let _begun = app.probe.begin(cx.step());
    app.free.notified().await;
    1
}

#[node]
async fn refuse(#[state] app: &App, x: u64, cx: &NodeContext) -> Result<u64, String> {
    app.probe.begin(cx.step()).end();
    sleep(SECOND).await;
    Err(format!("no {x}"))
}

#[node]
async fn alone(#[state] app: &App, _before: &Vec<Result<u64, NodeFailure>>, cx: &NodeContext) -> u64 {
    let _begun = app.probe.begin(cx.step());
    app.alone.notify_one();
    sleep(1000 * SECOND).await;
    2
}

workflow! {
    fn holder() -> u64 { hold() }

    /// While a step of its item waits for its permit, the item fails; nobody wants that permit any more.
    fn wishes(x: u64) -> u64 {
        #[catch]
        let tried = for y in [x] {
            let a = refuse(y);
            let b = hold();
            a + b
        };
        alone(tried)
    }

}

/// A permit that comes when nobody wants it any more goes on to whoever does, also while the run that had asked for
/// it runs its only step.
#[tokio::test(start_paused = true)]
async fn b09_a_permit_that_nobody_wants_any_more_goes_back() {
    let app = App::default();
    let engine = Engine::builder(TestStore::new()).state(app.clone()).build();
    let held = holder().start(&engine, "holder").unwrap();
    tokio::task::yield_now().await;
    let wishes = wishes(1).start(&engine, "wishes").unwrap();
    app.alone.notified().await;
    assert_eq!(app.probe.begun(), ["hold", "tried[0].a", "alone"]);

    // The holder lets go, and another one begins beside `alone`.
    app.free.notify_one();
    assert_eq!(held.result().await.unwrap(), 1);
    let start = Instant::now();
    app.free.notify_one();
    assert_eq!(holder().run(&engine, "next").await.unwrap(), 1);
    assert!(start.elapsed() < SECOND, "it waited {:?}", start.elapsed());
    assert_eq!(wishes.result().await.unwrap(), 2);
}

/// Runs that come and go, with failures, time limits and shutdowns, leave every permit where it was.
#[tokio::test(start_paused = true)]
async fn b09_no_permit_is_lost_over_many_runs() {
    let engine = Engine::builder(TestStore::new()).concurrency(3).build();
    let limited = Policy::DEFAULT.with_concurrency(2).with_timeout(Some(2 * SECOND));
    let mut runs = Vec::new();
    for index in 0..40_u64 {
        let mut graph = Graph::<u64>::new("many");
        for step in 0..6_u64 {
            let policy = if step % 2 == 0 { limited } else { Policy::DEFAULT };
            graph.step_with(format!("s{step}"), &[], policy, move |_, _| {
                Box::pin(async move {
                    sleep(SECOND * ((index + step) % 4) as u32).await;
                    if (index * step) % 7 == 6 { Err("no".into()) } else { Ok(1) }
                })
            });
        }
        graph.step("join", &[0, 1, 2, 3, 4, 5], |_, _| Box::pin(async { Ok(1) }));
        let engine = engine.clone();
        runs.push(tokio::spawn(async move { graph.run(&engine, format!("r{index}")).await }));
    }
    let mut failed = 0;
    for run in runs {
        failed += u32::from(run.await.unwrap().is_err());
    }
    assert!(failed > 0 && failed < 40, "{failed} of 40 failed");

    let probe = Probe::default();
    let mut graph = Graph::<u64>::new("three");
    for step in 0..9 {
        let probe = probe.clone();
        graph.step(format!("s{step}"), &[], move |cx, _| {
            let begun = probe.begin(cx.step());
            Box::pin(async move {
                sleep(SECOND).await;
                begun.end();
                Ok(1)
            })
        });
    }
    timeout(4 * SECOND, graph.run(&engine, "last")).await.expect("three permits are there").unwrap();
    assert_eq!(probe.peak(), 3);
}
