//! Tables for people.

use std::fmt::Write;

use crate::row::{Group, Row};
use crate::targets::Judged;

/// The engines of a group.
pub(crate) fn of(group: &Group, rows: &[Row]) -> String {
    let mut text = format!(
        "\n{}, survives {}, {} threads\n{:34} {:>12} {:>8} {:>12} {:>9}\n",
        group.shape,
        group.class(),
        group.threads,
        "engine",
        "ns/step",
        "spread",
        "allocs/step",
        "to limit"
    );
    for row in rows {
        let (allocations, ratio) = (figure(row.allocs_per_step), figure(row.ratio_to_limit));
        let spread = format!("{:.0} %", row.spread * 100.0);
        let time = row.median_ns_per_step;
        writeln!(text, "{:34} {time:>12.1} {spread:>8} {allocations:>12} {ratio:>9}", row.engine)
            .expect("a string takes all");
    }
    text
}

/// What is to hold, and whether it does.
pub(crate) fn of_targets(targets: &[Judged]) -> String {
    let mut text = format!("\n{:64} {:>9} {:>9}  holds\n", "target", "figure", "at most");
    for target in targets {
        let holds = if target.holds() { "yes" } else { "NO" };
        writeln!(text, "{:64} {:>9.2} {:>9.2}  {holds}", target.name, target.figure, target.at_most)
            .expect("a string takes all");
    }
    text
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
