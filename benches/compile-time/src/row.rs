//! What was measured of one workflow. In: samples. Out: a row, as it is written to a file.

use serde::Serialize;

use crate::workspace::Usage;

/// What the compiler knows of a program before it checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// Nothing.
    First,
    /// All of it, but a line at its head is new or gone, so that everything in it stands elsewhere.
    Next,
}

/// The samples of one workflow, one for each round.
pub(crate) struct Measured {
    pub(crate) check: Check,
    pub(crate) shape: &'static str,
    pub(crate) steps: usize,
    pub(crate) lines: usize,
    pub(crate) usages: Vec<Usage>,
}

/// A row, as it is written. Times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) check: Check,
    pub(crate) shape: &'static str,
    pub(crate) steps: usize,
    pub(crate) rounds: usize,
    pub(crate) median_ms: f64,
    pub(crate) q1_ms: f64,
    pub(crate) q3_ms: f64,
    /// The distance of the quartiles as a part of the median.
    pub(crate) spread: f64,
    /// Of all threads and processes.
    pub(crate) cpu_ms: f64,
    /// The median of the most memory that one process had.
    pub(crate) peak_mb: f64,
    /// The median, over the rounds, of how much longer it took than the empty workflow in the same round.
    pub(crate) over_empty_ms: f64,
    /// The same of processor time.
    pub(crate) cpu_over_empty_ms: f64,
    /// How many lines the program has with all macros expanded, and how many of them are more than in the empty one.
    pub(crate) expanded_lines: usize,
    pub(crate) expanded_lines_per_step: f64,
}

impl Measured {
    /// The row, beside the empty workflow of the same shape.
    pub(crate) fn row(&self, empty: &Self) -> Row {
        let [q1_ms, median_ms, q3_ms] = [1, 2, 3].map(|which| quartile(self.each(millis), which));
        Row {
            check: self.check,
            shape: self.shape,
            steps: self.steps,
            rounds: self.usages.len(),
            median_ms,
            q1_ms,
            q3_ms,
            spread: (q3_ms - q1_ms) / median_ms,
            cpu_ms: quartile(self.each(cpu_millis), 2),
            peak_mb: quartile(self.each(|usage| usage.peak_bytes as f64 / 1e6), 2),
            over_empty_ms: self.over(empty, millis),
            cpu_over_empty_ms: self.over(empty, cpu_millis),
            expanded_lines: self.lines,
            expanded_lines_per_step: self.lines.saturating_sub(empty.lines) as f64 / self.steps.max(1) as f64,
        }
    }

    fn each(&self, figure: fn(&Usage) -> f64) -> Vec<f64> {
        self.usages.iter().map(figure).collect()
    }

    fn over(&self, empty: &Self, figure: fn(&Usage) -> f64) -> f64 {
        let pairs = self.usages.iter().zip(&empty.usages);
        quartile(pairs.map(|(own, empty)| figure(own) - figure(empty)).collect(), 2)
    }
}

fn millis(usage: &Usage) -> f64 {
    usage.time.as_secs_f64() * 1e3
}

fn cpu_millis(usage: &Usage) -> f64 {
    usage.cpu.as_secs_f64() * 1e3
}

/// The first, second or third quartile.
fn quartile(mut values: Vec<f64>, which: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * which / 4]
}
