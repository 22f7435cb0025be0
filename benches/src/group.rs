//! What is compared: the engines that run the same shape. In: samples. Out: medians, quartiles and ratios.

use std::cmp::Reverse;

use anyhow::Result;
use harness::case::{Class, Entry};

use crate::program::Program;

/// The engines that run the same shape on as many threads, of one class: what is compared.
pub(crate) struct Group {
    pub(crate) class: Class,
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

impl Group {
    /// All groups that the programs have.
    pub(crate) fn all(programs: &[Program]) -> Vec<Self> {
        let entries = programs.iter().enumerate().flat_map(|(program, of)| {
            let case = move |(number, entry): (usize, &Entry)| Measured::new(entry.clone(), program, number);
            of.entries.iter().enumerate().map(case)
        });
        Self::of_cases(entries)
    }

    /// Puts together what is compared; by class, and shapes in the order in which they come.
    pub(crate) fn of_cases(cases: impl IntoIterator<Item = Measured>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for case in cases {
            match groups.iter_mut().find(|group| group.is_of(&case.entry)) {
                Some(group) => group.cases.push(case),
                None => groups.push(Self::of(case)),
            }
        }
        groups.sort_by_key(|group| (group.class, Reverse(group.threads)));
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
        self.measured().find(|case| case.entry.engine == engine)
    }

    /// The cases that were measured.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &Measured> {
        self.cases.iter().filter(|case| case.failed.is_none() && !case.nanos.is_empty())
    }

    /// What the others are compared to.
    pub(crate) fn limit(&self) -> Option<&Measured> {
        self.measured().find(|case| case.entry.is_limit)
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
    pub(crate) fn new(entry: Entry, program: usize, number: usize) -> Self {
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

    /// The first, second or third quartile of nanoseconds per step; no number if it was not measured.
    pub(crate) fn quartile(&self, which: usize) -> f64 {
        quartile(self.nanos.clone(), which)
    }

    /// The median of nanoseconds per step.
    pub(crate) fn median(&self) -> f64 {
        self.quartile(2)
    }

    /// The distance of the quartiles as a part of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.quartile(3) - self.quartile(1)) / self.median()
    }

    /// The median, over the rounds, of how many times as long this took as the other.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        quartile(self.nanos.iter().zip(&other.nanos).map(|(own, other)| own / other).collect(), 2)
    }
}

/// The first, second or third quartile.
fn quartile(mut values: Vec<f64>, which: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) * which / 4).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
pub(crate) mod tests {
    use harness::case::Kind;

    use super::*;

    /// A case with these samples, of a shape with one step.
    pub(crate) fn measured(engine: &str, kind: Kind, nanos: &[f64]) -> Measured {
        let entry = Entry {
            class: Class::None,
            shape: "made-up".to_owned(),
            engine: engine.to_owned(),
            kind,
            steps: 1,
            payload_bytes: 8,
            threads: 2,
            build_in_run: false,
            prepares: false,
            is_limit: kind == Kind::ByHand,
        };
        Measured { nanos: nanos.to_vec(), ..Measured::new(entry, 0, 0) }
    }

    #[test]
    fn a_ratio_is_that_of_the_same_round() {
        let by_hand = measured("by hand", Kind::ByHand, &[10.0, 100.0, 20.0, 10.0, 10.0]);
        let flow = measured("flow", Kind::Flow, &[30.0, 300.0, 60.0, 30.0, 90.0]);
        assert_eq!(format!("{}, {}", flow.ratio_to(&by_hand), flow.spread()), "3, 1");
        assert_eq!(format!("{:?}", [1, 2, 3].map(|which| flow.quartile(which))), "[30.0, 60.0, 90.0]");
    }

    #[test]
    fn what_failed_has_no_figures_and_is_told() {
        let mut failed = measured("flow", Kind::Flow, &[30.0]);
        failed.attempt(|_| anyhow::bail!("the disk is full"));
        failed.attempt(|_| unreachable!("nothing is tried after a failure"));
        let groups = Group::of_cases([measured("by hand", Kind::ByHand, &[10.0]), failed]);
        assert_eq!(groups[0].measured().count(), 1);
        assert_eq!(groups[0].failures().collect::<Vec<_>>(), ["none made-up flow: the disk is full"]);
    }
}
