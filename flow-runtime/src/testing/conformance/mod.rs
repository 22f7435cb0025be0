//! What every store must do, as cases that anyone can run on a store of their own.
//!
//! [`store_conformance!`](crate::testing::store_conformance) makes one test of each case. In: a [`StoreFixture`], in
//! most crates an async closure that opens the store. Out: tests named after the behaviour they demand, whose
//! messages say what was expected of the store and what came instead. The kit is behind the feature `conformance`:
//!
//! ```toml
//! [dev-dependencies]
//! flow-runtime = { version = "0.1", features = ["conformance"] }
//! ```
//!
//! ```
//! # struct MyStore;
//! # impl MyStore { async fn open(_: &std::path::Path) -> flow_runtime::InMemoryStore { Default::default() } }
//! #[cfg(test)]
//! mod conformance {
//!     use super::MyStore;
//!
//!     flow_runtime::testing::store_conformance!({
//!         let folder = tempfile::tempdir().unwrap();
//!         async move || MyStore::open(folder.path()).await
//!     });
//! }
//! ```
//!
//! The expression is evaluated anew for each case and gives an empty place. The closure may be called several times
//! by one case: then it opens the same place again, after the store it gave before was dropped. What is kept only in
//! memory has its place in the closure:
//!
//! ```
//! use flow_runtime::InMemoryStore;
//! use flow_runtime::testing::conformance;
//!
//! fn in_memory() -> impl conformance::StoreFixture {
//!     let store = InMemoryStore::default();
//!     async move || store.clone()
//! }
//!
//! for case in &conformance::cases()[..3] {
//!     case.run(&in_memory());
//! }
//! ```
//!
//! A store that overrides [`commit`](crate::WorkflowStore::commit) must also refuse what does not follow. One that
//! has the four required methods alone cannot, since it saves whatever it is given; it says so with
//! `store_conformance!(four_methods, ..)` and is spared those cases. That it says so rightly is a case as well. A store
//! that leaves [`claim`](crate::WorkflowStore::claim) as it is gives the fence 0, and so the kit knows it: it is asked
//! no more than that it holds nothing. The fences of a store that holds runs begin at 1. One that keeps no parts, which
//! [`inline_bytes`](crate::WorkflowStore::inline_bytes) says, passes the cases about parts without a call; one that leaves
//! [`ask`](crate::WorkflowStore::ask) as it is keeps no requests, and is asked for none.

mod absent;
mod cases;
mod claims;
mod conflicts;
mod crowds;
mod deleting;
mod difference;
mod dropped;
mod expect;
mod ids;
mod large;
mod listing;
mod parts;
mod place;
mod plans;
mod queries;
mod records;
mod reopening;
mod replace;
mod requests;
#[cfg(test)]
mod resets;
mod runs;
mod shapes;
mod snapshots;
mod states;
mod together;
mod values;
mod walk;

pub use cases::{Case, cases, commit_cases, four_methods_cases, run_case};
pub use place::StoreFixture;
