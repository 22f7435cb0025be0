//! `flow import`: runs from a file, as `flow export` writes it.

use std::path::PathBuf;

use clap::Args;

use crate::archive::Archive;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::transfer::{Damage, Overwriting, all_runs};

/// Put runs from an export into the store
///
/// Each is read back. A run that the store has already is left: if it is equal that is fine, if not it is told. What is
/// damaged in the file is told by its line, and all else is imported. If there is no store, it is made. A store in a folder
/// must not be open in an application meanwhile.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    overwriting: Overwriting,
}

impl Import {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let mut archive = Archive::open(&self.file)?;
        let store = session.maker()?;
        let (runs, _) = all_runs(&archive).await?;
        let damage = Damage::Lines(archive.take_broken());
        self.overwriting.carry(&archive, &store, runs, session, damage).await
    }
}
