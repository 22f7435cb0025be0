//! The file `flow.lock`: the shapes of a crate's workflows, so that none changes unnoticed while runs of it are stored.
//!
//! In: the plans of workflows, and the file. Out: that they agree, or what has changed and what a stored run would meet.

mod error;
mod text;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub use error::{LockError, ShapeChanges};

use self::text::{Entry, Locked};
use crate::disk::{Dir, Fs, RealFs, read_all, replace_durably};
use crate::plan::Plan;

const FILE: &str = "flow.lock";

/// Longer than any such file that people look at.
const MOST_BYTES: u64 = 64 << 20;

/// What [`check_lock`] may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockMode {
    /// Workflows, and versions of them, that are not in the file. So a new crate has its file after the first test.
    New,
    /// Nothing: what is missing is an error. For build servers, on which nobody would see what was written.
    Check,
    /// All: what the file says of these workflows is replaced.
    Write,
}

impl LockMode {
    /// What the environment says: `FLOW_LOCK=write`, `FLOW_LOCK=check`, or `FLOW_LOCK=new`; without it `check` where `CI`
    /// is set, as on build servers, and else `new`.
    ///
    /// # Errors
    /// [`LockError::Mode`] if `FLOW_LOCK` is something else.
    pub fn from_env() -> Result<Self, LockError> {
        match std::env::var("FLOW_LOCK").as_deref() {
            Ok("write") => Ok(Self::Write),
            Ok("check") => Ok(Self::Check),
            Ok("new") => Ok(Self::New),
            Err(std::env::VarError::NotPresent) | Ok("") => {
                Ok(if std::env::var_os("CI").is_some() { Self::Check } else { Self::New })
            }
            Ok(other) => Err(LockError::Mode { value: other.to_owned() }),
            Err(error) => Err(LockError::Mode { value: error.to_string() }),
        }
    }
}

/// Makes a test of these workflows: that each has the shape that the file `flow.lock`, beside the crate's `Cargo.toml`,
/// says of its version. The file is for version control, and a change in it is a change of what stored runs must follow.
///
/// A workflow or a version that is not in the file is written to it, unless `CI` is set; a shape that has changed under
/// the same version fails the test, with the steps that were added, removed or rewired, and with what a stored run would
/// meet. Give the workflow a new `#[version]` then, and `#[migrate]` to steps whose outputs have another type; or, if no
/// run of it is stored anywhere, run the test with `FLOW_LOCK=write`. `FLOW_LOCK=check` writes nothing. What is in the file
/// and not named here is left as it is, so the line of a version that has gone stays until someone removes it with
/// `FLOW_LOCK=write` in mind: delete the entry whole.
///
/// ```
/// # mod orders {
/// use flow_runtime::prelude::*;
///
/// #[node]
/// async fn ship(order: &str) {}
/// workflow! { pub fn fulfil(order: String) -> () { ship(order) } }
///
/// #[cfg(test)]
/// mod tests {
///     flow_runtime::testing::lock!(super::fulfil);
/// }
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __lock {
    ($($workflow:path),+ $(,)?) => {
        #[test]
        fn flow_lock() {
            $crate::testing::hold_to_lock(
                ::core::env!("CARGO_MANIFEST_DIR"),
                &[$(<$workflow as $crate::__private::Workflow>::plan()),+],
            );
        }
    };
}

/// What the test of [`lock!`](crate::testing::lock) does.
///
/// # Panics
/// If a shape is not that of the file.
#[doc(hidden)]
pub fn hold_to_lock(folder: &str, plans: &[&Plan]) {
    let held = LockMode::from_env().and_then(|mode| check_lock(Path::new(folder), plans, mode));
    if let Err(error) = held {
        panic!("{}", crate::errors::report(&error));
    }
}

/// Compares these plans with the file `flow.lock` in this folder, and writes there what the mode allows. Tests have it
/// from [`lock!`](crate::testing::lock).
///
/// ```
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::{LockError, LockMode, check_lock};
///
/// #[node]
/// async fn ship(order: &str) {}
/// #[node]
/// async fn bill(order: &str) {}
///
/// mod before {
///     use super::*;
///     workflow! { pub fn fulfil(order: String) -> () { ship(order) } }
/// }
/// mod after {
///     use super::*;
///     workflow! { pub fn fulfil(order: String) -> () { bill(order); ship(order) } }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// check_lock(folder, &[before::fulfil::plan()], LockMode::New)?;
/// let changed = check_lock(folder, &[after::fulfil::plan()], LockMode::New).unwrap_err();
/// assert!(matches!(&changed, LockError::Changed { changes, .. } if changes.added == ["bill"]));
/// check_lock(folder, &[before::fulfil::plan()], LockMode::Check)?;       // it was left as it was
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If a plan has another shape than the file says, if the file is broken or was edited by hand, or if it cannot be read or
/// written. It is then left as it is.
pub fn check_lock(folder: &Path, plans: &[&Plan], mode: LockMode) -> Result<(), LockError> {
    // The tests of one program read and write the same file.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = RealFs.open_dir(folder, false)?;
    let path = folder.join(FILE);
    let mut locked = match read_all(&*dir, FILE, MOST_BYTES) {
        Ok(bytes) => Locked::parse(&bytes, &path)?,
        Err(error) if error.is_not_found() => Locked::default(),
        Err(error) => return Err(error.into()),
    };
    let mut is_new = false;
    for plan in plans {
        let entry = Entry::of(plan);
        match locked.find(&entry) {
            Some(before) if *before == entry => continue,
            Some(before) if mode != LockMode::Write => return Err(LockError::changed(&path, before, &entry)),
            None if mode == LockMode::Check => return Err(LockError::missing(path, &entry)),
            _ => locked.put(entry),
        }
        is_new = true;
    }
    if is_new { write(&*dir, &locked) } else { Ok(()) }
}

fn write(dir: &dyn Dir, locked: &Locked) -> Result<(), LockError> {
    Ok(replace_durably(dir, FILE, locked.to_string().as_bytes())?)
}
