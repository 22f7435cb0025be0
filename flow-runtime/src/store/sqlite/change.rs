//! What is asked of the writer, encoded before it is handed over.
//!
//! In: records and deltas. Out: the bytes and numbers that go into the tables, so that the one thread that writes
//! does nothing but write.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::plan::Plan;
use crate::state::codec::CodecError;
use crate::state::codec::flat::{Plans, write_delta, write_plan, write_record};
use crate::state::{Ack, Delta, Event, Timestamp, WorkflowData, WorkflowId};
use crate::store::{Owner, PartKey, StoreError, lead};

/// The longest body: SQLite takes no row of a gigabyte.
const MAX_BODY: usize = 999_000_000;

/// What a row of the journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delta = 1,
    Snapshot = 2,
}

/// The answer to a request: the fence for a claim, whether it is new for what is asked of a run, 0 for all others.
pub(super) type Answer = Result<u64, StoreError>;

/// A request, with the way back for its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// What is asked of the writer.
pub(super) enum Request {
    /// Keep this change.
    Commit(Box<Change>),
    /// Keep this run in place of what there is of it.
    Save(Box<Change>),
    /// Remove this run.
    Delete(WorkflowId),
    /// Keep this part.
    PutPart(PartKey, Bytes),
    /// Take the run for this owner.
    Claim(WorkflowId, Owner),
    /// Give it back.
    Release(WorkflowId, Owner),
    /// Give all back that this owner has, which is gone.
    Forget(Owner),
    /// Keep this request of a run, by its id, as bytes.
    Ask(WorkflowId, String, Vec<u8>),
    /// Forget these requests of a run.
    TakeRequests(WorkflowId, Vec<String>),
    /// Write what waits.
    Flush,
}

/// A change of a run, or the whole of it.
pub(super) struct Change {
    pub(super) id: WorkflowId,
    pub(super) run_no: u64,
    /// How many changes the run has with this one.
    pub(super) next: u64,
    pub(super) fence: u64,
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    pub(super) plan: Option<EncodedPlan>,
    /// The checksum of the row.
    pub(super) crc: u32,
    /// That of the change, by which it is known when it is sent again; 0 for a run that was saved.
    pub(super) delta_crc: u32,
    pub(super) status: u8,
    pub(super) updated: Timestamp,
    /// Where they may be others than before.
    pub(super) facts: Option<Facts>,
    pub(super) lazy: bool,
    /// Whether the run ends by it.
    pub(super) ends: bool,
    /// Whether a snapshot was asked for and the run is too large for one.
    pub(super) declined: bool,
}

impl lead::Change for Change {
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

/// What of a run only its creation and a new plan change.
pub(super) struct Facts {
    /// Their checksum.
    pub(super) crc: u32,
    pub(super) workflow: String,
    pub(super) version: u32,
    pub(super) created: Timestamp,
    /// What the caller said of the run.
    pub(super) metadata: BTreeMap<String, String>,
}

/// A plan as it is kept.
pub(super) struct EncodedPlan {
    pub(super) digest: [u8; 32],
    pub(super) bytes: Vec<u8>,
}

impl Facts {
    fn of(data: &WorkflowData) -> Self {
        let (workflow, version, created) = (data.plan.workflow.to_string(), data.plan.version, data.created_at);
        let metadata = data.metadata.clone();
        let crc = Self::crc(&data.id, data.run_no, &workflow, version, created, &metadata);
        Self { crc, workflow, version, created, metadata }
    }

    /// The checksum of such facts.
    pub(super) fn crc(
        id: &WorkflowId,
        run_no: u64,
        workflow: &str,
        version: u32,
        created: Timestamp,
        metadata: &BTreeMap<String, String>,
    ) -> u32 {
        let numbers = [run_no, u64::from(version), created.cast_unsigned()].map(u64::to_le_bytes).concat();
        let metadata = metadata.iter().flat_map(|(key, value)| [key, value]);
        let texts = [id.as_str(), workflow].into_iter().chain(metadata.map(String::as_str));
        texts.fold(crc32c::crc32c(&numbers), |crc, text| {
            crc32c::crc32c_append(crc32c::crc32c_append(crc, &(text.len() as u64).to_le_bytes()), text.as_bytes())
        })
    }
}

impl EncodedPlan {
    fn of(plan: &Plan) -> Result<Self, CodecError> {
        let bytes = write_plan(plan)?;
        Ok(Self { digest: Sha256::digest(&bytes).into(), bytes })
    }
}

impl Change {
    /// A delta as it is kept; with `whole`, the run after it if that can be stored in one piece.
    pub(super) fn of_delta(after: &WorkflowData, delta: &Delta, whole: bool) -> Result<Self, StoreError> {
        Self::encode_delta(after, delta, whole).map_err(|error| StoreError::from_codec(&after.id, error))?.checked()
    }

    fn encode_delta(after: &WorkflowData, delta: &Delta, whole: bool) -> Result<Self, CodecError> {
        let plans: Vec<&Plan> = delta.events.iter().filter_map(plan_of).collect();
        let (place, plan) = match plans.as_slice() {
            [] => (Plans::Beside, None),
            [plan] => (Plans::Beside, Some(EncodedPlan::of(plan)?)),
            // A row names one plan; several stand in the change itself.
            _ => (Plans::Inline, None),
        };
        let body = write_delta(delta, place)?;
        let mut change = Self::new(after, Kind::Delta, body, plan);
        change.delta_crc = crc32c::crc32c(&change.body);
        (change.run_no, change.next, change.fence) = (delta.run_no, delta.seq.saturating_add(1), delta.fence);
        // A run that begins has nothing to lag behind.
        change.lazy = delta.ack == Ack::Lazy && delta.seq != 0;
        if !plans.is_empty() {
            change.facts = Some(Facts::of(after));
        }
        if whole {
            change.make_whole(after)?;
        }
        Ok(change)
    }

    fn make_whole(&mut self, after: &WorkflowData) -> Result<(), CodecError> {
        match write_record(after, Plans::Beside) {
            Ok(body) if body.len() <= MAX_BODY => {
                (self.kind, self.body, self.plan) = (Kind::Snapshot, body, Some(EncodedPlan::of(&after.plan)?));
            }
            // The run as a whole is beyond the limits of one row; its changes are not.
            Ok(_) | Err(CodecError::Unstorable { .. }) => self.declined = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A whole run as it is kept.
    pub(super) fn of_record(data: &WorkflowData) -> Result<Self, StoreError> {
        if data.format != WorkflowData::FORMAT {
            // What stands beside it, for queries, would be what this version makes of it.
            let (found, known) = (format!("structure {}", data.format), format!("structure {}", WorkflowData::FORMAT));
            return Err(StoreError::Newer { what: format!("run `{}`", data.id), found, known });
        }
        let encode = || Ok((write_record(data, Plans::Beside)?, EncodedPlan::of(&data.plan)?));
        let (body, plan) = encode().map_err(|error| StoreError::from_codec(&data.id, error))?;
        let change = Self::new(data, Kind::Snapshot, body, Some(plan));
        Self { facts: Some(Facts::of(data)), ..change }.checked()
    }

    fn new(data: &WorkflowData, kind: Kind, body: Vec<u8>, plan: Option<EncodedPlan>) -> Self {
        let (id, run_no, next) = (data.id.clone(), data.run_no, data.seq);
        let (status, updated) = (data.status as u8, data.updated_at);
        let (fence, crc, delta_crc, facts, lazy, declined) = (0, 0, 0, None, false, false);
        let ends = data.status.is_terminal();
        Self { id, run_no, next, fence, kind, body, plan, crc, delta_crc, status, updated, facts, lazy, ends, declined }
    }

    fn checked(mut self) -> Result<Self, StoreError> {
        if self.body.len() > MAX_BODY {
            let reason = format!("it has {} bytes, and at most {MAX_BODY} go into one row", self.body.len());
            return Err(StoreError::Unstorable { id: self.id, reason });
        }
        let digest = self.plan.as_ref().map(|plan| &plan.digest);
        self.crc = row_crc(&self.id, self.run_no, self.next, self.kind, digest, &self.body);
        Ok(self)
    }
}

/// The checksum of a row of the journal: over its body and all that says what the body is.
pub(super) fn row_crc(
    id: &WorkflowId,
    run_no: u64,
    next: u64,
    kind: Kind,
    plan: Option<&[u8; 32]>,
    body: &[u8],
) -> u32 {
    let head = [run_no.to_le_bytes(), next.to_le_bytes(), (kind as u64).to_le_bytes()].concat();
    let crc = crc32c::crc32c_append(crc32c::crc32c(id.as_str().as_bytes()), &head);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, plan.map_or(&[], |digest| digest)), body)
}

/// The checksum of a part.
pub(super) fn part_crc(key: &PartKey, body: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(key.id.as_str().as_bytes()), &key.run_no.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &key.payload.to_le_bytes()), &key.part.to_le_bytes());
    crc32c::crc32c_append(crc, body)
}

fn plan_of(event: &Event) -> Option<&Plan> {
    match event {
        Event::RunCreated(created) => Some(&*created.plan),
        Event::PlanAdopted { plan } => Some(&**plan),
        _ => None,
    }
}
