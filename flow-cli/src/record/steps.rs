//! The steps of a run, in the order of its plan, those of opened regions below the step that opened them.
//!
//! In: a record, and what is to be seen of it. Out: lines. The items of a large fan-out are counted, and only those that
//! failed have lines.

use std::ops::Range;

use flow_runtime::WorkflowData;
use flow_runtime::plan::{Awaited, Region, StepKind};
use flow_runtime::state::{StepRef, StepState, StepStatus};
use serde::Serialize;

use super::value::Stored;
use super::{Failed, Wait, wait_of};
use crate::output::time;
use crate::words;

/// A fan-out of more items than this is counted.
const ITEMS: usize = 10;
/// How many failed items of it are shown.
const FAILED_ITEMS: usize = 20;

/// What is to be seen of the steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Every item of every fan-out.
    pub(crate) all: bool,
    /// Only steps that failed.
    pub(crate) failed: bool,
}

/// A line of the table of steps.
#[derive(Debug)]
pub(crate) enum Line {
    Step(StepRef),
    /// The items of a fan-out, by how they stand.
    Items {
        of: StepRef,
        counts: Vec<(StepStatus, usize)>,
    },
    /// So many failed items of it are not shown.
    More {
        of: StepRef,
        failed: usize,
    },
}

/// A step in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct StepFacts {
    path: String,
    status: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    attempts: u32,
    failures: u32,
    interruptions: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Wait>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Stored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    copied: bool,
    resets: u32,
}

impl Line {
    /// The step, if the line is one.
    pub(crate) const fn step(&self) -> Option<StepRef> {
        match self {
            Self::Step(step) => Some(*step),
            Self::Items { .. } | Self::More { .. } => None,
        }
    }
}

impl Lines {
    /// The lines for this record.
    pub(crate) fn of(self, data: &WorkflowData) -> Vec<Line> {
        let mut lines = Vec::new();
        self.collect(data, 0, &mut lines);
        lines
    }

    fn collect(self, data: &WorkflowData, instance: u32, lines: &mut Vec<Line>) {
        for step in steps_of(data, instance) {
            if !self.failed || has_failed(data.step(step).status) {
                lines.push(Line::Step(step));
            }
            let opened = data.opened_by(step);
            let is_fan = matches!(data.plan.step(step.local).kind, StepKind::Each { .. });
            if is_fan && opened.len() > ITEMS && !self.all && !self.failed {
                collect_items(data, step, opened, lines);
            } else {
                opened.for_each(|inner| self.collect(data, inner, lines));
            }
        }
    }
}

fn collect_items(data: &WorkflowData, of: StepRef, items: Range<u32>, lines: &mut Vec<Line>) {
    let mut counts: Vec<(StepStatus, usize)> = Vec::new();
    let mut failed = Vec::new();
    for item in items {
        let status = status_of(data, item);
        match counts.iter_mut().find(|(counted, _)| *counted == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((status, 1)),
        }
        if has_failed(status) {
            failed.push(item);
        }
    }
    counts.sort_by_key(|(status, _)| *status as u8);
    lines.push(Line::Items { of, counts });
    let only_failed = Lines { all: false, failed: true };
    failed.iter().take(FAILED_ITEMS).for_each(|item| only_failed.collect(data, *item, lines));
    if failed.len() > FAILED_ITEMS {
        lines.push(Line::More { of, failed: failed.len() - FAILED_ITEMS });
    }
}

/// How an item stands: as the step in it does that says most of it.
fn status_of(data: &WorkflowData, instance: u32) -> StepStatus {
    const SAYS_MOST: [StepStatus; 8] = [
        StepStatus::CompensationFailed,
        StepStatus::Failed,
        StepStatus::Running,
        StepStatus::Waiting,
        StepStatus::Pending,
        StepStatus::Cancelled,
        StepStatus::Skipped,
        StepStatus::Compensated,
    ];
    let found = |status: &StepStatus| steps_of(data, instance).any(|step| data.step(step).status == *status);
    SAYS_MOST.into_iter().find(found).unwrap_or(StepStatus::Completed)
}

fn steps_of(data: &WorkflowData, instance: u32) -> impl Iterator<Item = StepRef> + use<> {
    let region = data.instances.get(instance as usize).map(|instance| data.plan.region(instance.region));
    region.map(Region::locals).into_iter().flatten().map(move |local| StepRef::new(instance, local))
}

/// All steps of a record, in its order.
pub(crate) fn steps_in(data: &WorkflowData) -> impl Iterator<Item = StepRef> + '_ {
    (0..).zip(&data.instances).flat_map(|(instance, state)| {
        data.plan.region(state.region).locals().map(move |local| StepRef::new(instance, local))
    })
}

const fn has_failed(status: StepStatus) -> bool {
    matches!(status, StepStatus::Failed | StepStatus::CompensationFailed)
}

/// How many of the steps that are known have ended, and how many are known.
pub(crate) fn progress(data: &WorkflowData) -> (usize, usize) {
    (data.steps.iter().filter(|step| step.status.has_ended()).count(), data.steps.len())
}

impl StepFacts {
    /// A step of this record.
    pub(crate) fn of(data: &WorkflowData, step: StepRef) -> Self {
        let (state, plan) = (data.step(step), data.plan.step(step.local));
        let at = |at: i64| (at != 0).then(|| time::exact(at));
        let (kind, node) = kind(&plan.kind);
        Self {
            path: data.path(step),
            status: words::of_step(state.status),
            kind,
            node,
            attempts: state.attempts,
            failures: state.failures,
            interruptions: state.interruptions,
            started_at: at(state.started_at),
            ended_at: at(state.ended_at),
            took_ms: took(state).map(|nanos| nanos / 1_000_000),
            waits: wait_of(data, step).map(|(wait, _)| wait),
            error: state.error.as_deref().map(Failed::from),
            output: state.output.as_ref().map(Stored::from),
            opened: opened(data, step),
            signal: state.signal.as_deref().map(str::to_owned),
            copied: state.copied,
            resets: state.resets,
        }
    }
}

/// How long a step took, in nanoseconds, if it has ended.
pub(crate) const fn took(state: &StepState) -> Option<i64> {
    if state.started_at == 0 || state.ended_at == 0 {
        return None;
    }
    Some(state.ended_at.saturating_sub(state.started_at))
}

fn kind(kind: &StepKind) -> (&'static str, Option<String>) {
    match kind {
        StepKind::Call { awaits: Some(Awaited::Timer), .. } => ("timer", None),
        StepKind::Call { awaits: Some(_), .. } => ("signal", None),
        StepKind::Call { node, .. } => ("node", Some(node.to_string())),
        StepKind::Branch { .. } => ("branch", None),
        StepKind::Each { .. } => ("fan_out", None),
        StepKind::Sub { workflow, .. } => ("workflow", Some(workflow.to_string())),
        _ => ("unknown", None),
    }
}

/// What a step opened: the arm that was taken, or how many items there are.
pub(crate) fn opened(data: &WorkflowData, step: StepRef) -> Option<String> {
    let opened = data.opened_by(step);
    let first = data.instances.get(opened.start as usize).filter(|_| !opened.is_empty());
    match (&data.plan.step(step.local).kind, first) {
        (StepKind::Branch { .. }, Some(arm)) => Some(format!("took `{}`", data.plan.region(arm.region).label)),
        (StepKind::Each { .. }, _) if data.step(step).started_at != 0 => Some(match opened.len() {
            1 => "1 item".to_owned(),
            items => format!("{items} items"),
        }),
        _ => None,
    }
}
