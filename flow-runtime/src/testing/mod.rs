//! Tools for testing workflows and stores.
//!
//! The conformance kit for stores is behind the feature `conformance`, since only those who write a store need it.

mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod graph;

#[cfg(any(test, feature = "conformance"))]
#[doc(inline)]
pub use crate::__store_conformance as store_conformance;
pub use clock::VirtualClock;
pub use graph::{Graph, GraphBody};
