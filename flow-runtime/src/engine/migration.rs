//! Outputs of an older version of a workflow, made into those of the one that runs now.
//!
//! In: a function of the user's, by its types, and a stored output. Out: the output as the step gives it now, or why there
//! is none. Which outputs are migrated, and when, says `adopt`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::attempt::catch;
use super::tree::{Value, Workflow, decode};
use crate::plan::{Local, Plan, StepKind};
use crate::state::{BoxError, DecodeError, Output, Payload};

/// How what one step has stored in one older version becomes what it has in this version.
#[derive(Clone, Copy)]
pub struct Migration {
    /// The index of the step in the plan of its workflow.
    step: Local,
    /// The version of the workflow that stored it.
    pub(crate) from: u32,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    /// The step calls a node, and this makes its output.
    Output(Carry),
    /// The step calls a workflow, which was of this version and has these migrations.
    Called { version: u32, migrations: &'static [Migration] },
}

pub(crate) type Carry = fn(&Payload) -> Result<Value, MigrationError>;

/// A stored output could not be made into one of the type that its step has now.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// It is not what the function takes.
    ///
    /// [`E-RESUME-MIGRATION`](crate::errors::codes::RESUME_MIGRATION).
    #[error("it is not what the migration takes")]
    Undecodable(#[source] DecodeError),
    /// The function returned an error.
    ///
    /// [`E-RESUME-MIGRATION`](crate::errors::codes::RESUME_MIGRATION).
    #[error("the migration refused it")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// The function panicked.
    ///
    /// [`E-RESUME-MIGRATION`](crate::errors::codes::RESUME_MIGRATION).
    #[error("the migration panicked: {message}")]
    Panicked {
        /// With this.
        message: String,
    },
    /// What the function gave cannot be stored.
    ///
    /// [`E-RESUME-MIGRATION`](crate::errors::codes::RESUME_MIGRATION).
    #[error("what the migration gives cannot be stored: {reason}")]
    Unstorable {
        /// Why.
        reason: String,
    },
}

impl Migration {
    /// The migration of the output of this step from this version.
    pub const fn output(step: Local, from: u32, carry: Carry) -> Self {
        Self { step, from, how: How::Output(carry) }
    }

    /// The migrations of the workflow that this step calls, which was of this version then.
    pub const fn called(step: Local, from: u32, version: u32, migrations: &'static [Self]) -> Self {
        Self { step, from, how: How::Called { version, migrations } }
    }
}

/// That a step calls a workflow, which has migrations of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a node, and `called` says which version of a workflow was called",
    label = "the step calls no workflow",
    note = "write `with = function` to migrate what a node has given"
)]
pub trait Migrates {
    /// Those.
    const MIGRATIONS: &'static [Migration];
}

#[diagnostic::do_not_recommend]
impl<W: Workflow> Migrates for W {
    const MIGRATIONS: &'static [Migration] = W::MIGRATIONS;
}

/// Whether some of these migrations are from this version.
pub const fn migrate_from(migrations: &[Migration], version: u32) -> bool {
    let mut i = 0;
    while i < migrations.len() {
        if migrations[i].from == version {
            return true;
        }
        i += 1;
    }
    false
}

/// The steps of this plan whose outputs are migrated from this version, those of called workflows among them, and how.
pub(crate) fn steps_from(plan: &Plan, migrations: &[Migration], version: u32) -> Vec<(Local, Carry)> {
    let mut steps = Vec::new();
    // A called workflow numbers its steps as it does alone, and here they stand behind this one.
    let mut rest = vec![(0, migrations, version)];
    while let Some((first, migrations, version)) = rest.pop() {
        for migration in migrations.iter().filter(|migration| migration.from == version) {
            let step = first + migration.step;
            match (migration.how, &plan.step(step).kind) {
                (How::Output(carry), _) => steps.push((step, carry)),
                (How::Called { version, migrations }, StepKind::Sub { body, .. }) => {
                    rest.push((plan.region(*body).first, migrations, version));
                }
                (How::Called { .. }, _) => {}
            }
        }
    }
    steps
}

/// The output that is made of this one.
pub(crate) fn carry(by: Carry, old: &Payload) -> Result<Value, MigrationError> {
    catch(|| by(old)).unwrap_or_else(|message| Err(MigrationError::Panicked { message }))
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("step", &self.step).field("from", &self.from).finish_non_exhaustive()
    }
}

/// The output of a step, made by this function of a stored one. `value` takes out of what the function returns what it
/// gives.
///
/// # Errors
/// If the stored output is not what the function takes, and those of the function.
pub fn carried<New: Output, Old, Returned, Given: Gives<New>>(
    migration: fn(Old) -> Returned,
    stored: &Payload,
    value: impl FnOnce(Returned) -> Result<Given, MigrationError>,
) -> Result<Value, MigrationError>
where
    Stored: Gave<Old>,
{
    let old = Stored::read(stored).map_err(MigrationError::Undecodable)?;
    Ok(Box::new(value(migration(old))?.given()))
}

/// What has stored an output, whatever it is. The bound on what a migration takes is one of this, since rustc would
/// propose a reference to the function where that takes a reference.
pub struct Stored;

/// That a migration can take this, as an output that was stored.
#[diagnostic::on_unimplemented(
    message = "this migration takes `{Old}`, which is no stored output",
    label = "takes `{Old}`",
    note = "a migration takes the output itself, not a reference to it, by a type that derives `serde::Serialize` and `serde::Deserialize`"
)]
pub trait Gave<Old> {
    /// The output that a payload holds.
    ///
    /// # Errors
    /// If the payload is no such value.
    fn read(stored: &Payload) -> Result<Old, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<Old: Output> Gave<Old> for Stored {
    fn read(stored: &Payload) -> Result<Old, DecodeError> {
        decode(stored)
    }
}

/// What a migration returns. That of a `Result` hides the trait's method.
pub struct Returned<R>(pub R);

/// What a migration returns that cannot fail.
pub trait Infallible {
    /// What it gives.
    type Given;

    /// What it has given.
    ///
    /// # Errors
    /// None.
    fn value(self) -> Result<Self::Given, MigrationError>;
}

impl<R> Infallible for Returned<R> {
    type Given = R;

    fn value(self) -> Result<R, MigrationError> {
        Ok(self.0)
    }
}

impl<T, E: Into<BoxError>> Returned<Result<T, E>> {
    /// What it has given.
    ///
    /// # Errors
    /// That of the migration.
    pub fn value(self) -> Result<T, MigrationError> {
        self.0.map_err(|error| MigrationError::Refused(error.into().into()))
    }
}

/// That a migration gives what its step does.
#[diagnostic::on_unimplemented(
    message = "this migration gives `{Self}`, and its step gives `{T}`",
    label = "gives `{Self}` and not `{T}`",
    note = "a migration is a `fn(Old) -> {T}`, or a `fn(Old) -> Result<{T}, E>` with an error `E`"
)]
pub trait Gives<T> {
    /// The value, as the step's.
    fn given(self) -> T;
}

impl<T> Gives<T> for T {
    fn given(self) -> T {
        self
    }
}
