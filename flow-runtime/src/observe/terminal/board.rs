//! What is known of the runs that are under way: a few counters, and the steps that do something at this moment.
//!
//! In: what observers are told. Out: the runs for [`screen`](super::screen), and lines that stay.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::ended;
use crate::observe::text::{one_line, shown};
use crate::observe::{Measured, Notice, Reading, What};
use crate::plan::{Plan, StepKind};
use crate::state::{Asked, RegionKind, WaitingOn, WorkflowId};

/// How many failed runs are told of at the end with all that is known of them.
const FAILURES: usize = 20;

/// The runs under way.
#[derive(Default)]
pub(super) struct Board {
    runs: HashMap<Key, Run>,
    /// How many of them are shown.
    here: usize,
    /// How many runs have been seen.
    seen: u64,
    /// Lines that stay, and are not on the screen yet.
    said: Vec<String>,
    /// What is said when nothing is under way any more: the failures.
    last: Vec<String>,
    /// How many failures there is no room for in `last`.
    unsaid: usize,
}

/// A run with a record by its id; those without by their workflow, together.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Recorded(WorkflowId),
    Unrecorded(String),
}

/// A run under way.
pub(super) struct Run {
    /// The place of the run among those that were seen.
    pub(super) number: u64,
    pub(super) workflow: String,
    pub(super) id: Option<String>,
    pub(super) begun: Instant,
    /// How many calls there are, as far as one knows.
    pub(super) known: usize,
    /// How many of them have ended.
    pub(super) done: usize,
    /// How many had ended before this process.
    pub(super) saved: usize,
    /// How many of them failed.
    pub(super) failed: usize,
    /// How many are undone.
    pub(super) undone: usize,
    pub(super) is_undone: bool,
    /// What somebody asked of it.
    pub(super) asked: Option<Asked>,
    pub(super) running: HashMap<String, Running>,
    pub(super) retries: HashMap<String, Retry>,
    /// What steps wait for.
    pub(super) waits: HashMap<String, String>,
    /// Whether the engine sees to it: one that was suspended and is not taken up yet is not shown.
    is_here: bool,
    /// How many runs it stands for, without records.
    lives: usize,
}

/// An attempt under way.
pub(super) struct Running {
    pub(super) since: Instant,
    pub(super) is_undo: bool,
    /// How far it says it is, and its words.
    pub(super) says: Option<(f64, String)>,
}

/// An attempt that follows.
pub(super) struct Retry {
    pub(super) attempt: u32,
    pub(super) due: Instant,
    pub(super) why: String,
}

impl Board {
    /// Takes in something that has happened.
    pub(super) fn take(&mut self, notice: &Notice<'_>, now: Instant) {
        let key = key_of(notice.id, notice.plan);
        if let What::RunEnded { outcome, failures, took } = notice.what {
            let Some(run) = self.leave(&key) else { return };
            if failures.is_empty() {
                return self.said.push(ended::line(&run, outcome, failures, took));
            }
            if self.shows_any() {
                self.said.push(ended::line(&run, outcome, failures, took));
            }
            return self.keep(ended::block(&run, outcome, failures, took));
        }
        let run = self.runs.entry(key).or_insert_with(|| {
            self.seen += 1;
            Run::new(self.seen, notice, now)
        });
        self.here += usize::from(!std::mem::replace(&mut run.is_here, true));
        run.take(notice, now);
    }

    /// Takes in what the engine does.
    pub(super) fn measure(&mut self, reading: &Reading<'_>) {
        let key = key_of(reading.id, reading.plan);
        match reading.measured {
            Measured::Left { parks: false } => {
                if let Some(run) = self.leave(&key) {
                    self.said.push(ended::stopped(&run));
                }
            }
            Measured::Driven | Measured::Suspended => self.set_here(&key, true),
            Measured::Woken => self.set_here(&key, false),
            _ => {}
        }
    }

    fn set_here(&mut self, key: &Key, is_here: bool) {
        if let Some(run) = self.runs.get_mut(key) {
            let was_here = std::mem::replace(&mut run.is_here, is_here);
            self.here = self.here + usize::from(is_here) - usize::from(was_here);
        }
    }

    /// Whether something is under way.
    pub(super) fn shows_any(&self) -> bool {
        self.here > 0
    }

    /// The runs that are shown, in the order in which they were seen.
    pub(super) fn shown(&self) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self.runs.values().filter(|run| run.is_here).collect();
        runs.sort_unstable_by_key(|run| run.number);
        runs
    }

    /// Lines that stay, and are not on the screen yet.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }

    /// The lines that are to stay; the failures with them if nothing is under way.
    pub(super) fn take_said(&mut self) -> Vec<String> {
        let mut said = std::mem::take(&mut self.said);
        if !self.shows_any() {
            said.append(&mut self.last);
            match std::mem::take(&mut self.unsaid) {
                0 => {}
                1 => said.push(ended::more("1 more run has failed")),
                more => said.push(ended::more(&format!("{more} more runs have failed"))),
            }
        }
        said
    }

    /// The engine is gone: nothing is under way any more.
    pub(super) fn close(&mut self) {
        let mut left: Vec<Run> = self.runs.drain().map(|(_, run)| run).filter(|run| run.is_here).collect();
        left.sort_unstable_by_key(|run| run.number);
        self.here = 0;
        self.said.extend(left.iter().map(ended::stopped));
    }

    /// Takes a run away that has come to an end; none if it stands for others that have not.
    fn leave(&mut self, key: &Key) -> Option<Run> {
        let run = self.runs.get_mut(key)?;
        run.lives = run.lives.saturating_sub(1);
        if run.lives > 0 {
            return None;
        }
        self.here -= usize::from(run.is_here);
        self.runs.remove(key)
    }

    fn keep(&mut self, block: Vec<String>) {
        if self.last.len() < FAILURES {
            self.last.push(block.join("\n"));
        } else {
            self.unsaid += 1;
        }
    }
}

fn key_of(id: Option<&WorkflowId>, plan: &Plan) -> Key {
    id.map_or_else(|| Key::Unrecorded(plan.workflow.to_string()), |id| Key::Recorded(id.clone()))
}

impl Run {
    fn new(number: u64, notice: &Notice<'_>, begun: Instant) -> Self {
        Self {
            number,
            workflow: shown(notice.workflow).into_owned(),
            id: notice.id.map(|id| shown(id.as_str()).into_owned()),
            begun,
            known: 0,
            done: 0,
            saved: 0,
            failed: 0,
            undone: 0,
            is_undone: false,
            asked: None,
            running: HashMap::new(),
            retries: HashMap::new(),
            waits: HashMap::new(),
            is_here: false,
            lives: 0,
        }
    }

    fn take(&mut self, notice: &Notice<'_>, now: Instant) {
        match &notice.what {
            What::RunCreated => {
                self.lives += 1;
                self.known += calls(notice.plan, 0);
            }
            What::RunResumed { saved, left } => self.resume(*saved, *left),
            What::Asked(Asked::Resume) => self.asked = None,
            What::Asked(asked) => self.asked = Some(*asked),
            What::RollbackStarted(_) => self.is_undone = true,
            _ => {}
        }
        if let (Some(step), Some(local)) = (notice.step, notice.local) {
            self.take_step(&shown(step), local, notice, now);
        }
    }

    fn take_step(&mut self, step: &str, local: u32, notice: &Notice<'_>, now: Instant) {
        match &notice.what {
            What::RegionOpened(kind) => self.known += opened(notice.plan, local, kind),
            What::StepStarted { .. } => self.begin(step, now, false),
            What::UndoStarted { .. } => self.begin(step, now, true),
            What::StepWaits(on) => {
                self.forget(step);
                self.waits.insert(step.to_owned(), waits_for(on));
            }
            What::AttemptFailed { attempt, failure, retry_in }
            | What::UndoAttemptFailed { attempt, failure, retry_in } => {
                self.again(step, *attempt, &failure.message, now, *retry_in);
            }
            What::StepCompleted { .. } => self.end(step),
            What::StepFailed { .. } => {
                if matches!(notice.plan.step(local).kind, StepKind::Call { .. }) {
                    self.end(step);
                }
                self.failed += 1;
            }
            What::UndoCompleted => {
                self.forget(step);
                self.undone += 1;
            }
            What::StepCancelled | What::StepReleased | What::UndoFailed { .. } => self.forget(step),
            What::Progress { fraction, message } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.says = Some((*fraction, one_line(message)));
                }
            }
            _ => {}
        }
    }

    /// Takes in that the run goes on from its record. What it knows of itself it keeps, if it was only suspended.
    fn resume(&mut self, saved: usize, left: usize) {
        if self.lives == 0 {
            (self.lives, self.saved, self.done) = (1, saved, saved);
        }
        self.known = self.done + left;
    }

    fn begin(&mut self, step: &str, since: Instant, is_undo: bool) {
        self.forget(step);
        self.running.insert(step.to_owned(), Running { since, is_undo, says: None });
    }

    fn again(&mut self, step: &str, failed: u32, message: &str, now: Instant, retry_in: Duration) {
        self.forget(step);
        let due = now.checked_add(retry_in).unwrap_or(now);
        let why = one_line(message);
        self.retries.insert(step.to_owned(), Retry { attempt: failed.saturating_add(1), due, why });
    }

    fn end(&mut self, step: &str) {
        self.forget(step);
        self.done += 1;
    }

    /// The step does nothing at this moment.
    fn forget(&mut self, step: &str) {
        self.running.remove(step);
        self.retries.remove(step);
        self.waits.remove(step);
    }
}

/// How many calls a region has.
fn calls(plan: &Plan, region: u32) -> usize {
    plan.steps_of(region).iter().filter(|step| matches!(step.kind, StepKind::Call { .. })).count()
}

/// How many calls a step opens.
fn opened(plan: &Plan, local: u32, kind: &RegionKind) -> usize {
    match (kind, &plan.step(local).kind) {
        (RegionKind::Arm { index, .. }, StepKind::Branch { arms }) => {
            arms.get(*index as usize).map_or(0, |&arm| calls(plan, arm))
        }
        (RegionKind::Items(items), StepKind::Each { body }) => *items as usize * calls(plan, *body),
        (RegionKind::Sub, StepKind::Sub { body, .. }) => calls(plan, *body),
        _ => 0,
    }
}

fn waits_for(on: &WaitingOn) -> String {
    match on {
        WaitingOn::Timer(_) => "a point in time".to_owned(),
        WaitingOn::Signal { name, .. } => format!("signal `{}`", shown(name)),
        WaitingOn::Doubt(attempt) => format!("somebody's word on attempt {attempt}"),
    }
}
