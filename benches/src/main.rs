//! Measures Flow against its peers and against what the machine can do.
//!
//! In: options. Out: tables, and rows as JSON. The same program, started with `serve`, is what is measured.

mod measure;
mod program;
mod row;
mod table;
mod targets;
mod watched;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::measure::Effort;
use crate::program::Programs;
use crate::row::{Group, Row};
use crate::watched::Watchers;

/// Measures Flow against its peers and against what the machine can do.
#[derive(Debug, Parser)]
struct Options {
    /// Few and short rounds: to see that all of it works, not for figures.
    #[arg(long)]
    quick: bool,
    /// Also counts instructions, syncs and written bytes, with valgrind and strace; takes some minutes more.
    #[arg(long)]
    counts: bool,
    /// Where stores are kept while they are measured; by default in the target folder, which is on a disk.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Writes the rows to this file, one JSON object on each line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only shapes whose name begins with this.
    #[arg(long, value_name = "SHAPE")]
    only: Vec<String>,
    /// Only engines whose name begins with this, and the limits.
    #[arg(long, value_name = "ENGINE")]
    engine: Vec<String>,
}

impl Options {
    fn wants_engine(&self, name: &str) -> bool {
        begins(&self.engine, name)
    }

    fn wants(&self, group: &mut Group) -> bool {
        group.cases.retain(|case| case.entry.is_limit || self.wants_engine(&case.entry.engine));
        begins(&self.only, &group.shape) && !group.cases.is_empty()
    }
}

/// Whether a name begins with one of these, if there are any.
fn begins(prefixes: &[String], name: &str) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
}

fn main() -> Result<()> {
    if std::env::args().nth(1).is_some_and(|word| ["serve", "sample"].contains(&word.as_str())) {
        return harness::serve::main(flow_benches::cases, None, std::env::args().skip(1));
    }
    measure_all(&Options::parse())
}

fn measure_all(options: &Options) -> Result<()> {
    let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
    let dir = match &options.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir_in(concat!(env!("CARGO_MANIFEST_DIR"), "/target")),
    };
    let dir = dir.context("there is no folder for stores; say one with --dir")?;
    let watchers = options.counts.then(Watchers::installed);
    let mut programs = Programs::start(dir.path(), effort.stored_runs, |engine| options.wants_engine(engine))?;
    let mut groups = Group::all(&programs.timed);
    groups.retain_mut(|group| options.wants(group));
    ensure!(!groups.is_empty(), "no case has such a shape and such an engine");

    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for group in &mut groups {
        eprintln!("{} ({}, {} threads)", group.shape, group.class(), group.threads);
        measure::times(&mut programs.timed, group, &effort);
        measure::allocations(&mut programs.counting, group);
        if let Some(watchers) = &watchers {
            watchers.count(&programs.timed, group);
        }
        let measured = group.rows();
        print!("{}", table::of(group, &measured));
        failures.extend(group.failures());
        rows.extend(measured);
    }
    print!("{}", table::of_targets(&targets::all(&groups)));
    if let Some(path) = &options.json {
        write_rows(&rows, path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(failures.is_empty(), "these cases failed:\n{}", failures.join("\n"));
    Ok(())
}

fn write_rows(rows: &[Row], path: &PathBuf) -> Result<()> {
    let mut file = File::create(path)?;
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        writeln!(file)?;
    }
    Ok(())
}
