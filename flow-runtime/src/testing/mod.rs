//! Tools for testing workflows and stores.

mod graph;

pub use graph::{Graph, GraphBody};
