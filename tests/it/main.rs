//! All cross-crate suites in one binary, a module per suite.

mod examples;
mod execution;
mod caught_regions;
mod hygiene;
mod recorder;
mod resume;
mod ui;
mod unusual;
mod workflow;
mod workflow_resume;
