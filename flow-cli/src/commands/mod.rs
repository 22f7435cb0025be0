//! The commands, a file each.
//!
//! A command is a struct that clap reads, with `run`: it opens the store through the session, prints through its `out`,
//! and gives an exit code. To add one: its file, a `mod` line, and a line in the list below.

mod completions;
mod copy;
mod doctor;
mod explain;
mod export;
mod fork;
mod gc;
mod graph;
mod import;
mod list;
mod new;
mod orders;
mod resolve;
mod retry;
mod rm;
mod show;
mod signal;
mod verify;
mod watch;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

macro_rules! commands {
    ($($name:ident: $command:ty,)+) => {
        /// What is to be done.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($name($command),)+
        }

        impl Command {
            /// Does it.
            pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
                match self {
                    $(Self::$name(command) => command.run(session).await,)+
                }
            }
        }
    };
}

commands! {
    List: list::List,
    Show: show::Show,
    Graph: graph::Graph,
    Watch: watch::Watch,
    Doctor: doctor::Doctor,
    Signal: signal::Signal,
    Cancel: orders::Cancel,
    Terminate: orders::Terminate,
    Pause: orders::Pause,
    Resume: orders::Resume,
    Retry: retry::Retry,
    Fork: fork::Fork,
    Resolve: resolve::Resolve,
    Rm: rm::Rm,
    Gc: gc::Gc,
    Export: export::Export,
    Import: import::Import,
    Copy: copy::Copy,
    Verify: verify::Verify,
    New: new::New,
    Explain: explain::Explain,
    Completions: completions::Completions,
}
