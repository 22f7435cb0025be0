//! What a terminal shows of what is drawn, with runs of an engine.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::{Mode, Screen, TerminalProgress, lock};
use super::Size;
use crate::testing::Graph;
use crate::{Engine, InMemoryStore, RunError};

/// A progress that is drawn when it is told to, and the terminal that shows it.
fn terminal() -> (TerminalProgress, InMemoryTerm) {
    console::set_colors_enabled_stderr(false);
    let term = InMemoryTerm::new(30, 80);
    let (drawn_on, size) = (term.clone(), Size { rows: 30, columns: 80 });
    let target = move || ProgressDrawTarget::term_like(Box::new(drawn_on.clone()));
    (TerminalProgress::with(Mode::Screen(Screen::new(move || size, target, None))), term)
}

impl TerminalProgress {
    fn draw(&self) {
        let Mode::Screen(screen) = &*self.mode else { panic!("it writes lines") };
        lock(&screen.bar).as_ref().expect("something is under way").tick();
    }

    fn draws(&self) -> bool {
        matches!(&*self.mode, Mode::Screen(screen) if lock(&screen.bar).is_some())
    }
}

/// A workflow of two steps, of which the second waits to be let go on, and then panics if it is told to.
fn order(panics: bool) -> (Graph<u64>, Arc<Notify>, Arc<Notify>) {
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = (reached.clone(), go_on.clone());
    let mut graph = Graph::new("order");
    let charge = graph.step("charge", &[], |_, _| Box::pin(async { Ok(1) }));
    graph.step("ship", &[charge], move |_, _| {
        let (reached, go_on) = told.clone();
        Box::pin(async move {
            reached.notify_one();
            go_on.notified().await;
            assert!(!panics, "it\r\u{1b}[2J fell down");
            Ok(2)
        })
    });
    (graph, reached, go_on)
}

fn start(graph: &Graph<u64>, engine: &Engine) -> JoinHandle<Result<u64, RunError>> {
    let (graph, engine) = (graph.clone(), engine.clone());
    tokio::spawn(async move { graph.run(&engine, "o-1").await })
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_drawn_over_and_what_ended_stays() {
    let (progress, term) = terminal();
    let engine = Engine::builder(InMemoryStore::default()).observe(progress.clone()).build();
    let (graph, reached, go_on) = order(false);
    let run = start(&graph, &engine);
    reached.notified().await;
    progress.draw();
    assert_eq!(term.contents(), "   running [==========>         ]   1/2 order o-1: 0.0s\n             0.0s ship");
    tokio::time::advance(Duration::from_secs(75)).await;
    progress.suspend(|| indicatif::TermLike::write_line(&term, "said by somebody else").unwrap());
    assert_eq!(
        term.contents(),
        "said by somebody else\n   running [==========>         ]   1/2 order o-1: 1m15s\n      SLOW  1m15s ship"
    );
    go_on.notify_one();
    assert_eq!(run.await.unwrap().unwrap(), 2);
    assert!(!progress.draws());
    let ended = term.contents();
    assert!(ended.starts_with("said by somebody else\n      done order o-1 in "), "{ended}");
    assert_eq!(ended.lines().count(), 2, "{ended}");
}

#[tokio::test]
async fn after_a_panic_of_a_step_the_screen_has_the_failure_and_no_more() {
    let (progress, term) = terminal();
    let engine = Engine::builder(InMemoryStore::default()).observe(progress.clone()).build();
    let (graph, reached, go_on) = order(true);
    let run = start(&graph, &engine);
    reached.notified().await;
    progress.draw();
    go_on.notify_one();
    run.await.unwrap().unwrap_err();
    let shown = term.contents();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("    failed order o-1 in "), "{shown}");
    assert_eq!(
        lines[1..],
        ["           ship: it \\u{1b}[2J fell down", "      next flow show o-1", "           flow retry o-1"]
    );
    assert!(!progress.draws());
}

#[tokio::test]
async fn an_engine_that_stops_leaves_the_screen_clean() {
    let (progress, term) = terminal();
    let engine = Engine::builder(InMemoryStore::default()).observe(progress.clone()).build();
    let (graph, reached, _go_on) = order(false);
    let run = start(&graph, &engine);
    reached.notified().await;
    progress.draw();
    engine.shutdown(Duration::ZERO).await;
    run.await.unwrap().unwrap_err();
    assert!(!progress.draws(), "the caller may write to the terminal");
    assert_eq!(term.contents(), "   stopped order o-1, 1 of 2 steps; run it again and it goes on");
}

#[test]
fn a_runtime_that_is_dropped_leaves_the_screen_clean() {
    let (progress, term) = terminal();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = runtime.block_on(async {
        let engine = Engine::builder(InMemoryStore::default()).observe(progress.clone()).build();
        let (graph, reached, _go_on) = order(false);
        start(&graph, &engine);
        reached.notified().await;
        progress.draw();
        engine
    });
    drop(runtime);
    drop(engine);
    assert!(!progress.draws());
    assert!(term.contents().starts_with("   stopped order o-1, 1 of 2 steps"), "{}", term.contents());
}

/// The tests run without a terminal.
#[test]
fn without_a_terminal_it_writes_lines() {
    assert!(matches!(&*TerminalProgress::new().mode, Mode::Lines(_)));
}
