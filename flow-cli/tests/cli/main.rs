//! The program as it is used: run on stores of each kind, with what it prints held to files in `snapshots/`.
//!
//! `SNAPSHOTS=overwrite cargo test -p flow-cli` writes them anew; read the difference as a user would.

mod application;
mod asking;
mod carrying;
mod flow;
mod list;
mod opening;
mod removing;
mod samples;
mod signals;
mod stores;
