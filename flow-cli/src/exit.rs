//! What the program tells the one who called it by its exit code.

use std::process::ExitCode;

/// How a command ended. `docs/cli.md` and `flow help` have the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked is done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    // 2 is clap's: what was typed cannot be understood.
    /// There is no such run or step.
    NotFound = 3,
    /// The store cannot be opened or read, or is held.
    Store = 4,
    /// Damage was found.
    Damage = 5,
    /// The run that was watched ended otherwise than completed.
    Outcome = 6,
}

/// The table of exit codes, as `flow help` shows it.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  what was asked could not be done
  2  what was typed cannot be understood
  3  there is no such run or step
  4  the store cannot be opened or read, or is held
  5  damage was found
  6  watch: the run ended otherwise than completed";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
