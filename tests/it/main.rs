//! All cross-crate suites in one binary, a module per suite.

mod adopted_shapes;
mod branching;
mod caught_regions;
mod conformance;
mod conformance_mutants;
mod crash;
mod definition;
mod durable;
mod examples;
mod execution;
mod golden;
mod held;
mod hygiene;
mod large_outputs;
mod moving;
mod recorder;
mod requests;
mod resume;
mod retention;
mod shared_file;
mod tidy;
mod ui;
mod unusual;
mod waits;
mod workflow;
mod workflow_resume;
