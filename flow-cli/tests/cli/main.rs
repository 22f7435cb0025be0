//! The program as it is used: run on stores of each kind, with what it prints held to files in `snapshots/`.
//!
//! `SNAPSHOTS=overwrite cargo test -p flow-cli` writes them anew; read the difference as a user would.

mod application;
mod asking;
mod carrying;
mod doctor;
mod explain;
mod flow;
mod graph;
mod hostile;
mod list;
mod new;
mod opening;
mod program;
mod removing;
mod samples;
mod shapes;
mod show;
mod signals;
mod stores;
mod verify;
mod watch;
