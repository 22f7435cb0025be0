//! The whole as a document. In: what was measured, and on what. Out: Markdown.

use std::fmt::{self, Write};

use harness::case::{Class, Kind};
use harness::shape;

use super::digits::{figure, short, time};
use super::{absent, plots, versions};
use crate::group::{Group, Measured};
use crate::origin::Origin;
use crate::targets::Judged;

/// How the tool is called.
const COMMAND: &str = "cargo run --release --manifest-path benches/Cargo.toml --";

/// The document. Pictures, if there are any, are in this folder, seen from the document.
pub(crate) fn document(
    origin: &Origin,
    groups: &[Group],
    targets: &[Judged],
    pictures: Option<&str>,
) -> Result<String, fmt::Error> {
    let mut text = String::new();
    begin(&mut text, origin)?;
    write_targets(&mut text, targets)?;
    for class in [Class::None, Class::Kill, Class::PowerLoss] {
        if groups.iter().any(|group| group.class == class) {
            write_class(&mut text, class, groups, pictures)?;
        }
    }
    Ok(text)
}

fn begin(text: &mut String, origin: &Origin) -> fmt::Result {
    writeln!(
        text,
        "# Benchmarks\n\nWritten by the tool in [`benches/`](../benches/README.md), which says how it measures.\n"
    )?;
    if origin.is_quick {
        writeln!(text, "**With few and short rounds: not for comparing.**\n")?;
    }
    let Origin { date, commit, cpu, cores, memory, kernel, file_system, rustc, load, .. } = origin;
    writeln!(text, "| measured on | |\n| --- | --- |")?;
    writeln!(text, "| date, commit | {date}, {commit} |\n| machine | {cpu}, {cores} cores, {memory} |")?;
    writeln!(text, "| system | Linux {kernel}, stores on {file_system}, {rustc} |")?;
    writeln!(text, "| load before (1, 5, 15 min) | {load} |")?;
    let versions: Vec<String> = versions::all().iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(text, "| versions | {} |\n", versions.join(", "))?;
    writeln!(
        text,
        "Times are medians per step, of samples that the engines took in turn; behind them the quartiles. A ratio is the \
         median over the rounds of both times of a round. *By hand* is the plainest program that does the same work, to which \
         the others are compared.\n"
    )
}

fn write_targets(text: &mut String, targets: &[Judged]) -> fmt::Result {
    writeln!(text, "## Targets\n\n| what | figure | at most | holds |\n| --- | ---: | ---: | --- |")?;
    for Judged { name, figure, at_most } in targets {
        let holds = if figure <= at_most { "yes" } else { "**no**" };
        writeln!(text, "| {name} | {} | {} | {holds} |", short(*figure), short(*at_most))?;
    }
    writeln!(text)
}

/// A class as a heading.
pub(super) fn title(class: Class) -> &'static str {
    match class {
        Class::None => "In memory",
        Class::Kill => "Survives a kill",
        Class::PowerLoss => "Survives a loss of power",
    }
}

fn write_class(text: &mut String, class: Class, groups: &[Group], pictures: Option<&str>) -> fmt::Result {
    writeln!(text, "## {}\n", title(class))?;
    if let Some(folder) = pictures {
        writeln!(text, "![{}]({folder}/{})\n", title(class), plots::file_name(class))?;
    }
    for note in absent::notes(class) {
        writeln!(text, "{note}\n")?;
    }
    for group in groups.iter().filter(|group| group.class == class && group.threads == 2) {
        let one_thread = groups.iter().find(|other| other.is(class, &group.shape, 1));
        write_group(text, group, one_thread)?;
    }
    writeln!(text, "Not here:\n")?;
    for (who, why) in absent::of(class) {
        writeln!(text, "* {who}: {why}.")?;
    }
    writeln!(text)
}

fn write_group(text: &mut String, group: &Group, one_thread: Option<&Group>) -> fmt::Result {
    let on_disk = group.class != Class::None;
    writeln!(text, "### {}\n\n{}.\n", group.shape, sentence(shape::what(&group.shape)))?;
    writeln!(text, "`{COMMAND} --counts --only {}`\n", group.shape)?;
    let (heads, lines) = if on_disk { ("fsyncs | bytes |", " ---: | ---: |") } else { ("on one thread |", " ---: |") };
    let time_of = if group.cases.iter().all(|case| case.entry.steps == 1) { "time" } else { "per step" };
    writeln!(text, "| engine | {time_of} | quartiles | to by hand | allocations | instructions | {heads}")?;
    writeln!(text, "| --- | ---: | --- | ---: | ---: | ---: |{lines}")?;
    for case in group.measured() {
        let entry = &case.entry;
        let name = if entry.kind == Kind::Flow { format!("**{}**", entry.engine) } else { entry.engine.clone() };
        let quartiles = format!("{} to {}", time(case.quartile(1)), time(case.quartile(3)));
        let ratio = group.limit().map_or_else(|| "-".to_owned(), |limit| short(case.ratio_to(limit)));
        let (allocations, instructions) = (figure(case.allocations, 2), figure(case.instructions, 0));
        write!(text, "| {name} | {} | {quartiles} | {ratio} | {allocations} | {instructions} |", time(case.median()))?;
        if on_disk {
            let [fsyncs, bytes] = [case.disk.map(|disk| disk.fsyncs), case.disk.map(|disk| disk.bytes)];
            writeln!(text, " {} | {} |", figure(fsyncs, 2), figure(bytes, 0))?;
        } else {
            let other = one_thread.and_then(|group| group.case(&entry.engine));
            writeln!(text, " {} |", other.map_or_else(|| "-".to_owned(), |case| time(case.median())))?;
        }
    }
    write_who_is_ahead(text, group)
}

/// With a capital.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Says it where a peer takes less time than Flow does, in one way or another.
fn write_who_is_ahead(text: &mut String, group: &Group) -> fmt::Result {
    writeln!(text)?;
    for flow in of_kind(group, Kind::Flow) {
        let ahead: Vec<String> = of_kind(group, Kind::Peer)
            .map(|peer| (peer, flow.ratio_to(peer)))
            .filter(|(_, ratio)| *ratio > 1.0)
            .map(|(peer, ratio)| format!("{}, by a factor of {}", peer.entry.engine, short(ratio)))
            .collect();
        if !ahead.is_empty() {
            writeln!(text, "Ahead of `{}`: {}.\n", flow.entry.engine, ahead.join("; "))?;
        }
    }
    Ok(())
}

/// Flow as it is fastest for the shape.
pub(super) fn best_of_flow(group: &Group) -> Option<&Measured> {
    nearest(of_kind(group, Kind::Flow))
}

/// The peer that is fastest.
pub(super) fn best_peer(group: &Group) -> Option<&Measured> {
    nearest(of_kind(group, Kind::Peer))
}

fn of_kind(group: &Group, kind: Kind) -> impl Iterator<Item = &Measured> {
    group.measured().filter(move |case| case.entry.kind == kind)
}

fn nearest<'a>(cases: impl Iterator<Item = &'a Measured>) -> Option<&'a Measured> {
    cases.min_by(|one, other| one.median().total_cmp(&other.median()))
}
