//! The cases of peers whose SQLite cannot be linked beside Flow's.

mod durare;
mod takeln;

use harness::case::{Case, Class};
use harness::stored::{chains, resumptions};

use self::durare::Durare;
use self::takeln::Takeln;

/// All cases; the store of the cold start has so many runs.
///
/// takeln leaves SQLite as it is: a journal that is rolled back, and a sync at each commit. durare sets it to a log with
/// no sync at a commit, so a loss of power may take steps.
pub fn cases(stored_runs: u64) -> Vec<Case> {
    let mut cases = chains::<Takeln>(Class::PowerLoss, "takeln", ());
    cases.extend(resumptions::<Takeln>(Class::PowerLoss, "takeln", (), stored_runs));
    cases.extend(chains::<Durare>(Class::Kill, "durare", ()));
    cases.extend(resumptions::<Durare>(Class::Kill, "durare", (), stored_runs));
    cases
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_case_does_what_its_shape_says() {
        harness::serve::each_once(super::cases(20)).unwrap();
    }
}
