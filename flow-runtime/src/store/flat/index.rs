//! What stands where: the runs of the log with the frames that make them up, and the plans they name.
//!
//! In: frames in the order of the log, when it is opened and after each batch that was written. Out: what a run
//! consists of, what follows it, and what of the log is damaged. Bodies are not read here.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::format::{self, Kind, PLAN_BIT};
use super::frame::{Begins, FrameHead, Placed};
use super::segment::Segment;
use crate::plan::Plan;
use crate::state::{Timestamp, WorkflowId, WorkflowStatus};
use crate::store::{Damaged, StoreError};

/// What stands in the log.
#[derive(Debug)]
pub(super) struct Index {
    ids: BTreeMap<WorkflowId, u64>,
    runs: HashMap<u64, Run>,
    plans: HashMap<u32, Arc<StoredPlan>>,
    /// By the digest of its bytes: two plans of one shape may differ in texts, policies and source lines.
    plan_numbers: HashMap<u64, u32>,
    /// Runs of which frames were found but not their beginning, with the file. They were rewritten or deleted later,
    /// or their beginning is lost.
    orphans: HashMap<u64, PathBuf>,
    /// Where a part is lost of which nobody knows what it held.
    lost: Option<PathBuf>,
    pub(super) next_plan: u32,
    /// The bytes of all frames ever taken in, for telling how much of the log is of no use any more.
    pub(super) taken_bytes: u64,
    /// What is damaged and cannot be laid to one run.
    pub(super) damaged: Vec<Damaged>,
    /// Whether changes were acknowledged that are not written yet.
    pub(super) lagging: bool,
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
    changes_bytes: u64,
    pub(super) damage: Option<Damage>,
    /// Whether a part of the log is lost that may have held changes of this run.
    suspect: bool,
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
            ids: BTreeMap::new(),
            runs: HashMap::new(),
            plans: HashMap::new(),
            plan_numbers: HashMap::new(),
            orphans: HashMap::new(),
            lost: None,
            // 0 is no plan.
            next_plan: 1,
            taken_bytes: 0,
            damaged: Vec::new(),
            lagging: false,
        }
    }

    /// The ids of all runs, sorted, with what is damaged and of no known run.
    pub(super) fn listing(&self) -> (Vec<WorkflowId>, Vec<Damaged>) {
        let mut damaged = self.damaged.clone();
        damaged.sort();
        (self.ids.keys().cloned().collect(), damaged)
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
        if let Some((number, run)) = number.and_then(|number| Some((number, self.runs.get(&number)?))) {
            return match &run.damage {
                Some(Damage { path, reason }) => Err(corrupt(path, reason)),
                None => Ok(Some((number, run))),
            };
        }
        if let Some(path) = number.and_then(|number| self.orphans.get(&number)) {
            return Err(corrupt(path, "its beginning is lost or damaged"));
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

    /// The plan whose bytes have this digest.
    pub(super) fn plan_number(&self, digest: u64) -> Option<u32> {
        self.plan_numbers.get(&digest).copied()
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
        self.runs.iter().map(|(&number, run)| (number, run))
    }

    /// The bytes of the frames that make up today's runs and their plans.
    pub(super) fn live_bytes(&self) -> u64 {
        let frames: u64 = self.runs.values().flat_map(|run| &run.frames).map(|frame| u64::from(frame.len)).sum();
        let copies = self.plans.values().flat_map(|plan| &plan.copies);
        let plans: u64 = copies.map(|copy| u64::from(copy.len)).sum();
        frames + plans
    }

    /// Takes in the next frame of the log.
    pub(super) fn take(&mut self, frame: Placed, segment: &Arc<Segment>) {
        let Placed { head, offset, len } = frame;
        self.taken_bytes += u64::from(len);
        let location = Location { segment: segment.clone(), offset, len, plan: head.plan };
        match head.kind {
            Kind::Plan => self.take_plan((head.run & !PLAN_BIT) as u32, head.next, location),
            Kind::Deleted => self.forget(head.run),
            Kind::Delta | Kind::Snapshot => match head.begins.as_deref() {
                Some(begins) => self.begin(begins, &head, location),
                None => self.go_on(&head, location),
            },
        }
    }

    fn take_plan(&mut self, number: u32, digest: u64, location: Location) {
        self.plan_numbers.insert(digest, number);
        self.next_plan = self.next_plan.max(number.saturating_add(1));
        let plan = StoredPlan { copies: Vec::new(), decoded: OnceLock::new() };
        let plan = self.plans.entry(number).or_insert_with(|| Arc::new(plan));
        Arc::make_mut(plan).copies.push(location);
    }

    fn begin(&mut self, Begins { id, run_no, created_at }: &Begins, head: &FrameHead, location: Location) {
        self.orphans.remove(&head.run);
        let (id, run_no, created_at) = (id.clone(), *run_no, *created_at);
        let run = Run {
            id: id.clone(),
            run_no,
            head: Head::of(head),
            created_at,
            frames: vec![location],
            changes_bytes: 0,
            damage: None,
            suspect: false,
        };
        self.runs.insert(head.run, run);
        if let Some(other) = self.ids.insert(id, head.run).filter(|&other| other != head.run) {
            self.runs.remove(&other);
        }
    }

    fn go_on(&mut self, head: &FrameHead, location: Location) {
        let Some(run) = self.runs.get_mut(&head.run) else {
            self.orphans.insert(head.run, location.segment.path.clone());
            return;
        };
        if head.next != run.head.next + 1 && run.damage.is_none() {
            let reason = format!("changes are missing behind change {}", run.head.next);
            run.damage = Some(Damage { path: location.segment.path.clone(), reason });
        }
        run.head = Head::of(head);
        run.suspect = false;
        run.changes_bytes += u64::from(location.len);
        run.frames.push(location);
    }

    fn forget(&mut self, number: u64) {
        self.orphans.remove(&number);
        if let Some(run) = self.runs.remove(&number)
            && self.ids.get(&run.id) == Some(&number)
        {
            self.ids.remove(&run.id);
        }
    }

    /// Lays a broken frame to the run it belongs to.
    pub(super) fn charge(&mut self, number: u64, segment: &Segment) {
        if let Some(run) = self.runs.get_mut(&number) {
            let reason = format!("change {} or a later one is damaged", run.head.next);
            run.damage.get_or_insert(Damage { path: segment.path.clone(), reason });
        } else if number & PLAN_BIT != 0 {
            self.next_plan = self.next_plan.max((number & !PLAN_BIT) as u32 + 1);
            self.damaged.push(Damaged::new(segment.path.clone(), "a plan is damaged"));
        } else {
            self.orphans.insert(number, segment.path.clone());
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
        let lost = self.orphans.values().cloned();
        let reason = "it holds changes of a run whose beginning is lost or damaged";
        self.damaged.extend(lost.map(|path| Damaged::new(path, reason)));
        for run in self.runs.values_mut().filter(|run| run.suspect) {
            let reason = "a lost part of the log may have held its last changes".to_owned();
            run.damage.get_or_insert(Damage { path: segment.path.clone(), reason });
        }
    }

    /// Whether anything at all is damaged.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damaged.is_empty() || self.runs.values().any(|run| run.damage.is_some())
    }

    /// Takes the plans out, for those to be taken in again of which copies are written from now on.
    pub(super) fn take_plans(&mut self) -> HashMap<u32, Arc<StoredPlan>> {
        self.plan_numbers.clear();
        std::mem::take(&mut self.plans)
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
