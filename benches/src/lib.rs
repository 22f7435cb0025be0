//! The cases that run in this package's programs: by hand, Flow, and peers that can be linked beside it.

mod engines;

use harness::case::Case;

/// All cases. Those in memory come twice: on two threads and on one. The store of the cold start has so many runs.
pub fn cases(stored_runs: u64) -> Vec<Case> {
    let in_memory = engines::in_memory();
    let one_thread: Vec<Case> = in_memory.iter().cloned().map(Case::on_one_thread).collect();
    in_memory.into_iter().chain(one_thread).chain(engines::stored(stored_runs)).collect()
}

#[cfg(test)]
mod tests {
    use harness::shape::ITEMS_100_000;

    #[test]
    fn each_case_does_what_its_shape_says() {
        // Those of 100 000 items do what those of 10 000 do, for longer.
        let cases = super::cases(20).into_iter().filter(|case| case.entry.shape != ITEMS_100_000.name);
        harness::serve::each_once(cases.collect()).unwrap();
    }
}
