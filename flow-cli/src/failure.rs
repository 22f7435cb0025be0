//! Why a command could not do what was asked.
//!
//! In: what went wrong. Out: the exit code, and what to do; [`Out::failure`](crate::output::Out::failure) prints both.

use std::io;
use std::path::PathBuf;

use flow_runtime::errors::{Code, code_of};
use flow_runtime::{StoreError, WorkflowId};

use crate::exit::Exit;
use crate::store::Address;

/// A command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("it is not said which store to look into")]
    NoStore,
    #[error("there is no store at {}", .address.path.display())]
    NoSuchStore { address: Address },
    #[error("{} is {found}, not {}", .address.path.display(), .address.kind.what())]
    OtherKind { address: Address, found: &'static str, instead: Option<Address> },
    #[error("cannot look at {}", .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("run `{id}` has no step `{path}`, or has not come to it")]
    NoSuchStep { id: WorkflowId, path: String },
    #[error("{what} of run `{id}` is not there")]
    NoSuchValue { id: WorkflowId, what: String },
    #[error("there is no code `{name}`")]
    UnknownCode { name: String },
    #[error("{} is no folder for an application: {reason}", .path.display())]
    Name { path: PathBuf, reason: &'static str },
    #[error("flow-runtime is not in {}", .path.display())]
    NoRuntime { path: PathBuf },
    #[error("there is something in {} already", .path.display())]
    NotEmpty { path: PathBuf },
    #[error("cannot make {}", .path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    #[error("cannot begin")]
    Runtime(#[source] io::Error),
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoStore | Self::NoSuchStore { .. } | Self::OtherKind { .. } | Self::Look { .. } => Exit::Store,
            Self::Store(error) => exit_of(error),
            Self::NoSuchStep { .. } | Self::NoSuchValue { .. } => Exit::NotFound,
            Self::UnknownCode { .. }
            | Self::Name { .. }
            | Self::NoRuntime { .. }
            | Self::NotEmpty { .. }
            | Self::Make { .. }
            | Self::Output(_)
            | Self::Runtime(_) => Exit::Failed,
        }
    }

    /// What to do, where the text does not say it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::NoStore => Some(
                "write `--store sqlite:flow.db`, `--store json:./dir` or `--store fb:./dir`, or set FLOW_STORE"
                    .to_owned(),
            ),
            Self::NoSuchStore { .. } => Some("an application makes it when it opens it; is the path right?".to_owned()),
            Self::OtherKind { instead: Some(instead), .. } => Some(format!("write `--store {instead}`")),
            Self::OtherKind { .. } => {
                Some("write `sqlite:` before the path of a file, `json:` or `fb:` before that of a folder".to_owned())
            }
            Self::Store(StoreError::NotFound { .. }) => Some("`flow list` shows the runs that there are".to_owned()),
            Self::NoSuchStep { .. } => Some(
                "steps are named by their paths, such as `charge` or `labels[17].print`; `flow show` lists them"
                    .to_owned(),
            ),
            Self::UnknownCode { .. } => Some("`flow explain` lists all codes".to_owned()),
            Self::Name { .. } => {
                Some("write a path that ends with the application's name, such as `my-trip`".to_owned())
            }
            Self::NoRuntime { .. } => Some("write the folder of a checkout of Flow".to_owned()),
            Self::NotEmpty { .. } => Some("write a path at which there is nothing yet".to_owned()),
            Self::Make { .. }
            | Self::NoSuchValue { .. }
            | Self::Look { .. }
            | Self::Store(_)
            | Self::Output(_)
            | Self::Runtime(_) => None,
        }
    }

    /// What the error of the library is called that is behind it, if one is.
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Store(error) => Some(error.code()),
            _ => code_of(self),
        }
    }

    /// Whether nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn exit_of(error: &StoreError) -> Exit {
    match error {
        StoreError::NotFound { .. } => Exit::NotFound,
        StoreError::Corrupt { .. } | StoreError::Damaged { .. } => Exit::Damage,
        StoreError::Io { .. }
        | StoreError::Held { .. }
        | StoreError::Busy { .. }
        | StoreError::Locked { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Newer { .. }
        | StoreError::OldLibrary { .. } => Exit::Store,
        _ => Exit::Failed,
    }
}
