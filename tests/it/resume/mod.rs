//! Crash and resume: a run goes on from any of its commits, and nothing committed runs again.

mod durability;
pub(crate) mod every_commit;
pub(crate) mod outcome;
mod plans;
mod power_loss;
mod protocol;
mod random_dags;
mod values;
pub(crate) mod workflows;
