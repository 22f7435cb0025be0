//! The program as it is used: run on stores of each kind, with what it prints held to files in `snapshots/`.
//!
//! `SNAPSHOTS=overwrite cargo test -p flow-cli` writes them anew; read the difference as a user would.

mod doctor;
mod explain;
mod flow;
mod graph;
mod hostile;
mod list;
mod new;
mod opening;
mod program;
mod samples;
mod shapes;
mod show;
mod stores;
mod verify;
mod watch;
