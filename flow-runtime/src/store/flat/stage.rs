//! Taking requests into the next batch: whether a change follows, and the frames that it makes.
//!
//! In: changes, whole runs and deletions. Out: frames that wait to be written, or why a request is refused.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::format::{self, Kind, PLAN_BIT};
use super::frame::{Begins, FrameHead};
use super::index::Head;
use super::log::Log;
use super::parts::NewPart;
use super::pending::{Fate, Standing};
use super::plans::EncodedPlan;
use crate::state::{Timestamp, WorkflowId};
use crate::store::StoreError;
use crate::store::lead::Change;

/// A request, with the way back for its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// What is asked of the writer.
pub(super) enum Request {
    /// Keep this change.
    Commit(Box<Commit>),
    /// Keep this run in place of what there is of it.
    Save(Box<Save>),
    /// Keep this part of a large payload.
    Part(Box<NewPart>),
    /// Remove this run.
    Delete(WorkflowId),
    /// Write what waits.
    Flush,
}

/// A change of a run.
pub(super) struct Commit {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) seq: u64,
    /// A change, or the whole run after it.
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    pub(super) body: Vec<u8>,
    /// What tells the change from others, also where the whole run is kept.
    pub(super) delta_crc: u32,
    pub(super) plan: Option<Arc<EncodedPlan>>,
    pub(super) status: u8,
    pub(super) created_at: Timestamp,
    pub(super) lazy: bool,
    /// Whether the run ends by it.
    pub(super) ends: bool,
}

impl Change for Commit {
    fn run(&self) -> &WorkflowId {
        &self.id
    }

    fn ends(&self) -> bool {
        self.ends
    }

    fn bytes(&self) -> usize {
        self.body.len()
    }
}

/// A whole run.
pub(super) struct Save {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) next: u64,
    pub(super) body: Vec<u8>,
    pub(super) plan: Arc<EncodedPlan>,
    pub(super) status: u8,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Log {
    /// Takes in a change. Gives whether who asked waits until it is written.
    pub(super) fn stage_commit(&mut self, commit: Commit) -> Result<bool, StoreError> {
        let conflict = |reason: String| Err(StoreError::Conflict { id: commit.id.clone(), reason });
        let (run, begins) = match self.find(&commit.id)? {
            None if commit.seq == 0 => (self.new_number(&commit.id), true),
            None => return conflict("it is not there any more".to_owned()),
            Some(Standing { run, run_no, head }) => {
                let is_same_run = run_no == commit.run_no;
                if is_same_run && head.next == commit.seq + 1 && head.delta_crc == commit.delta_crc {
                    return Ok(!commit.lazy);
                }
                let failure = self.lost.remove(&run);
                if !is_same_run || head.next != commit.seq {
                    if let Some(failure) = failure {
                        return Err(failure.to_error());
                    }
                    let (found, sent) = (head.next, commit.seq);
                    return conflict(format!("it is at change {found}, and change {sent} does not follow"));
                }
                (run, false)
            }
        };
        let (run_no, created_at) = (commit.run_no, commit.created_at);
        let head = FrameHead {
            kind: commit.kind,
            run,
            next: commit.seq + 1,
            at: commit.at,
            plan: commit.plan.as_ref().map_or(0, |plan| self.stage_plan(plan)),
            delta_crc: commit.delta_crc,
            status: commit.status,
            begins: (begins || commit.kind == Kind::Snapshot)
                .then(|| Box::new(Begins { id: commit.id.clone(), run_no, created_at })),
            part: None,
        };
        let standing = Standing { run, run_no: commit.run_no, head: Head::of(&head) };
        if begins {
            self.pending.set_number(run, commit.id.clone());
        }
        self.pending.set_fate(commit.id, Fate::Stands(standing));
        self.pending.add(head, &commit.body);
        Ok(!commit.lazy)
    }

    pub(super) fn stage_save(&mut self, save: Save) {
        // A damaged run may be replaced as well: whoever saves it knows better what it should be.
        let run = self.number_of(&save.id).unwrap_or_else(|| self.new_number(&save.id));
        let plan = self.stage_plan(&save.plan);
        let head = FrameHead {
            kind: Kind::Snapshot,
            run,
            next: save.next,
            at: save.updated_at,
            plan,
            delta_crc: 0,
            status: save.status,
            begins: Some(Box::new(Begins { id: save.id.clone(), run_no: save.run_no, created_at: save.created_at })),
            part: None,
        };
        let standing = Standing { run, run_no: save.run_no, head: Head::of(&head) };
        self.pending.set_number(run, save.id.clone());
        self.pending.set_fate(save.id, Fate::Stands(standing));
        self.pending.add(head, &save.body);
    }

    pub(super) fn stage_delete(&mut self, id: &WorkflowId) -> Result<bool, StoreError> {
        let run = self.number_of(id).ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        self.pending.set_fate(id.clone(), Fate::Gone);
        self.pending.add(FrameHead::plain(Kind::Deleted, run, 0), &[]);
        Ok(true)
    }

    /// The number of a plan, which is added to the batch if the log does not have it yet.
    fn stage_plan(&mut self, plan: &EncodedPlan) -> u32 {
        let known = self.pending.plan(plan.digest).or_else(|| self.index().pin_plan(plan.digest));
        if let Some(number) = known {
            return number;
        }
        let next = self.index().next_plan;
        let number = self.pending.new_plan(plan.digest, next);
        let head = FrameHead::plain(Kind::Plan, u64::from(number) | PLAN_BIT, plan.digest);
        // Many runs depend on a plan, so damage of one copy must not matter.
        self.pending.add(head.clone(), &plan.bytes);
        self.pending.add(head, &plan.bytes);
        number
    }

    /// A number for a run that is not there: that of its id, or the next that no other run has.
    pub(super) fn new_number(&self, id: &WorkflowId) -> u64 {
        let mut number = format::run_number(id);
        while self.pending.is_taken(number, id) || self.index().is_taken(number, id) {
            number = (number + 1) & !PLAN_BIT;
        }
        number
    }

    /// The number of a run, also of a damaged one.
    pub(super) fn number_of(&self, id: &WorkflowId) -> Option<u64> {
        match self.pending.fate(id) {
            Some(Fate::Stands(standing)) => Some(standing.run),
            Some(Fate::Gone) => None,
            None => self.index().number_of(id),
        }
    }

    /// Where a run stands, with what waits to be written.
    fn find(&self, id: &WorkflowId) -> Result<Option<Standing>, StoreError> {
        match self.pending.fate(id) {
            Some(Fate::Stands(standing)) => return Ok(Some(standing)),
            Some(Fate::Gone) => return Ok(None),
            None => {}
        }
        let index = self.index();
        let run = index.run_of(id)?;
        Ok(run.map(|(run, found)| Standing { run, run_no: found.run_no, head: found.head }))
    }
}
