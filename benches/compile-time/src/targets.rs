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

/// The targets of one shape, which are about its first check.
pub(crate) fn of(rows: &[Row]) -> Vec<Judged> {
    let find = |steps| rows.iter().find(|row| row.check == Check::First && row.steps == steps);
    let Some(hundred) = find(100) else { return Vec::new() };
    let seconds = Judged {
        name: format!("{}: seconds of 100 steps over an empty workflow", hundred.shape),
        figure: hundred.over_empty_ms / 1e3,
        at_most: SECONDS_OF_100,
    };
    let ratio = find(1_000).map(|thousand| Judged {
        name: format!("{}: 1 000 steps / 100 steps, each over an empty one", hundred.shape),
        figure: thousand.over_empty_ms / hundred.over_empty_ms,
        at_most: RATIO_OF_1_000,
    });
    std::iter::once(seconds).chain(ratio).collect()
}
