//! Measures how long the compiler takes for workflows of many steps.
//!
//! In: options. Out: a table for each shape, rows as JSON, and which targets hold.

mod row;
mod shape;
mod table;
mod targets;
mod workspace;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::row::{Check, Measured, Row};
use crate::shape::{SHAPES, Shape};
use crate::workspace::{Program, Workspace};

/// Measures how long `cargo check` takes for workflows of many steps, and how many lines they become.
#[derive(Debug, Parser)]
struct Options {
    /// Few rounds and no workflow of 1 000 steps: to see that all of it works, not for figures.
    #[arg(long)]
    quick: bool,
    /// Writes the rows to this file, one JSON object on each line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only shapes whose name begins with this.
    #[arg(long, value_name = "SHAPE")]
    only: Vec<String>,
    /// Workflows of so many steps, multiples of ten, beside the empty one; 10, 100 and 1000 if none are named.
    #[arg(long, value_name = "STEPS")]
    steps: Vec<usize>,
    /// In how many rounds each workflow has its turn: 5 if nothing is said.
    #[arg(long, value_name = "ROUNDS")]
    rounds: Option<usize>,
}

impl Options {
    fn wants(&self, shape: &Shape) -> bool {
        self.only.is_empty() || self.only.iter().any(|prefix| shape.name.starts_with(prefix.as_str()))
    }

    /// The sizes of the workflows; the first is the empty one.
    fn sizes(&self) -> Vec<usize> {
        let usual: &[usize] = if self.quick { &[10, 100] } else { &[10, 100, 1_000] };
        let named = if self.steps.is_empty() { usual } else { &self.steps };
        std::iter::once(0).chain(named.iter().copied()).collect()
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 }).max(1)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(options.sizes().iter().all(|steps| steps % 10 == 0), "a number of steps is a multiple of ten");
    let shapes: Vec<&Shape> = SHAPES.iter().filter(|shape| options.wants(shape)).collect();
    ensure!(!shapes.is_empty(), "no shape has such a name");
    let sizes = options.sizes();
    let mut programs: Vec<Program> =
        shapes.iter().flat_map(|shape| sizes.iter().map(|steps| program(shape, *steps))).collect();
    let dir = tempfile::tempdir()?;
    eprintln!("the dependencies, and a first look at each program");
    let workspace = Workspace::new(dir.path(), &mut programs)?;
    let (mut rows, mut judged) = (Vec::new(), Vec::new());
    for (shape, programs) in shapes.into_iter().zip(programs.chunks_mut(sizes.len())) {
        eprintln!("{}", shape.name);
        let measured = measure(&workspace, shape, &sizes, programs, options.rounds())?;
        print!("{}", table::of(&measured));
        judged.extend(targets::of(&measured));
        rows.extend(measured);
    }
    print!("{}", table::of_targets(&judged));
    if let Some(path) = &options.json {
        write_rows(&rows, path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn program(shape: &Shape, steps: usize) -> Program {
    Program::new(format!("{}_{steps}", shape.name.replace([' ', '-'], "_")), shape.program(steps))
}

/// Checks the programs of a shape in turn, round after round, so that what disturbs the machine disturbs all.
fn measure(
    workspace: &Workspace,
    shape: &Shape,
    sizes: &[usize],
    programs: &mut [Program],
    rounds: usize,
) -> Result<Vec<Row>> {
    let mut measured = [Vec::new(), Vec::new()];
    for (program, steps) in programs.iter().zip(sizes) {
        let lines = workspace.expanded_lines(program)?;
        for (of_check, check) in measured.iter_mut().zip([Check::First, Check::Next]) {
            of_check.push(Measured { check, shape: shape.name, steps: *steps, lines, usages: Vec::new() });
        }
    }
    let [first, next] = &mut measured;
    for _ in 0..rounds {
        for ((program, first), next) in programs.iter_mut().zip(&mut *first).zip(&mut *next) {
            first.usages.push(workspace.first_check(program)?);
            next.usages.push(workspace.next_check(program)?);
        }
    }
    Ok(measured.iter().flat_map(|all| all.iter().map(|one| one.row(&all[0]))).collect())
}

fn write_rows(rows: &[Row], path: &PathBuf) -> Result<()> {
    let mut file = File::create(path)?;
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        writeln!(file)?;
    }
    Ok(())
}
