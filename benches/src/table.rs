//! Tables for people.

use std::fmt::Write;

use crate::row::{Group, Row};
use crate::targets::Judged;

/// The engines of a group.
pub(crate) fn of(group: &Group, rows: &[Row]) -> String {
    let (shape, class, threads) = (&group.shape, group.class(), group.threads);
    let mut text = format!("\n{shape}, survives {class}, threads: {threads}\n");
    let heads = ["ns/step", "spread", "to limit", "allocs", "instrs", "fsyncs", "bytes"];
    line(&mut text, "engine", heads.map(str::to_owned));
    for row in rows {
        let columns = [
            format!("{:.1}", row.median_ns_per_step),
            format!("{:.0} %", row.spread * 100.0),
            figure(row.ratio_to_limit, 2),
            figure(row.allocs_per_step, 2),
            figure(row.instructions_per_step, 0),
            figure(row.fsyncs_per_step, 2),
            figure(row.bytes_per_step, 0),
        ];
        line(&mut text, &row.engine, columns);
    }
    text
}

fn line(text: &mut String, name: &str, [time, spread, ratio, rest @ ..]: [String; 7]) {
    write!(text, "{name:26} {time:>12} {spread:>7} {ratio:>9}").expect("a string takes all");
    for column in rest {
        write!(text, " {column:>8}").expect("a string takes all");
    }
    text.push('\n');
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

/// A figure, if there is one.
fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
