//! Measures Flow against its peers and against what the machine can do.
//!
//! In: options. Out: tables, and rows as JSON. The same program, started with `serve`, is what is measured.

mod group;
mod measure;
mod origin;
mod program;
mod report;
mod row;
mod targets;
mod watched;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::group::Group;
use crate::measure::Effort;
use crate::origin::Origin;
use crate::program::Programs;
use crate::report::{headline, markdown, plots, table};
use crate::targets::Judged;
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
    /// Measures nothing, and makes everything from the rows in this file, which `--json` wrote.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Writes the rows to this file, one JSON object on each line, behind a line that says what they were measured on.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the whole as a document.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draws a picture for each class into this folder.
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Puts the headline into this file, between two lines that are there for it.
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
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
    let options = Options::parse();
    options.readme.as_deref().map_or(Ok(()), headline::has_place)?;
    match &options.from {
        Some(path) => {
            let (origin, mut groups) = row::read(path)?;
            groups.retain_mut(|group| options.wants(group));
            for group in &groups {
                print!("{}", table::of(group));
            }
            options.write(&origin, &groups)
        }
        None => measure_all(&options),
    }
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
    let origin = Origin::here(dir.path(), options.quick);
    for group in &mut groups {
        eprintln!("{} ({}, threads: {})", group.shape, group.class(), group.threads);
        measure::times(&mut programs.timed, group, &effort);
        measure::allocations(&mut programs.counting, group);
        if let Some(watchers) = &watchers {
            watchers.count(&programs.timed, group);
        }
        print!("{}", table::of(group));
    }
    options.write(&origin, &groups)?;
    let failures: Vec<String> = groups.iter().flat_map(Group::failures).collect();
    ensure!(failures.is_empty(), "these cases failed:\n{}", failures.join("\n"));
    Ok(())
}

impl Options {
    /// Writes what is asked for.
    fn write(&self, origin: &Origin, groups: &[Group]) -> Result<()> {
        let targets = targets::all(groups);
        print!("{}", table::of_targets(&targets));
        if let Some(path) = &self.json {
            row::write(path, origin, groups)?;
        }
        if let Some(path) = &self.markdown {
            self.write_document(path, origin, groups, &targets)?;
        }
        if let Some(folder) = &self.plots {
            plots::draw(folder, origin, groups)?;
        }
        self.readme.as_ref().map_or(Ok(()), |path| headline::write(path, origin, groups))
    }

    /// Pictures are named as seen from the document, if they are beside or below it.
    fn write_document(&self, path: &Path, origin: &Origin, groups: &[Group], targets: &[Judged]) -> Result<()> {
        let beside = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(beside).with_context(|| format!("cannot make {}", beside.display()))?;
        let pictures = self.plots.as_ref().map(|folder| folder.strip_prefix(beside).unwrap_or(folder));
        let pictures = pictures.map(|folder| folder.to_string_lossy());
        let text = markdown::document(origin, groups, targets, pictures.as_deref())?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
