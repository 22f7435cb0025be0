//! What is written to files. In: what was measured. Out: rows, one JSON object on a line, and what they were measured on;
//! and the way back, so that tables can be made again without measuring.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use harness::case::Entry;
use serde::{Deserialize, Serialize};

use crate::group::{Disk, Group, Measured};
use crate::origin::Origin;

/// A row. Times are in nanoseconds, and like all counts they are per step.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    entry: Entry,
    /// How many runs a sample has.
    runs: u64,
    /// How many samples there are.
    rounds: usize,
    median_ns_per_step: f64,
    q1_ns_per_step: f64,
    q3_ns_per_step: f64,
    /// The distance of the quartiles as a part of the median.
    spread: f64,
    allocs_per_step: Option<f64>,
    instructions_per_step: Option<f64>,
    fsyncs_per_step: Option<f64>,
    bytes_per_step: Option<f64>,
    /// The engine it is compared to.
    limit: Option<String>,
    /// The median, over the rounds, of its time divided by that of the limit in the same round.
    ratio_to_limit: Option<f64>,
    /// One figure for each round.
    samples_ns_per_step: Vec<f64>,
}

/// Writes what was measured, first where.
pub(crate) fn write(path: &Path, origin: &Origin, groups: &[Group]) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = BufWriter::new(file);
    writeln!(file, "{}", serde_json::to_string(origin)?)?;
    for group in groups {
        for case in group.measured() {
            writeln!(file, "{}", serde_json::to_string(&row(case, group.limit()))?)?;
        }
    }
    file.flush().context("the rows are not all written")
}

/// Reads what was written.
pub(crate) fn read(path: &Path) -> Result<(Origin, Vec<Group>)> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BufReader::new(file).lines();
    let first = lines.next().context("the file is empty")??;
    let origin = serde_json::from_str(&first).context("the first line does not say what the rows were measured on")?;
    let mut cases = Vec::new();
    for line in lines {
        cases.push(case(serde_json::from_str(&line?).context("a line is no row")?));
    }
    Ok((origin, Group::of_cases(cases)))
}

fn row(case: &Measured, limit: Option<&Measured>) -> Row {
    Row {
        entry: case.entry.clone(),
        runs: case.runs,
        rounds: case.nanos.len(),
        median_ns_per_step: case.median(),
        q1_ns_per_step: case.quartile(1),
        q3_ns_per_step: case.quartile(3),
        spread: case.spread(),
        allocs_per_step: case.allocations,
        instructions_per_step: case.instructions,
        fsyncs_per_step: case.disk.map(|disk| disk.fsyncs),
        bytes_per_step: case.disk.map(|disk| disk.bytes),
        limit: limit.map(|limit| limit.entry.engine.clone()),
        ratio_to_limit: limit.map(|limit| case.ratio_to(limit)),
        samples_ns_per_step: case.nanos.clone(),
    }
}

fn case(row: Row) -> Measured {
    let disk = row.fsyncs_per_step.zip(row.bytes_per_step);
    Measured {
        runs: row.runs,
        nanos: row.samples_ns_per_step,
        allocations: row.allocs_per_step,
        instructions: row.instructions_per_step,
        disk: disk.map(|(fsyncs, bytes)| Disk { fsyncs, bytes }),
        ..Measured::new(row.entry, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use harness::case::Kind;

    use super::*;
    use crate::group::tests::measured;
    use crate::report::{markdown, table};
    use crate::targets;

    #[test]
    fn rows_that_are_read_give_the_same_tables() {
        let mut flow = measured("flow", Kind::Flow, &[30.0, 40.0]);
        (flow.allocations, flow.instructions) = (Some(2.5), Some(300.0));
        flow.disk = Some(Disk { fsyncs: 1.0, bytes: 250.0 });
        let peer = measured("peer", Kind::Peer, &[15.0, 20.0]);
        let groups = Group::of_cases([measured("by hand", Kind::ByHand, &[10.0, 10.0]), flow, peer]);
        let folder = tempfile::tempdir().unwrap();
        let (path, origin) = (folder.path().join("rows.jsonl"), Origin::here(folder.path(), false));
        write(&path, &origin, &groups).unwrap();
        let (read_origin, read_groups) = read(&path).unwrap();
        let written = |origin, groups: &[Group]| {
            (markdown::document(origin, groups, &targets::all(groups), None).unwrap(), table::of(&groups[0]))
        };
        let (document, table) = written(&origin, &groups);
        assert_eq!(written(&read_origin, &read_groups), (document.clone(), table));
        assert!(document.contains("Ahead of `flow`: peer, by a factor of 2.00."), "{document}");
        assert!(document.contains("| **flow** | 30.0 ns | 30.0 ns to 30.0 ns | 3.00 | 2.50 | 300 | - |"), "{document}");
    }
}
