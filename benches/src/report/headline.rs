//! The few figures that the README shows. In: what was measured. Out: the README with them in place of the former ones.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use harness::case::Class;
use harness::shape;

use super::digits::{short, time};
use super::markdown::{best_of_flow, best_peer, title};
use crate::group::Group;
use crate::origin::Origin;

/// What stands before and behind the figures.
const BEGIN: &str = "<!-- benches: written by the tool in benches/ -->\n";
const END: &str = "<!-- /benches -->";

/// The rows.
const SHOWN: &[(Class, &str)] = &[
    (Class::None, shape::CHAIN.name),
    (Class::None, shape::FAN.name),
    (Class::None, shape::LAYERS.name),
    (Class::None, shape::ITEMS_10_000.name),
    (Class::Kill, shape::CHAIN_8B.name),
    (Class::PowerLoss, shape::CHAIN_8B.name),
    (Class::PowerLoss, shape::RUNS_128.name),
];

/// Writes the headline into a file, where two lines say that it stands.
pub(crate) fn write(path: &Path, origin: &Origin, groups: &[Group]) -> Result<()> {
    let replaced = in_place(path, &table(origin, groups))?;
    std::fs::write(path, replaced).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a file has the two lines, so that this is known before much is measured.
pub(crate) fn has_place(path: &Path) -> Result<()> {
    in_place(path, "").map(drop)
}

fn in_place(path: &Path, table: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    replaced(&text, table)
        .with_context(|| format!("{} has no place for the figures: write the lines\n{BEGIN}{END}", path.display()))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn table(origin: &Origin, groups: &[Group]) -> String {
    let mut text = "| per step | Flow | by hand | nearest peer |\n| --- | ---: | ---: | ---: |\n".to_owned();
    for (class, shape) in SHOWN {
        let Some(group) = groups.iter().find(|group| group.is(*class, shape, 2)) else { continue };
        let Some(flow) = best_of_flow(group) else { continue };
        let limit = group.limit().map(|limit| (limit, flow.ratio_to(limit)));
        let by_hand = limit
            .map_or_else(|| "-".to_owned(), |(limit, ratio)| format!("{} ({} ×)", time(limit.median()), short(ratio)));
        let peer = best_peer(group)
            .map_or_else(|| "-".to_owned(), |peer| format!("{} {}", peer.entry.engine, time(peer.median())));
        let what = format!("{}: {shape}", title(*class));
        let way = flow.entry.engine.strip_prefix("flow: ").map_or_else(String::new, |way| format!(" ({way})"));
        writeln!(text, "| {what} | {}{way} | {by_hand} | {peer} |", time(flow.median())).expect("a string takes all");
    }
    let Origin { date, commit, cpu, cores, .. } = origin;
    let rounds = if origin.is_quick { ", in few and short rounds" } else { "" };
    let kill = "With `OnSuspend` a kill takes the steps of the last 50 ms";
    writeln!(text, "\n{kill}. Measured {date} on {cpu}, {cores} cores, at {commit}{rounds}.")
        .expect("a string takes all");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_lines_is_replaced() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        assert_eq!(replaced(&text, "new\n").unwrap(), format!("a\n{BEGIN}new\n{END}\nb\n"));
        assert_eq!(replaced("a\nb\n", "new\n"), None);
    }
}
