//! `flow completions`: what a shell needs to complete what is typed.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Cli;
use crate::session::Session;

/// Print what a shell needs to complete commands and options
///
/// For bash: `flow completions bash > ~/.local/share/bash-completion/completions/flow`; for others see their manuals.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    #[expect(clippy::unused_async, reason = "commands are called alike")]
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "flow", &mut script);
        session.out.raw(&script)?;
        Ok(Exit::Done)
    }
}
