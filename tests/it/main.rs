//! All cross-crate suites in one binary, a module per suite.

mod examples;
mod execution;
mod adopted_shapes;
mod caught_regions;
mod hygiene;
mod recorder;
mod resume;
mod ui;
mod unusual;
mod workflow;
mod workflow_resume;
