//! A new run that takes over what another one has done, but for a step and what follows from it.
//!
//! In: the id of a run, the path of a step, another id. Out: the record of a new run, committed whole, which goes on from
//! there. The run it was made from stays as it is.

use std::sync::Arc;

use super::Engine;
use super::drive::opened_kind;
use super::parts::{Cut, cut, fetch, put};
use crate::plan::StepKind;
use crate::state::{
    ApplyError, CompletedBy, Delta, Event, InvalidId, Payload, RunCreated, StepRef, StepStatus, Timestamp,
    WorkflowData, WorkflowId,
};
use crate::store::StoreError;

/// No run was made. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// The text is no workflow id.
    ///
    /// [`E-ID-WORKFLOW`](crate::errors::codes::ID_WORKFLOW).
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// There is no run of this id.
    ///
    /// [`E-RUN-UNKNOWN`](crate::errors::codes::RUN_UNKNOWN).
    #[error("there is no run `{id}` to make another one from")]
    Unknown {
        /// The run.
        id: WorkflowId,
    },
    /// The run has no such step.
    ///
    /// [`E-STEP-UNKNOWN`](crate::errors::codes::STEP_UNKNOWN).
    #[error(
        "run `{id}` of `{workflow}` has no step `{step}`, or has not come to it; steps are named by their paths, such as `charge` or `labels[17].print`"
    )]
    UnknownStep {
        /// The run.
        id: WorkflowId,
        /// Its workflow.
        workflow: String,
        /// What was taken for the path of a step.
        step: String,
    },
    /// There is a run of the new id already.
    ///
    /// [`E-RUN-EXISTS`](crate::errors::codes::RUN_EXISTS).
    #[error("there is a run `{id}` already; choose another id for the new one")]
    Exists {
        /// The new id.
        id: WorkflowId,
    },
    /// The store failed.
    ///
    /// The code is that of the source.
    #[error("run `{id}` could not be made from another one")]
    Store {
        /// The new id.
        id: WorkflowId,
        /// Why.
        source: Arc<StoreError>,
    },
}

impl<S> Engine<S> {
    /// Makes a new run that takes over from this one what has completed and does not follow from this step, and runs the
    /// rest. The run it is made from stays as it is, whether it has ended or not. When this returns the new run is on
    /// disk; if its workflow is known here it goes on at once, and running the workflow with the same input under the new
    /// id gives its result.
    ///
    /// The new run has an id of its own, so its steps have other keys: **the effects of what it runs happen again**. What
    /// it took over it has not done, and does not undo. Failures that `#[catch]` made a value are taken over too; all
    /// other steps that came to no good end run anew.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// use flow_runtime::prelude::*;
    ///
    /// #[node]
    /// async fn read(#[state] reads: &AtomicU32) -> u32 { reads.fetch_add(1, SeqCst) + 1 }
    /// #[node]
    /// async fn report(reads: u32) -> String { format!("read {reads}") }
    /// workflow! { fn reads() -> String { report(read()) } }
    ///
    /// let engine = Engine::builder(InMemoryStore::default()).state(AtomicU32::new(0)).build();
    /// reads().run(&engine, "first").await?;
    /// engine.fork_from("first", "report", "second").await?;
    /// assert_eq!(reads().run(&engine, "second").await?, "read 1", "only `report` ran again");
    /// engine.fork_from("first", "read", "third").await?;
    /// assert_eq!(reads().run(&engine, "third").await?, "read 2");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ForkError::Unknown`] if there is no such run, [`ForkError::UnknownStep`] if it has not come to such a step,
    /// [`ForkError::Exists`] if there is a run of the new id; and if the store fails.
    pub async fn fork_from(&self, id: impl AsRef<str>, step: &str, new_id: impl AsRef<str>) -> Result<(), ForkError> {
        let (id, new_id) = (WorkflowId::new(id)?, WorkflowId::new(new_id)?);
        let failed = |source| ForkError::Store { id: new_id.clone(), source: Arc::new(source) };
        let source = match self.runner.hold.store.load(&id).await {
            Ok(source) => source,
            Err(StoreError::NotFound { .. }) => return Err(ForkError::Unknown { id }),
            Err(error) => return Err(failed(error)),
        };
        let Some(step_ref) = source.find(step) else {
            let workflow = source.plan.workflow.to_string();
            return Err(ForkError::UnknownStep { id, workflow, step: step.to_owned() });
        };
        if self.runner.live.contains(&new_id) {
            return Err(ForkError::Exists { id: new_id });
        }
        let hold = &self.runner.hold;
        let fence = hold.claim(&new_id).await.map_err(failed)?;
        let made = self.make(&source, step_ref, &new_id, fence).await;
        hold.release(&new_id).await;
        if !made.map_err(failed)? {
            return Err(ForkError::Exists { id: new_id });
        }
        self.runner.take_up(&new_id).await;
        Ok(())
    }

    /// Commits the new run; says whether there was none.
    async fn make(
        &self,
        source: &WorkflowData,
        step: StepRef,
        new_id: &WorkflowId,
        fence: u64,
    ) -> Result<bool, StoreError> {
        let store = &*self.runner.hold.store;
        match store.load(new_id).await {
            Err(StoreError::NotFound { .. }) => {}
            Ok(_) => return Ok(false),
            Err(error) => return Err(error),
        }
        let now = self.runner.shared.clock.now();
        let mut kept = source.clone();
        kept.set_back(&[step], now, &mut Vec::new());
        let (mut after, mut events) = begin(source, new_id, now);
        for opened in opened(&kept) {
            take_over(&mut after, &mut events, opened, now)?;
        }
        for ended in ended(&kept) {
            let ended = match ended {
                Event::StepCompleted { step, attempt, payload, data, by } => {
                    let (payload, cut) = self.bring(source, &kept, step, payload).await?;
                    if let Some(cut) = cut {
                        put(store, &after, cut).await?;
                    }
                    Event::StepCompleted { step, attempt, payload, data, by }
                }
                other => other,
            };
            take_over(&mut after, &mut events, ended, now)?;
        }
        let mut delta = Delta::new(after.run_no, 0, after.updated_at, events);
        delta.fence = fence;
        after.seq = 1;
        match store.commit(&after, &delta).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An output for the new run: its bytes are brought along if they are kept beside the record of the other.
    async fn bring(
        &self,
        source: &WorkflowData,
        kept: &WorkflowData,
        step: StepRef,
        payload: Payload,
    ) -> Result<(Payload, Option<Cut>), StoreError> {
        if !payload.is_reference() {
            return Ok((payload, None));
        }
        let store = &*self.runner.hold.store;
        let what = format!("the output of step `{}`", kept.path(step));
        let payload = fetch(store, source, &payload, &what).await?;
        Ok(cut(payload, store.inline_bytes()))
    }
}

/// The new run, of which nothing but its creation has happened.
fn begin(source: &WorkflowData, new_id: &WorkflowId, now: Timestamp) -> (WorkflowData, Vec<Event>) {
    let mut created = RunCreated::new(new_id.clone(), source.plan.clone(), source.input.clone());
    created.metadata = source.metadata.clone();
    created.forked_from = Some(source.id.clone());
    let data = WorkflowData::new(fastrand::u64(1..), &created, now);
    (data, vec![Event::RunCreated(Box::new(created))])
}

fn take_over(
    after: &mut WorkflowData,
    events: &mut Vec<Event>,
    event: Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    let applied = after.apply_event(&event, now, &mut Vec::new());
    applied.map_err(|error: ApplyError| StoreError::Other(error.into()))?;
    events.push(event);
    Ok(())
}

fn steps(data: &WorkflowData) -> impl Iterator<Item = StepRef> {
    let of = |(instance, region): (usize, u32)| {
        data.plan.region(region).locals().map(move |local| StepRef::new(instance as u32, local))
    };
    data.instances.iter().map(|state| state.region).enumerate().flat_map(of)
}

/// What the branches and fan-outs of this record have opened, in an order in which the instances get the numbers they
/// have there.
fn opened(kept: &WorkflowData) -> Vec<Event> {
    let has_opened = |step: &StepRef| {
        let state = kept.step(*step);
        let is_empty_each =
            matches!(kept.plan.step(step.local).kind, StepKind::Each { .. }) && state.status == StepStatus::Completed;
        state.opened_len > 0 || is_empty_each
    };
    let mut heads: Vec<StepRef> = steps(kept).filter(has_opened).collect();
    heads.sort_by_key(|head| (kept.step(*head).opened_len == 0, kept.step(*head).opened));
    let all = kept.instances.len() as u32;
    let event = |step: StepRef| {
        let first_instance = if kept.step(step).opened_len == 0 { all } else { kept.step(step).opened };
        Event::RegionOpened { step, first_instance, kind: opened_kind(kept, step) }
    };
    heads.into_iter().map(event).collect()
}

/// The steps of this record that have ended: those that have an output, then those whose failure was caught.
fn ended(kept: &WorkflowData) -> Vec<Event> {
    let is_call = |step: &StepRef| matches!(kept.plan.step(step.local).kind, StepKind::Call { .. });
    let completed = steps(kept).filter(is_call).filter_map(|step| {
        let (state, data) = (kept.step(step), written_by(kept, step));
        let payload = state.output.clone().filter(|_| state.status == StepStatus::Completed)?;
        Some(Event::StepCompleted { step, attempt: state.attempts, payload, data, by: CompletedBy::Copied })
    });
    let failed = steps(kept).filter_map(|step| {
        let state = kept.step(step);
        let error = state.error.as_deref().filter(|_| state.status == StepStatus::Failed)?;
        Some(Event::StepFailed { step, attempt: state.attempts, error: error.clone() })
    });
    completed.chain(failed).collect()
}

/// What a step wrote into the run's key-value data.
fn written_by(kept: &WorkflowData, step: StepRef) -> Vec<(String, Payload)> {
    let own = |(key, entries): (&String, &Vec<crate::state::DataEntry>)| {
        let entry = entries.iter().find(|entry| entry.step == step)?;
        Some((key.clone(), entry.payload.clone()))
    };
    kept.data.iter().filter_map(own).collect()
}
