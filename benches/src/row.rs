//! What was measured. In: samples. Out: rows, as they are written to files.

use anyhow::Result;
use harness::case::{Class, Entry};
use serde::Serialize;

use crate::program::Program;

/// The engines that run the same shape on as many threads, of one class: what is compared.
pub(crate) struct Group {
    class: Class,
    pub(crate) shape: String,
    pub(crate) threads: u8,
    pub(crate) cases: Vec<Measured>,
}

/// A case and its samples.
pub(crate) struct Measured {
    pub(crate) entry: Entry,
    /// Which program has it, and its number there.
    pub(crate) program: usize,
    pub(crate) number: usize,
    /// How many runs a sample has.
    pub(crate) runs: u64,
    /// Nanoseconds per step, one for each round.
    pub(crate) nanos: Vec<f64>,
    /// Allocations per step.
    pub(crate) allocations: Option<f64>,
    /// Instructions per step.
    pub(crate) instructions: Option<f64>,
    pub(crate) disk: Option<Disk>,
    pub(crate) failed: Option<String>,
}

/// What a step does to the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk {
    pub(crate) fsyncs: f64,
    pub(crate) bytes: f64,
}

/// A row, as it is written. Times are per step, in nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// `none`, `kill` or `power-loss`: what a run survives.
    pub(crate) class: Class,
    pub(crate) shape: String,
    pub(crate) engine: String,
    /// Threads of the runtime.
    pub(crate) threads: u8,
    pub(crate) payload_bytes: u64,
    /// Whether the graph is built in the time that is measured.
    pub(crate) build_in_run: bool,
    /// Steps of a run, runs of a sample, samples.
    pub(crate) steps: u64,
    pub(crate) runs: u64,
    pub(crate) rounds: usize,
    pub(crate) median_ns_per_step: f64,
    pub(crate) q1_ns_per_step: f64,
    pub(crate) q3_ns_per_step: f64,
    /// The distance of the quartiles as a part of the median.
    pub(crate) spread: f64,
    pub(crate) allocs_per_step: Option<f64>,
    pub(crate) instructions_per_step: Option<f64>,
    pub(crate) fsyncs_per_step: Option<f64>,
    pub(crate) bytes_per_step: Option<f64>,
    /// What it is compared to.
    pub(crate) limit: Option<String>,
    /// The median, over the rounds, of its time divided by that of the limit in the same round.
    pub(crate) ratio_to_limit: Option<f64>,
}

impl Group {
    /// All groups that the programs have, by class and shape in the order in which programs list them.
    pub(crate) fn all(programs: &[Program]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (program, entries) in programs.iter().map(|program| &program.entries).enumerate() {
            for (number, entry) in entries.iter().enumerate() {
                let case = Measured::new(entry.clone(), program, number);
                match groups.iter_mut().find(|group| group.is_of(entry)) {
                    Some(group) => group.cases.push(case),
                    None => groups.push(Self::of(case)),
                }
            }
        }
        groups.sort_by_key(|group| (group.class, std::cmp::Reverse(group.threads)));
        groups
    }

    fn of(case: Measured) -> Self {
        let Entry { class, shape, threads, .. } = case.entry.clone();
        Self { class, shape, threads, cases: vec![case] }
    }

    fn is_of(&self, entry: &Entry) -> bool {
        self.is(entry.class, &entry.shape, entry.threads)
    }

    pub(crate) fn is(&self, class: Class, shape: &str, threads: u8) -> bool {
        (self.class, self.shape.as_str(), self.threads) == (class, shape, threads)
    }

    /// The class's name.
    pub(crate) fn class(&self) -> &'static str {
        match self.class {
            Class::None => "none",
            Class::Kill => "kill",
            Class::PowerLoss => "power-loss",
        }
    }

    /// The case of this engine, if it was measured.
    pub(crate) fn case(&self, engine: &str) -> Option<&Measured> {
        self.cases.iter().find(|case| case.entry.engine == engine && case.failed.is_none() && !case.nanos.is_empty())
    }

    /// The rows of the cases that did not fail.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let limit = self.cases.iter().find(|case| case.entry.is_limit && case.failed.is_none());
        let measured = self.cases.iter().filter(|case| case.failed.is_none() && !case.nanos.is_empty());
        measured.map(|case| case.row(limit)).collect()
    }

    /// What failed, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.cases.iter().filter_map(|case| {
            let why = case.failed.as_ref()?;
            Some(format!("{} {} {}: {why}", self.class(), self.shape, case.entry.engine))
        })
    }
}

impl Measured {
    fn new(entry: Entry, program: usize, number: usize) -> Self {
        Self {
            entry,
            program,
            number,
            runs: 1,
            nanos: Vec::new(),
            allocations: None,
            instructions: None,
            disk: None,
            failed: None,
        }
    }

    /// Does something unless something before has failed.
    pub(crate) fn attempt(&mut self, action: impl FnOnce(&mut Self) -> Result<()>) {
        if self.failed.is_none() {
            self.failed = action(self).err().map(|error| format!("{error:#}"));
        }
    }

    /// By what a total of so many runs is divided.
    pub(crate) fn divisor(&self, runs: u64) -> f64 {
        (runs * self.entry.steps) as f64
    }

    /// The median of nanoseconds per step, if it was measured.
    pub(crate) fn median(&self) -> Option<f64> {
        (!self.nanos.is_empty()).then(|| quartile(self.nanos.clone(), 2))
    }

    /// The median, over the rounds, of how many times as long this took as the other.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        quartile(self.nanos.iter().zip(&other.nanos).map(|(own, other)| own / other).collect(), 2)
    }

    fn row(&self, limit: Option<&Self>) -> Row {
        let entry = self.entry.clone();
        let [q1, median, q3] = [1, 2, 3].map(|which| quartile(self.nanos.clone(), which));
        Row {
            class: entry.class,
            shape: entry.shape,
            engine: entry.engine,
            threads: entry.threads,
            payload_bytes: entry.payload_bytes,
            build_in_run: entry.build_in_run,
            steps: entry.steps,
            runs: self.runs,
            rounds: self.nanos.len(),
            median_ns_per_step: median,
            q1_ns_per_step: q1,
            q3_ns_per_step: q3,
            spread: (q3 - q1) / median,
            allocs_per_step: self.allocations,
            instructions_per_step: self.instructions,
            fsyncs_per_step: self.disk.map(|disk| disk.fsyncs),
            bytes_per_step: self.disk.map(|disk| disk.bytes),
            limit: limit.map(|limit| limit.entry.engine.clone()),
            ratio_to_limit: limit.map(|limit| self.ratio_to(limit)),
        }
    }
}

/// The first, second or third quartile.
fn quartile(mut values: Vec<f64>, which: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * which / 4]
}
