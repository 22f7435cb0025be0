//! How runs go: what starts when, what a failure, a limit, a retry or a shutdown means, what the values are.
//!
//! `probe`, `stores` and `clock` are what the suites look with; each of the others is a theme of the behaviours.

mod again;
mod borrowed;
mod caught;
mod clock;
mod commits;
mod compression;
mod data;
mod failure;
mod hosting;
mod identity;
mod layers;
mod limits;
mod measured;
mod observers;
mod panics;
mod parts;
mod permits;
mod probe;
mod property;
mod queue;
mod retry;
mod scale;
mod secrecy;
mod shutdown;
mod sizes;
mod stores;
pub(crate) mod traces;
mod values;

/// What is printed of an error: its text and those of all behind it.
fn printed(error: flow_runtime::RunError) -> String {
    format!("{:#}", anyhow::Error::new(error))
}
