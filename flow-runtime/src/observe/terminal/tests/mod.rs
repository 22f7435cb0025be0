//! What stands on the screen: as lines at a time that is said, and as a terminal shows what is drawn.

mod drawn;
mod ended;
mod under_way;

use std::time::Duration;

use tokio::time::Instant;

use super::board::Board;
use super::screen::{Look, Size, lines};
use crate::observe::{Measured, Notice, Reading, What};
use crate::plan::{Local, Plan};
use crate::state::{Cause, FailureKind, NodeFailure, RunOutcome, WorkflowId};

/// A board with a clock that is set by hand.
struct Stage {
    board: Board,
    begun: Instant,
    now: Instant,
    size: Size,
}

impl Stage {
    fn new() -> Self {
        let now = Instant::now();
        // Whether the tests themselves run in a terminal makes no difference.
        console::set_colors_enabled_stderr(false);
        Self { board: Board::default(), begun: now, now, size: Size { rows: 40, columns: 100 } }
    }

    /// So many milliseconds after the beginning.
    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = self.begun + Duration::from_millis(millis);
        self
    }

    fn run(&mut self, plan: &Plan, id: &str, what: What<'_>) -> &mut Self {
        let id = WorkflowId::new(id).unwrap();
        self.board.take(&Notice::new(plan, Some(&id), None, what), self.now);
        self
    }

    fn step(&mut self, plan: &Plan, id: &str, step: (Local, &str), what: What<'_>) -> &mut Self {
        let id = WorkflowId::new(id).unwrap();
        self.board.take(&Notice::new(plan, Some(&id), Some(step), what), self.now);
        self
    }

    fn starts(&mut self, plan: &Plan, id: &str, local: Local) -> &mut Self {
        let path = plan.step(local).id.to_string();
        self.step(plan, id, (local, &path), What::StepStarted { attempt: 1 })
    }

    fn completes(&mut self, plan: &Plan, id: &str, local: Local) -> &mut Self {
        let path = plan.step(local).id.to_string();
        self.step(plan, id, (local, &path), What::StepCompleted { attempt: 1, took: Duration::ZERO })
    }

    fn ends(&mut self, plan: &Plan, id: &str, outcome: RunOutcome, failures: &[NodeFailure]) -> &mut Self {
        let took = self.now - self.begun;
        self.run(plan, id, What::RunEnded { outcome, failures, took })
    }

    fn measures(&mut self, plan: &Plan, id: &str, measured: Measured) -> &mut Self {
        let id = WorkflowId::new(id).unwrap();
        self.board.measure(&Reading::new(plan, Some(&id), measured));
        self
    }

    fn lines(&self) -> Vec<String> {
        lines(&self.board, Look { slow_after: Duration::from_secs(60) }, self.size, self.now)
    }

    #[track_caller]
    fn shows(&mut self, expected: &[&str]) {
        assert_eq!(self.lines(), expected);
    }

    /// What is put above, to stay.
    #[track_caller]
    fn says(&mut self, expected: &[&str]) {
        let said = self.board.take_said().join("\n");
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }
}

fn failure(step: &str, attempt: u32, message: &str, causes: &[&str]) -> NodeFailure {
    let causes = causes.iter().map(|&cause| cause.to_owned()).collect();
    NodeFailure {
        step: step.to_owned(),
        kind: FailureKind::Error,
        attempt,
        message: message.to_owned(),
        cause: Cause::chain(causes),
        permanent: false,
    }
}
