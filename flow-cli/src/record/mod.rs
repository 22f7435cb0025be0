//! What a record says, in words and in JSON. It is read as it stands: nothing here knows the code of a workflow.

mod facts;
mod failure;
mod steps;
pub(crate) mod value;
mod waits;

pub(crate) use facts::{Facts, output_of};
pub(crate) use failure::Failed;
pub(crate) use steps::{Line, Lines, StepFacts, opened, progress, steps_in, took};
pub(crate) use waits::{Wait, wait_of};
