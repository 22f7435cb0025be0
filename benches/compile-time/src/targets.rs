//! What the figures are to hold to. In: rows. Out: each target, judged.

use crate::row::{Check, Row};

/// A target, judged.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) figure: f64,
    /// The figure is to be at most this.
    pub(crate) at_most: f64,
}

/// Seconds that a workflow of 100 steps may take more than an empty one.
const SECONDS_OF_100: f64 = 0.3;

/// By what one of 1 000 steps may take more over an empty one than one of 100.
const RATIO_OF_1_000: f64 = 12.0;

impl Judged {
    pub(crate) fn holds(&self) -> bool {
        self.figure <= self.at_most
    }
}

/// The targets of one shape, which are about its first check: by the clock, and by processor time, which others on the
/// machine disturb less. On one that has nothing else to do they are nearly the same.
pub(crate) fn of(rows: &[Row]) -> Vec<Judged> {
    let clock = judge(rows, "time", |row| row.over_empty_ms);
    let processor = judge(rows, "processor time", |row| row.cpu_over_empty_ms);
    clock.into_iter().chain(processor).collect()
}

fn judge(rows: &[Row], what: &str, over_empty_ms: fn(&Row) -> f64) -> Vec<Judged> {
    let find = |steps| rows.iter().find(|row| row.check == Check::First && row.steps == steps);
    let Some(hundred) = find(100) else { return Vec::new() };
    let seconds = Judged {
        name: format!("{}: {what} of 100 steps over an empty workflow, s", hundred.shape),
        figure: over_empty_ms(hundred) / 1e3,
        at_most: SECONDS_OF_100,
    };
    let ratio = find(1_000).map(|thousand| Judged {
        name: format!("{}: {what} of 1 000 steps / 100, over an empty one", hundred.shape),
        figure: over_empty_ms(thousand) / over_empty_ms(hundred),
        at_most: RATIO_OF_1_000,
    });
    std::iter::once(seconds).chain(ratio).collect()
}
