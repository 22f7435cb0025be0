//! Tools for testing workflows and stores, behind the feature `testing`:
//! `cargo add --dev flow-runtime --features testing`.
//!
//! [`crash_everywhere`] kills a workflow at each of its commits; [`VirtualClock`] lets it wait for days without waiting;
//! [`lock!`] holds the shapes of workflows to a file; [`FailingStore`] and [`SlowStore`] are what it may meet, and
//! [`EventRecorder`] is what is seen of it. The conformance kit for stores is behind the feature `conformance`, which
//! brings the others, since only those who write a store need it.

mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod crash;
mod failing;
mod graph;
mod lock;
mod recorder;
mod slow;

#[doc(inline)]
pub use crate::__lock as lock;
#[cfg(any(test, feature = "conformance"))]
#[doc(inline)]
pub use crate::__store_conformance as store_conformance;
pub use clock::VirtualClock;
pub use crash::{CrashFailure, CrashPoint, CrashTest, Parked, crash_at, crash_everywhere};
pub use failing::{FailingStore, StoreCall};
pub use graph::{Graph, GraphBody};
#[doc(hidden)]
pub use lock::hold_to_lock;
pub use lock::{LockError, LockMode, ShapeChanges, check_lock};
pub use recorder::{EventRecorder, Recorded};
pub use slow::SlowStore;
