//! `flow retry`: runs that have ended go on.

use clap::Args;
use flow_runtime::state::WorkflowStatus;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::steer::{Order, Steering};

/// Run again what failed, of runs that have ended
///
/// What has completed stays as it is. With `--from` a step runs again whether it failed or not, and all that follows
/// from it; its effect happens once more. The order waits in the store until the application takes it, whether that runs
/// now or not.
#[derive(Args, Debug)]
pub(crate) struct Retry {
    /// Run this step again and what follows from it: `charge`, `labels[17].print`
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    #[command(flatten)]
    steering: Steering,
}

impl Retry {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let order = |kind, fits| Order { act: "retry", what: "retry", kind, fits };
        let Some(step) = &self.from else {
            let has_failed = |status: WorkflowStatus| status.is_terminal() && status != WorkflowStatus::Completed;
            let order = order("RetryFailed", has_failed);
            return self
                .steering
                .order(session, &order, async |engine, run| engine.retry_failed(run.as_str()).await)
                .await;
        };
        let order = order("RetryFrom", WorkflowStatus::is_terminal);
        self.steering.order(session, &order, async |engine, run| engine.retry_from(run.as_str(), step).await).await
    }
}
