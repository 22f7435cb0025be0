//! `flow`: looks into stores and steers the runs in them, without the code of their workflows.
//!
//! In: what was typed, and a store. Out: data on standard output, remarks and errors on standard error, and an exit code.
//! [`commands`] has a file for each command, [`store`] opens stores, and all that is printed goes through [`output`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod archive;
mod chosen;
mod commands;
mod exit;
mod failure;
mod filter;
mod given;
mod options;
mod output;
mod paste;
mod record;
mod session;
mod steer;
mod store;
mod transfer;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Cli;
use crate::session::Session;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let mut session = Session::new(&matches, cli.options);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(Failure::Runtime)
        .and_then(|runtime| runtime.block_on(cli.command.run(&mut session)));
    match done {
        Ok(exit) => exit.into(),
        // Whoever read the output has seen enough.
        Err(failure) if failure.is_closed_pipe() => Exit::Done.into(),
        Err(failure) => {
            session.out.failure(&failure);
            failure.exit().into()
        }
    }
}
