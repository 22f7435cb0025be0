//! Tables for people.

use std::fmt::Write;

use super::digits::figure;
use crate::group::Group;
use crate::targets::Judged;

/// The engines of a group.
pub(crate) fn of(group: &Group) -> String {
    let (shape, class, threads) = (&group.shape, group.class(), group.threads);
    let mut text = format!("\n{shape}, survives {class}, threads: {threads}\n");
    let heads = ["ns/step", "spread", "to limit", "allocs", "instrs", "fsyncs", "bytes"];
    line(&mut text, "engine", heads.map(str::to_owned));
    for case in group.measured() {
        let columns = [
            format!("{:.1}", case.median()),
            format!("{:.0} %", case.spread() * 100.0),
            figure(group.limit().map(|limit| case.ratio_to(limit)), 2),
            figure(case.allocations, 2),
            figure(case.instructions, 0),
            figure(case.disk.map(|disk| disk.fsyncs), 2),
            figure(case.disk.map(|disk| disk.bytes), 0),
        ];
        line(&mut text, &case.entry.engine, columns);
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
