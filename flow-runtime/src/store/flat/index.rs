//! What stands where: the runs of the log with the frames that make them up, and the plans they name.
//!
//! In: frames in the order of the log, when it is opened and after each batch that was written. Out: what a run
//! consists of, what follows it, and what of the log is damaged. Bodies are not read here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::failure::Failure;
use super::format::{self, PLAN_BIT};
use super::frame::FrameHead;
use super::grave::{Grave, Orphan, Tomb};
use super::parts::StoredPart;
use super::segment::Segment;
use crate::disk;
use crate::plan::Plan;
use crate::state::{Timestamp, WorkflowId, WorkflowStatus};
use crate::store::{Damaged, StoreError};

/// What stands in the log.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) ids: HashMap<WorkflowId, u64>,
    pub(super) runs: HashMap<u64, Box<Run>>,
    pub(super) plans: HashMap<u32, Arc<StoredPlan>>,
    /// By the digest of its bytes: two plans of one shape may differ in texts, policies and source lines.
    pub(super) plan_numbers: HashMap<u64, u32>,
    /// How many frames of use name a plan.
    pub(super) plan_uses: HashMap<u32, u64>,
    /// The plans that changes may name which are not written yet.
    pub(super) pinned: HashSet<u32>,
    /// Runs of which frames were found but not their beginning. They were rewritten or deleted later, or their
    /// beginning is lost.
    pub(super) orphans: HashMap<u64, Orphan>,
    /// Deleted runs of which frames may still stand in the log.
    pub(super) tombs: HashMap<u64, Tomb>,
    /// Parts of runs that are not there yet, by `run_no`.
    pub(super) early_parts: HashMap<u64, Vec<StoredPart>>,
    /// Where a part is lost of which nobody knows what it held.
    lost: Option<PathBuf>,
    pub(super) next_plan: u32,
    /// The segments that have been written to, by their numbers; the last is the one that is.
    pub(super) segments: BTreeMap<u64, Arc<Segment>>,
    /// The number of the batch that was taken in last.
    pub(super) batch: u64,
    /// What is damaged and cannot be laid to one run.
    pub(super) damaged: Vec<Damaged>,
    /// Whether changes were acknowledged that are not written yet.
    pub(super) lagging: bool,
    /// Why nothing may be written any more.
    pub(super) poison: Option<Failure>,
}

/// A run in the log.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "`run_no` is the record's own word")]
pub(super) struct Run {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    pub(super) head: Head,
    pub(super) created_at: Timestamp,
    pub(super) frames: Vec<Location>,
    /// The bytes of all frames but the first.
    pub(super) changes_bytes: u64,
    pub(super) damage: Option<Box<Damage>>,
    /// Whether a part of the log is lost that may have held changes of this run.
    pub(super) suspect: bool,
    /// Where frames of the number stand that are of no use any more.
    pub(super) graves: Vec<Grave>,
    pub(super) parts: Vec<StoredPart>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) next: u64,
    pub(super) delta_crc: u32,
    pub(super) status: u8,
}

/// What is wrong with a run.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

/// A frame in a segment.
#[derive(Clone, Debug)]
pub(super) struct Location {
    pub(super) segment: Arc<Segment>,
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) plan: u32,
}

/// A plan in the log, decoded when it is first needed. Many runs need it, so it stands there twice.
#[derive(Clone, Debug)]
pub(super) struct StoredPlan {
    pub(super) copies: Vec<Location>,
    pub(super) decoded: OnceLock<Arc<Plan>>,
}

/// What a load needs of the index.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) run: Run,
    pub(super) plans: HashMap<u32, Arc<StoredPlan>>,
}

impl Index {
    /// That of an empty log.
    pub(super) fn new() -> Self {
        Self {
            ids: HashMap::new(),
            runs: HashMap::new(),
            plans: HashMap::new(),
            plan_numbers: HashMap::new(),
            plan_uses: HashMap::new(),
            pinned: HashSet::new(),
            orphans: HashMap::new(),
            tombs: HashMap::new(),
            early_parts: HashMap::new(),
            lost: None,
            // 0 is no plan.
            next_plan: 1,
            segments: BTreeMap::new(),
            batch: 0,
            damaged: Vec::new(),
            lagging: false,
            poison: None,
        }
    }

    /// Makes room for about so many runs.
    pub(super) fn expect_runs(&mut self, runs: usize) {
        self.runs.reserve(runs);
        self.ids.reserve(runs);
    }

    /// The ids of all runs, sorted, with what is damaged and of no known run.
    pub(super) fn listing(&self) -> (Vec<WorkflowId>, Vec<Damaged>) {
        let mut damaged = self.damaged.clone();
        damaged.sort();
        let mut ids: Vec<_> = self.ids.keys().cloned().collect();
        ids.sort_unstable();
        (ids, damaged)
    }

    /// Whether there is a run whose id has this name; nothing if it may be lost.
    pub(super) fn has(&self, name: &str) -> Option<bool> {
        let is_there = self.ids.keys().any(|id| disk::encode_name(id.as_str()) == name);
        (is_there || !self.is_damaged()).then_some(is_there)
    }

    /// A run and its number; of one that is not there, nothing.
    ///
    /// # Errors
    /// If it is damaged, or if it may have been there and is lost.
    pub(super) fn run_of(&self, id: &WorkflowId) -> Result<Option<(u64, &Run)>, StoreError> {
        let corrupt = |path: &PathBuf, reason: &str| StoreError::Corrupt {
            id: id.clone(),
            path: Some(path.clone()),
            reason: reason.to_owned(),
        };
        let number = self.number_of(id);
        if let Some((number, run)) = number.and_then(|number| Some((number, &**self.runs.get(&number)?))) {
            return match &run.damage {
                Some(damage) => Err(corrupt(&damage.path, &damage.reason)),
                None => Ok(Some((number, run))),
            };
        }
        if let Some(orphan) = number.and_then(|number| self.orphans.get(&number)) {
            return Err(corrupt(&orphan.segment.path, "its beginning is lost or damaged"));
        }
        match &self.lost {
            None => Ok(None),
            Some(path) => Err(StoreError::Damaged { path: path.clone(), reason: may_be_lost(id) }),
        }
    }

    /// The number of a run that is there, whole or not.
    pub(super) fn number_of(&self, id: &WorkflowId) -> Option<u64> {
        let known = self.ids.get(id).copied();
        if known.is_some() || self.orphans.is_empty() {
            return known;
        }
        let orphan = format::run_number(id);
        self.orphans.contains_key(&orphan).then_some(orphan)
    }

    /// Whether a run of another id has this number.
    pub(super) fn is_taken(&self, number: u64, id: &WorkflowId) -> bool {
        self.runs.get(&number).is_some_and(|run| run.id != *id)
    }

    /// Lets new runs begin although some may be lost.
    pub(super) fn accept_losses(&mut self) {
        self.lost = None;
    }

    /// What a run consists of.
    pub(super) fn find(&self, id: &WorkflowId) -> Result<Found, StoreError> {
        let (_, run) = self.run_of(id)?.ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
        let named = run.frames.iter().map(|frame| frame.plan).filter(|&plan| plan != 0);
        let plans = named.filter_map(|plan| Some((plan, self.plans.get(&plan)?.clone()))).collect();
        Ok(Found { run: run.clone(), plans })
    }

    /// How long the frame is that a run begins with, and how long are those behind it; 0 if it is not there.
    pub(super) fn bytes_of(&self, id: &WorkflowId) -> (u64, u64) {
        let run = self.ids.get(id).and_then(|number| self.runs.get(number));
        run.and_then(|run| Some((u64::from(run.frames.first()?.len), run.changes_bytes))).unwrap_or_default()
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, &Run)> {
        self.runs.iter().map(|(&number, run)| (number, &**run))
    }

    /// Lays a broken frame to the run it belongs to.
    pub(super) fn charge(&mut self, number: u64, segment: &Arc<Segment>) {
        if let Some(run) = self.runs.get_mut(&number) {
            let reason = format!("change {} or a later one is damaged", run.head.next);
            run.damage.get_or_insert_with(|| Box::new(Damage::at(segment, reason)));
        } else if number & PLAN_BIT != 0 {
            self.next_plan = self.next_plan.max((number & !PLAN_BIT) as u32 + 1);
            self.damaged.push(Damaged::new(segment.path.clone(), "a plan is damaged"));
        } else {
            self.orphan(number, segment);
        }
    }

    /// Notes that a part of the log is lost here, whose changes may have been of any run that had not ended.
    pub(super) fn lose(&mut self, segment: &Segment, reason: &str) {
        self.damaged.push(Damaged::new(segment.path.clone(), reason));
        self.lost = Some(segment.path.clone());
        self.runs.values_mut().filter(|run| !run.head.has_ended()).for_each(|run| run.suspect = true);
    }

    /// To be called when the whole log was taken in: runs that may have lost their last changes count as damaged, and
    /// those of which only changes are left are reported.
    pub(super) fn judge(&mut self, segment: &Segment) {
        self.drop_early_parts();
        let lost: BTreeSet<_> = self.orphans.values().map(|orphan| &orphan.segment.path).collect();
        let reason = "it holds changes of a run whose beginning is lost or damaged";
        self.damaged.extend(lost.into_iter().map(|path| Damaged::new(path.clone(), reason)));
        for run in self.runs.values_mut().filter(|run| run.suspect) {
            let reason = "a lost part of the log may have held its last changes".to_owned();
            run.damage.get_or_insert_with(|| Box::new(Damage::at(segment, reason)));
        }
    }

    /// Whether anything at all is damaged.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damaged.is_empty() || self.runs.values().any(|run| run.damage.is_some())
    }
}

impl Damage {
    pub(super) fn at(segment: &Segment, reason: String) -> Self {
        Self { path: segment.path.clone(), reason }
    }
}

impl Head {
    pub(super) fn of(head: &FrameHead) -> Self {
        Self { next: head.next, delta_crc: head.delta_crc, status: head.status }
    }

    /// Whether the run has ended.
    pub(super) fn has_ended(&self) -> bool {
        const ENDS: [WorkflowStatus; 4] =
            [WorkflowStatus::Completed, WorkflowStatus::Failed, WorkflowStatus::Cancelled, WorkflowStatus::RolledBack];
        ENDS.iter().any(|&status| status as u8 == self.status)
    }
}

fn may_be_lost(id: &WorkflowId) -> String {
    format!("a part of the log is lost that may have held run `{id}`; open it with `accept_losses` to go on without")
}
