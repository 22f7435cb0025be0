//! Pictures of runs that happened, and of workflows on their pages in rustdoc.

mod rustdoc;

use std::sync::atomic::{AtomicU32, Ordering};

use flow_runtime::plan::Format;
use flow_runtime::prelude::*;
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};

/// How often `flaky` was tried.
#[derive(Default)]
struct Tries(AtomicU32);

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn flaky(#[state] tries: &Tries, x: u64) -> Result<u64, String> {
    if tries.0.fetch_add(1, Ordering::SeqCst) == 0 { Err("not yet".to_owned()) } else { Ok(x) }
}

#[node]
async fn odd_only(x: u64) -> Result<u64, String> {
    if x % 2 == 1 { Ok(x) } else { Err("even".to_owned()) }
}

#[node]
async fn count(xs: &[Result<u64, NodeFailure>]) -> u64 {
    xs.len() as u64
}

#[node]
async fn show(x: u64) -> u64 {
    x
}

workflow! {
    fn inner(x: u64) -> u64 {
        let shown = show(x);
        shown + 1
    }

    fn all_kinds(xs: Vec<u64>) -> u64 {
        let first = flaky(xs.len() as u64);
        let odd = for x in xs {
            #[catch]
            let one = odd_only(x);
            one
        };
        let many = count(odd);
        let way = if many > 100 { #[id = "large"] show(many) } else { let small = inner(many); small };
        let word = approval("boss");
        #[after(word)]
        #[id = "last"]
        show(way + first)
    }

    fn fails(x: u64) -> u64 {
        let odd = odd_only(x);
        let way = if odd > 1 { #[id = "large"] show(odd) } else { 0 };
        way
    }
}

async fn record(store: &InMemoryStore, id: &str) -> WorkflowData {
    store.load(&WorkflowId::new(id).unwrap()).await.unwrap()
}

/// The text without how long each thing took, which is another time each time.
fn without_times(text: &str) -> String {
    let line = |line: &str| match line.split_once(" in ") {
        Some((before, after)) => {
            let rest = after.strip_prefix("up to ").unwrap_or(after).split_once(',').map_or("", |(_, rest)| rest);
            format!("{before}{}{rest}\n", if rest.is_empty() { "" } else { "," })
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn a_run_that_waits_is_drawn_with_all_that_has_happened() {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(Tries::default()).build();
    all_kinds(vec![1, 2, 3]).run_until_parked(&engine, "run-1").await.unwrap();
    let record = record(&store, "run-1").await;
    let expected = "\
all_kinds v1 (xs: Vec<u64>) -> u64
run run-1: suspended
✓ first (flaky)                         completed, 2 attempts
✓ for each odd                          completed, 3 of 3 items completed
✗   one (odd_only) [catch]              1 failed, 2 completed, caught
✓ many (count) <- odd                   completed
✓ match way <- many                     completed
    then =>                             not taken
–     large (show) <- many              bypassed
    else =>
✓     workflow small (inner) <- many    completed
✓       shown (show)                    completed
… word (approval)                       waiting for signal `boss`
· last (show) <- first, way after word  pending
";
    let text = without_times(&record.render(Format::Text));
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_run_that_failed_is_drawn_with_what_never_came() {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).build();
    fails(2).run(&engine, "run-2").await.unwrap_err();
    let text = without_times(&record(&store, "run-2").await.render(Format::Text));
    let expected = "\
fails v1 (x: u64) -> u64
run run-2: failed
✗ odd (odd_only)           failed
– match way <- odd         skipped
    then =>                not taken
–     large (show) <- odd  skipped
    else =>                not taken
";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn every_format_shows_how_a_run_stands() {
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(Tries::default()).build();
    all_kinds(vec![1, 2, 3]).run_until_parked(&engine, "run-1").await.unwrap();
    let run = record(&store, "run-1").await;
    for format in [Format::Text, Format::Mermaid, Format::Dot, Format::Svg] {
        let drawn = run.render(format);
        for words in
            ["run run-1: suspended", "3 of 3 items completed", "2 attempts", "waiting for signal `boss`", "bypassed"]
        {
            assert!(drawn.contains(words), "no `{words}` in {drawn}");
        }
        assert_eq!(drawn, run.render(format), "each time the same");
    }
}
