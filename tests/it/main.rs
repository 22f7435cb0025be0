//! All cross-crate suites in one binary, a module per suite.

mod adopted_shapes;
mod caught_regions;
mod definition;
mod examples;
mod execution;
mod branching;
mod hygiene;
mod recorder;
mod resume;
mod ui;
mod unusual;
mod workflow;
mod workflow_resume;
