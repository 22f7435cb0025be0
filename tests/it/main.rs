//! All cross-crate suites in one binary, a module per suite.

mod hygiene;
mod ui;
mod workflow;
mod workflow_resume;
