//! `flow cancel`, `terminate`, `pause`, `resume`: what is asked of runs that have not ended.

use clap::Args;
use flow_runtime::state::WorkflowStatus;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::steer::{Order, Steering};

/// Stop runs for good, and undo what can be undone
///
/// Nothing more starts, and bodies that run are told so. What was done is undone where a node says how. The order waits
/// in the store until the application takes it, whether that runs now or not.
#[derive(Args, Debug)]
pub(crate) struct Cancel {
    #[command(flatten)]
    steering: Steering,
}

/// Stop runs for good, and undo nothing
///
/// As `cancel`, but for undoing. The order waits in the store until the application takes it, whether that runs now or
/// not.
#[derive(Args, Debug)]
pub(crate) struct Terminate {
    #[command(flatten)]
    steering: Steering,
}

/// Let runs start nothing until they are resumed
///
/// Bodies that run go on to their end. The order waits in the store until the application takes it, whether that runs
/// now or not.
#[derive(Args, Debug)]
pub(crate) struct Pause {
    #[command(flatten)]
    steering: Steering,
}

/// Let runs go on that were paused
///
/// The order waits in the store until the application takes it, whether that runs now or not.
#[derive(Args, Debug)]
pub(crate) struct Resume {
    #[command(flatten)]
    steering: Steering,
}

const fn goes_on(status: WorkflowStatus) -> bool {
    !status.is_terminal()
}

impl Cancel {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let order = Order { act: "cancel", what: "cancellation", kind: "Cancel", fits: goes_on };
        self.steering.order(session, &order, async |engine, run| engine.cancel(run.as_str()).await).await
    }
}

impl Terminate {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let order = Order { act: "terminate", what: "termination", kind: "Terminate", fits: goes_on };
        self.steering.order(session, &order, async |engine, run| engine.terminate(run.as_str()).await).await
    }
}

impl Pause {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let order = Order { act: "pause", what: "pause", kind: "Pause", fits: goes_on };
        self.steering.order(session, &order, async |engine, run| engine.pause(run.as_str()).await).await
    }
}

impl Resume {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let order = Order { act: "resume", what: "resumption", kind: "Resume", fits: goes_on };
        self.steering.order(session, &order, async |engine, run| engine.resume(run.as_str()).await).await
    }
}
