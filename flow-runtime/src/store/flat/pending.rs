//! What goes into the next batch.
//!
//! In: frames, in the order in which they were accepted. Out: the frames as bytes, and where the runs they are about
//! will stand once they are written; so changes that follow one another may go into one batch.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::frame::FrameHead;
use super::index::Head;
use crate::state::WorkflowId;
use crate::store::StoreError;

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) run: u64,
    pub(super) run_no: u64,
    pub(super) head: Head,
}

/// What a batch makes of a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Stands(Standing),
    Gone,
}

/// A frame of the batch.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) head: FrameHead,
    /// Where it begins among the frames, and its length without what fills it up.
    pub(super) offset: usize,
    pub(super) len: u32,
}

/// The frames of the next batch.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) frames: Vec<u8>,
    pub(super) waiting: Vec<Waiting>,
    /// Those who wait for the batch.
    pub(super) replies: Vec<oneshot::Sender<Result<(), StoreError>>>,
    fates: HashMap<WorkflowId, Fate>,
    plans: HashMap<u64, u32>,
    /// The numbers of runs that begin in the batch.
    numbers: HashMap<u64, WorkflowId>,
    since: Option<Instant>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    #[expect(clippy::disallowed_methods, reason = "a test that pauses tokio's clock must not hold up the disk")]
    pub(super) fn add(&mut self, head: FrameHead, body: &[u8]) {
        let offset = self.frames.len();
        let len = head.write(body, &mut self.frames);
        self.waiting.push(Waiting { head, offset, len });
        self.since.get_or_insert_with(Instant::now);
    }

    /// How long the oldest frame has been waiting.
    pub(super) fn lag(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// What becomes of a run, if the batch is about it.
    pub(super) fn fate(&self, id: &WorkflowId) -> Option<Fate> {
        self.fates.get(id).copied()
    }

    /// Notes what becomes of a run.
    pub(super) fn set_fate(&mut self, id: WorkflowId, fate: Fate) {
        self.fates.insert(id, fate);
    }

    /// Gives a run that begins in the batch its number.
    pub(super) fn set_number(&mut self, number: u64, id: WorkflowId) {
        self.numbers.insert(number, id);
    }

    /// Whether a run of another id begins in the batch with this number.
    pub(super) fn is_taken(&self, number: u64, id: &WorkflowId) -> bool {
        self.numbers.get(&number).is_some_and(|other| other != id)
    }

    /// The number of a plan that the batch brings.
    pub(super) fn plan(&self, digest: u64) -> Option<u32> {
        self.plans.get(&digest).copied()
    }

    /// Makes it ready for another batch, with at most so many bytes of the room that this one took.
    pub(super) fn clear(&mut self, most: usize) {
        self.frames.clear();
        self.frames.shrink_to(most);
        self.waiting.clear();
        self.replies.clear();
        self.fates.clear();
        self.plans.clear();
        self.numbers.clear();
        self.since = None;
    }

    /// A number for a new plan; `next` is the first that the log has not given away.
    pub(super) fn new_plan(&mut self, digest: u64, next: u32) -> u32 {
        let number = next + self.plans.len() as u32;
        self.plans.insert(digest, number);
        number
    }
}
