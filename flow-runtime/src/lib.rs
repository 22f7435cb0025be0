//! Durable workflows for Rust that the compiler checks.
//!
//! A [`node`](macro@node) is a function; [`workflow!`] composes nodes in ordinary Rust syntax and turns the body into a
//! static DAG; an [`Engine`] runs it over a [`store`], commits each output, and goes on after a crash from exactly
//! the steps that had not been committed.
//!
//! ```
//! use flow_runtime::prelude::*;
//!
//! #[node]
//! async fn double(x: u64) -> u64 { x * 2 }
//! #[node]
//! async fn sum(xs: &[u64]) -> u64 { xs.iter().sum() }
//!
//! workflow! {
//!     /// Twice the sum.
//!     pub fn twice(xs: Vec<u64>) -> u64 {
//!         let doubled = for x in xs { double(x) };     // all at the same time, each committed alone
//!         sum(doubled)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! let engine = Engine::new(InMemoryStore::default());
//! assert_eq!(twice(vec![1, 2, 3]).run(&engine, "run-1").await?, 12);
//! // The same id again gives the stored result; another input under it is an error.
//! assert_eq!(twice(vec![1, 2, 3]).run(&engine, "run-1").await?, 12);
//! assert!(twice(vec![4]).run(&engine, "run-1").await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | what a function must be to be a node, retries, timeouts | [`node`](macro@node) |
//! | what may stand in a workflow, and what it means | [`workflow!`] |
//! | running, resuming, shutting down | [`Engine`], [`Invocation`], [`RunError`] |
//! | what a changed workflow means for stored runs | [`Invocation::check`], [`testing::lock!`] |
//! | ids, attempts, idempotency keys, progress, key-value data, inside a node | [`NodeContext`], [`Key`] |
//! | where runs are kept; a store of your own | [`store`], [`WorkflowStore`] |
//! | the DAG as data, and as a picture: text, Mermaid, DOT, SVG | [`plan`], [`Plan::render`] |
//! | what is stored of a run, and the run as a picture | [`state`], [`WorkflowData::render`] |
//! | watching runs: progress, spans, metrics | [`observe`] |
//! | what an error is called, and what to do about it | [`errors`] |
//! | crashes at every commit, virtual time, failing stores, for tests | [`testing`], with the feature `testing` |
//!
//! # Features
//!
//! All are off by default.
//!
//! | feature | what it brings | what it takes |
//! | --- | --- | --- |
//! | `sqlite` | `SqliteStore`, in [`store`]: one file for several processes | a C compiler, which compiles SQLite (about a minute) |
//! | `progress` | `TerminalProgress`, in [`observe`]: bars and running steps on a terminal | `console` and `indicatif` |
//! | `metrics` | `MetricsObserver`, in [`observe`]: durations, retries, commits, queues | the facade `metrics` |
//! | `zstd` | compression with Zstandard | a C compiler |
//! | `testing` | [`testing`]: for the tests of your workflows, so among your `dev-dependencies` | nothing |
//! | `conformance` | the kit that tests stores, in [`testing`], and the rest of that | nothing |
//!
//! # What holds
//!
//! A step whose output was committed does not run again. A step that ran without its commit does, under the same
//! idempotency key: effects are at least once, and once for what honours the key; a node that says `at_most_once` is not
//! run again until somebody has said how its attempt ended. A failed run never gives success, and
//! a run whose record does not fit the workflow any more is refused by name and left as it is.
// What stands behind a feature has no page of its own where that is off.
#![cfg_attr(not(feature = "testing"), doc = "", doc = "[`testing`]: #features", doc = "[`testing::lock!`]: #features")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "unit tests damage files and start tasks as they need"))]

pub mod disk;
pub mod engine;
pub mod errors;
pub mod observe;
pub mod plan;
pub mod prelude;
pub mod state;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use engine::{
    Approval, AskError, Durability, Engine, Ephemeral, Invocation, NodeContext, RunError, RunHandle, approval, sleep,
    sleep_until, wait_for,
};
pub use flow_macros::{node, workflow};
pub use plan::{Node, Plan, Provide};
pub use state::{Key, NodeError, NodeFailure, Output, WorkflowData, WorkflowId};
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::{FlatBuffersStore, InMemoryStore, JsonFileStore, StoreError, WorkflowStore};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
