//! The bar of a run, on a terminal.
//!
//! In: the record each time. Out: how many steps have ended, and below at most 8 that run, the longest first.

use flow_runtime::state::{StepRef, StepStatus, Timestamp};
use flow_runtime::{WorkflowData, WorkflowId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::{escaped, time};
use crate::record::{progress, steps_in, wait_of};
use crate::session::Session;
use crate::words;

/// How many steps have a line below the bar.
const LINES: usize = 8;

/// The bar, and the lines below it. Off a terminal there is none.
pub(super) struct Bar {
    drawn: Option<(MultiProgress, ProgressBar, Vec<ProgressBar>)>,
}

impl Bar {
    /// A bar on standard error, if that and the output are a terminal.
    pub(super) fn new(session: &Session) -> Self {
        if !session.out.draws() {
            return Self { drawn: None };
        }
        let all = MultiProgress::new();
        // The templates are our own, so they are right.
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {msg}");
        let bar = all.add(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
        Self { drawn: Some((all, bar, Vec::new())) }
    }

    /// Whether there is a bar.
    pub(super) fn is_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Says that the run is not there yet.
    pub(super) fn wait_for(&self, run: &WorkflowId) {
        if let Some((_, bar, _)) = &self.drawn {
            bar.set_message(escaped(&format!("{run} is not there yet")).into_owned());
        }
    }

    /// Draws the run as it stands.
    pub(super) fn draw(&mut self, data: &WorkflowData, now: Timestamp) {
        let Some((all, bar, lines)) = &mut self.drawn else { return };
        let (ended, known) = progress(data);
        bar.set_length(known as u64);
        bar.set_position(ended as u64);
        bar.set_message(escaped(&format!("{} {}", data.id, words::of_run(data.status))).into_owned());
        let texts = texts(data, now);
        while lines.len() > texts.len() {
            lines.pop().iter().for_each(ProgressBar::finish_and_clear);
        }
        while lines.len() < texts.len() {
            let style = ProgressStyle::with_template("  {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            lines.push(all.add(ProgressBar::new_spinner().with_style(style)));
        }
        lines.iter().zip(texts).for_each(|(line, text)| line.set_message(escaped(&text).into_owned()));
    }

    /// Takes everything away.
    pub(super) fn clear(&mut self) {
        if let Some((all, ..)) = self.drawn.take() {
            // If the terminal is gone, so is the bar.
            let _ = all.clear();
        }
    }
}

/// What runs or waits, in a line each.
fn texts(data: &WorkflowData, now: Timestamp) -> Vec<String> {
    let mut under_way: Vec<StepRef> = steps_in(data).filter(|step| is_under_way(data, *step)).collect();
    under_way.sort_by_key(|step| data.step(*step).started_at);
    let rest = under_way.len().saturating_sub(LINES);
    under_way.truncate(LINES);
    let mut texts: Vec<String> = under_way.into_iter().map(|step| text(data, step, now)).collect();
    if let (1.., Some(last)) = (rest, texts.last_mut()) {
        *last = format!("{last}  and {rest} more");
    }
    texts
}

fn is_under_way(data: &WorkflowData, step: StepRef) -> bool {
    let state = data.step(step);
    let is_running = state.status == StepStatus::Running && state.opened_len == 0;
    is_running || wait_of(data, step).is_some()
}

fn text(data: &WorkflowData, step: StepRef, now: Timestamp) -> String {
    let state = data.step(step);
    let path = data.path(step);
    if let Some((wait, due)) = wait_of(data, step) {
        return format!("{path}  {}", wait.in_words(due, now));
    }
    let so_far = time::duration(now.saturating_sub(state.started_at).max(0));
    let attempt = if state.attempts > 1 { format!(", attempt {}", state.attempts) } else { String::new() };
    format!("{path}  {so_far}{attempt}")
}
