//! All cross-crate suites in one binary, a module per suite.

mod workflow;
