//! Why a command could not do what was asked.
//!
//! In: what went wrong. Out: the exit code, and what to do; [`Out::failure`](crate::output::Out::failure) prints both.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use flow_runtime::engine::ForkError;
use flow_runtime::errors::{Code, code_of};
use flow_runtime::state::{InvalidId, WorkflowStatus};
use flow_runtime::{AskError, StoreError, WorkflowId};

use crate::exit::Exit;
use crate::store::Address;
use crate::words;

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
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Fork(#[from] ForkError),
    #[error("the id that the new run would have is none")]
    NewId(#[source] InvalidId),
    #[error("cannot read {from}")]
    Read { from: String, source: io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is no export: no line of it is one that `flow export` has written", .path.display())]
    NoExport { path: PathBuf },
    #[error("the export goes to standard output, and so would the JSON")]
    JsonBesideData,
    #[error("nobody can be asked here whether to {act}")]
    NotConfirmed { act: String },
    #[error("nothing was done")]
    Declined,
    #[error("run `{run}` has not ended ({}), and only runs that have are removed", words::of_run(*.status))]
    NotEnded { run: WorkflowId, status: WorkflowStatus },
    #[error("run `{run}` has not taken the {what} within {} s", .within.as_secs_f64())]
    NotTaken { run: WorkflowId, what: &'static str, within: Duration },
    #[error(
        "run `{run}` has refused the signal `{name}`: it ended before it came to it, or the value is of another type"
    )]
    NotUsed { run: WorkflowId, name: String },
    #[error("run `{run}` has refused the output of step `{step}`: it is of another type than the step's")]
    NotResolved { run: WorkflowId, step: String },
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
            Self::Ask(AskError::Unknown { .. } | AskError::UnknownStep { .. })
            | Self::Fork(ForkError::Unknown { .. } | ForkError::UnknownStep { .. }) => Exit::NotFound,
            Self::Ask(AskError::Store { source, .. }) | Self::Fork(ForkError::Store { source, .. }) => exit_of(source),
            Self::Ask(_)
            | Self::Fork(_)
            | Self::NewId(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::NoExport { .. }
            | Self::JsonBesideData
            | Self::NotConfirmed { .. }
            | Self::Declined
            | Self::NotEnded { .. }
            | Self::NotTaken { .. }
            | Self::NotUsed { .. }
            | Self::NotResolved { .. }
            | Self::UnknownCode { .. }
            | Self::Name { .. }
            | Self::NoRuntime { .. }
            | Self::NotEmpty { .. }
            | Self::Make { .. }
            | Self::Output(_)
            | Self::Runtime(_) => Exit::Failed,
            Self::NoSuchStep { .. } | Self::NoSuchValue { .. } => Exit::NotFound,
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
            Self::Store(error) => help_of_store(error),
            Self::Ask(error) => help_of_asking(error),
            Self::Fork(ForkError::Unknown { .. }) => Some(LIST.to_owned()),
            Self::Fork(ForkError::Store { source, .. }) => help_of_store(source),
            Self::NewId(_) => Some("give it one with `--as`".to_owned()),
            Self::JsonBesideData => {
                Some("write the export to a file, `--output FILE`, or leave out `--json`".to_owned())
            }
            Self::NotConfirmed { .. } => Some("look first, then write `--yes`".to_owned()),
            Self::NotEnded { .. } => {
                Some("`flow cancel` ends it; `--force` removes it as it is, if no engine drives it".to_owned())
            }
            Self::NotTaken { .. } => {
                Some("it is in the store, and is taken when the application drives the run".to_owned())
            }
            Self::NoSuchStep { .. } => Some(STEPS.to_owned()),
            Self::UnknownCode { .. } => Some("`flow explain` lists all codes".to_owned()),
            Self::Name { .. } => {
                Some("write a path that ends with the application's name, such as `my-trip`".to_owned())
            }
            Self::NoRuntime { .. } => Some("write the folder of a checkout of Flow".to_owned()),
            Self::NotEmpty { .. } => Some("write a path at which there is nothing yet".to_owned()),
            Self::Make { .. }
            | Self::NoSuchValue { .. }
            | Self::Look { .. }
            | Self::Fork(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::NoExport { .. }
            | Self::Declined
            | Self::NotUsed { .. }
            | Self::NotResolved { .. }
            | Self::Output(_)
            | Self::Runtime(_) => None,
        }
    }

    /// What the error of the library is called that is behind it, if one is.
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Store(error) => Some(error.code()),
            Self::Ask(error) => Some(error.code()),
            Self::Fork(error) => Some(error.code()),
            _ => code_of(self),
        }
    }

    /// Whether nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

const STEPS: &str = "steps are named by their paths, such as `charge` or `labels[17].print`; `flow show` lists them";
const LIST: &str = "`flow list` shows the runs that there are";

fn help_of_store(error: &StoreError) -> Option<String> {
    match error {
        StoreError::NotFound { .. } => Some(LIST.to_owned()),
        StoreError::Locked { .. } => Some(
            "stop the application that has the store open; `cancel`, `retry` and `signal` work beside it".to_owned(),
        ),
        _ => None,
    }
}

fn help_of_asking(error: &AskError) -> Option<String> {
    match error {
        AskError::Unknown { .. } => Some(LIST.to_owned()),
        AskError::NothingToRetry { .. } => Some("`flow retry RUN --from STEP` runs a step again".to_owned()),
        AskError::NotEnded { .. } => Some("`flow cancel` ends it".to_owned()),
        AskError::NotJson { .. } => {
            Some("texts stand in double quotes, which a shell needs quoted: '\"yes\"'".to_owned())
        }
        AskError::Store { source, .. } => help_of_store(source),
        _ => None,
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
