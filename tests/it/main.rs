//! All cross-crate suites in one binary, a module per suite.

mod ui;
mod workflow;
