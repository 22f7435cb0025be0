//! What is under way, as lines of a terminal.
//!
//! In: the runs, a time, and how large the terminal is. Out: a bar for each run, and the steps that do something.

use std::time::Duration;

use console::{Style, measure_text_width, truncate_str};
use tokio::time::Instant;

use super::board::{Board, Retry, Run, Running};
use crate::state::Asked;

/// How many runs, running steps, retries and waits are shown.
const RUNS: usize = 8;
const STEPS: usize = 8;
const RETRIES: usize = 4;
const WAITS: usize = 4;

/// The width of a bar without its brackets, in columns.
const BAR: usize = 20;

/// How the lines are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// From when on a step is marked as slow.
    pub(super) slow_after: Duration,
}

/// How many lines and columns a terminal has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: u16,
    pub(super) columns: u16,
}

/// A line below the bar of a run, by the number of that run.
type Row = (u64, String);

/// The lines of the screen: what was said and is not above it yet, then what is under way.
pub(super) fn lines(board: &Board, look: Look, size: Size, now: Instant) -> Vec<String> {
    let mut runs = board.shown();
    // One more bar than fits would push the steps off the screen.
    let room = usize::from(size.rows).saturating_sub(STEPS + RETRIES + WAITS + 4).clamp(1, RUNS);
    let more = runs.len().saturating_sub(room);
    runs.truncate(room);
    let (running, more_running) = running(&runs, look, now);
    let (retries, more_retries) = retries(&runs, now);
    let (waits, more_waits) = waits(&runs);
    let rows: Vec<Row> = [running, retries, waits].concat();
    let mut lines: Vec<String> = board.said().iter().flat_map(|said| said.lines()).map(str::to_owned).collect();
    for run in &runs {
        lines.push(bar(run, now));
        lines.extend(rows.iter().filter(|(number, _)| *number == run.number).map(|(_, row)| row.clone()));
    }
    let more =
        [(more_running, "running"), (more_retries, "to be tried again"), (more_waits, "waiting"), (more, "runs")];
    let told: Vec<String> =
        more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} more {what}")).collect();
    if !told.is_empty() {
        lines.push(format!("{} … and {}", word(""), told.join(", ")));
    }
    let columns = usize::from(size.columns).max(1);
    lines.iter().map(|line| truncate_str(line, columns, "…").into_owned()).collect()
}

/// The bar of a run with its counters.
fn bar(run: &Run, now: Instant) -> String {
    let state = match run.asked {
        _ if run.is_undone => "undoing",
        Some(Asked::Pause) => "paused",
        Some(Asked::Cancel | Asked::Terminate) => "stopping",
        _ if run.running.is_empty() && run.retries.is_empty() && !run.waits.is_empty() => "waiting",
        _ => "running",
    };
    let filled = (run.done * BAR).checked_div(run.known).unwrap_or(0).min(BAR);
    let head = if filled < BAR { ">" } else { "" };
    let bar = format!("[{:<BAR$}]", format!("{}{head}", "=".repeat(filled)));
    let mut line = format!("{} {bar} {:>3}/{} {}", good(&word(state)), run.done, run.known, named(run));
    let counts = [(run.saved, "saved"), (run.failed, "failed"), (run.undone, "undone")];
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}, "));
    line.push_str(": ");
    line.extend(told);
    line.push_str(&seconds(now.saturating_duration_since(run.begun)));
    line
}

/// The steps that run, those first that have run longest; and how many there is no room for.
fn running(runs: &[&Run], look: Look, now: Instant) -> (Vec<Row>, usize) {
    let all = runs.iter().flat_map(|run| run.running.iter().map(|of| (run.number, of)));
    let mut all: Vec<_> = all.collect();
    let more = all.len().saturating_sub(STEPS);
    all.sort_unstable_by_key(|(number, (step, running))| (running.since, *number, *step));
    let row = |(number, (step, running)): &(u64, (&String, &Running))| (*number, running_row(step, running, look, now));
    (all.iter().take(STEPS).map(row).collect(), more)
}

fn running_row(step: &str, running: &Running, look: Look, now: Instant) -> String {
    let took = now.saturating_duration_since(running.since);
    let mark = match (took >= look.slow_after, running.is_undo) {
        (true, _) => warn(&word("SLOW")),
        (false, true) => word("undo"),
        (false, false) => word(""),
    };
    let says = running.says.as_ref().map(|(fraction, message)| format!(" {:.0} % {message}", fraction * 100.0));
    format!("{mark} {:>6} {step}{}", seconds(took), says.unwrap_or_default())
}

/// The attempts that follow, the next ones first.
fn retries(runs: &[&Run], now: Instant) -> (Vec<Row>, usize) {
    let all = runs.iter().flat_map(|run| run.retries.iter().map(|of| (run.number, of)));
    let mut all: Vec<_> = all.collect();
    let more = all.len().saturating_sub(RETRIES);
    all.sort_unstable_by_key(|(number, (step, retry))| (retry.due, *number, *step));
    let row = |(number, (step, retry)): &(u64, (&String, &Retry))| (*number, retry_row(step, retry, now));
    (all.iter().take(RETRIES).map(row).collect(), more)
}

fn retry_row(step: &str, retry: &Retry, now: Instant) -> String {
    let left = seconds(retry.due.saturating_duration_since(now));
    format!("{} {left:>6} {step}: attempt {} after: {}", warn(&word("again in")), retry.attempt, retry.why)
}

/// The steps that wait for something outside.
fn waits(runs: &[&Run]) -> (Vec<Row>, usize) {
    let all = runs.iter().flat_map(|run| run.waits.iter().map(|(step, on)| (run.number, step, on)));
    let mut all: Vec<_> = all.collect();
    let more = all.len().saturating_sub(WAITS);
    all.sort_unstable();
    let row = |(number, step, on): &(u64, &String, &String)| {
        (*number, format!("{} {:>6} {step}: for {on}", word("waits"), ""))
    };
    (all.iter().take(WAITS).map(row).collect(), more)
}

/// A run by its names.
pub(super) fn named(run: &Run) -> String {
    match &run.id {
        Some(id) => format!("{} {id}", run.workflow),
        None => run.workflow.clone(),
    }
}

/// A word in the first column.
pub(super) fn word(word: &str) -> String {
    format!("{word:>10}")
}

/// A length of time, as exact as one reads it.
pub(super) fn seconds(time: Duration) -> String {
    let (seconds, tenths) = (time.as_secs(), time.subsec_millis() / 100);
    match seconds {
        0..10 => format!("{seconds}.{tenths}s"),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

pub(super) fn good(text: &str) -> String {
    styled(text, Style::green)
}

pub(super) fn bad(text: &str) -> String {
    styled(text, Style::red)
}

fn warn(text: &str) -> String {
    styled(text, Style::yellow)
}

/// In colour, where standard error has colours and `NO_COLOR` does not forbid them.
fn styled(text: &str, colour: fn(Style) -> Style) -> String {
    if measure_text_width(text.trim()) == 0 {
        return text.to_owned();
    }
    colour(Style::new().for_stderr().bold()).apply_to(text).to_string()
}
