//! Takes samples: the engines of a shape in turn, round after round, so that what disturbs the machine disturbs all.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::group::{Group, Measured};
use crate::program::Program;

/// How much is done for a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// In how many rounds each engine has its turn.
    rounds: u32,
    /// How few they may be where a single run takes long.
    fewest: u32,
    /// How long a sample takes about.
    sample: Duration,
    /// How long all samples of one engine for one shape may take together, if that leaves the fewest.
    budget: Duration,
    /// How many runs are stored before a cold start.
    pub(crate) stored_runs: u64,
}

impl Effort {
    pub(crate) const FULL: Self = Self {
        rounds: 31,
        fewest: 5,
        sample: Duration::from_millis(30),
        budget: Duration::from_secs(4),
        stored_runs: 100_000,
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 5,
        fewest: 3,
        sample: Duration::from_millis(5),
        budget: Duration::from_millis(500),
        stored_runs: 1_000,
    };

    fn runs(&self, one: Duration) -> u64 {
        (self.sample.as_nanos() / one.as_nanos().max(1)).max(1) as u64
    }

    fn rounds(&self, slowest: Duration) -> u32 {
        let affordable = self.budget.as_nanos() / slowest.max(self.sample).as_nanos();
        (affordable as u32).clamp(self.fewest, self.rounds)
    }
}

/// Times all engines of a group. One that fails is left out from then on, and says why.
pub(crate) fn times(programs: &mut [Program], group: &mut Group, effort: &Effort) {
    let mut slowest = Duration::ZERO;
    for case in &mut group.cases {
        case.attempt(|case| {
            let one = warm_up(&mut programs[case.program], case, effort)?;
            case.runs = effort.runs(one);
            slowest = slowest.max(one);
            Ok(())
        });
    }
    for round in 0..effort.rounds(slowest) as usize {
        let count = group.cases.len();
        for turn in 0..count {
            let case = &mut group.cases[(round + turn) % count];
            case.attempt(|case| {
                let took = programs[case.program].sample(case.number, case.runs)?.took;
                case.nanos.push(took.as_nanos() as f64 / case.divisor(case.runs));
                Ok(())
            });
        }
    }
    for case in &mut group.cases {
        case.attempt(|case| programs[case.program].give_up(case.number));
    }
}

/// How long one run takes once all is warm, with what it prepares.
fn warm_up(program: &mut Program, case: &Measured, effort: &Effort) -> Result<Duration> {
    let mut timed = |runs| program.sample(case.number, runs).map(|sample| sample.with_preparations);
    timed(1)?;
    let second = timed(1)?;
    if second > effort.sample {
        return Ok(second);
    }
    let runs = effort.runs(second);
    Ok(timed(runs)? / runs as u32)
}

/// Counts allocations in the program that counts, once all is warm: what twice as many runs take more, since a sample takes
/// some itself.
pub(crate) fn allocations(programs: &mut [Program], group: &mut Group) {
    for case in &mut group.cases {
        let program = &mut programs[case.program];
        let Some(number) = program.entries.iter().position(|entry| *entry == case.entry && !entry.prepares) else {
            continue;
        };
        case.attempt(|case| {
            program.sample(number, 2)?;
            let runs = case.runs.clamp(1, 64);
            let mut count = |runs| program.sample(number, runs)?.allocations.context("the program does not count");
            let (once, twice) = (count(runs)?, count(2 * runs)?);
            case.allocations = Some(twice.saturating_sub(once) as f64 / case.divisor(runs));
            program.give_up(number)
        });
    }
}
