//! Tables for people.

use std::fmt::Write;

use crate::row::Row;
use crate::targets::Judged;

/// The rows of one shape.
pub(crate) fn of(rows: &[Row]) -> String {
    let mut text = String::new();
    let Some(first) = rows.first() else { return text };
    writeln!(
        text,
        "\n{:14} {:>6} {:>6} {:>8} {:>7} {:>8} {:>7} {:>10} {:>13} {:>8} {:>11}",
        first.shape,
        "check",
        "steps",
        "ms",
        "spread",
        "CPU ms",
        "MB",
        "over empty",
        "CPU µs/step",
        "lines",
        "lines/step"
    )
    .expect("a string takes all");
    for row in rows {
        let check = format!("{:?}", row.check).to_lowercase();
        let per_step = row.cpu_over_empty_ms * 1e3 / row.steps.max(1) as f64;
        writeln!(
            text,
            "{:14} {check:>6} {:>6} {:>8.0} {:>5.0} % {:>8.0} {:>7.0} {:>10.0} {per_step:>13.0} {:>8} {:>11.1}",
            "",
            row.steps,
            row.median_ms,
            row.spread * 100.0,
            row.cpu_ms,
            row.peak_mb,
            row.over_empty_ms,
            row.expanded_lines,
            row.expanded_lines_per_step
        )
        .expect("a string takes all");
    }
    text
}

/// What is to hold, and whether it does.
pub(crate) fn of_targets(targets: &[Judged]) -> String {
    let mut text = format!("\n{:70} {:>9} {:>9}  holds\n", "target", "figure", "at most");
    for target in targets {
        let holds = if target.holds() { "yes" } else { "NO" };
        writeln!(text, "{:70} {:>9.2} {:>9.2}  {holds}", target.name, target.figure, target.at_most)
            .expect("a string takes all");
    }
    text
}
