//! A store that is sound, but for what is put in the place of its parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flow_runtime::state::{Ack, Delta, Encoding, Request};
use flow_runtime::store::{Listing, Owner, Page, PartKey, Query, Summary};
use flow_runtime::testing::conformance::StoreFixture;
use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};

/// What is kept of a run.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) data: WorkflowData,
    /// The delta applied last.
    pub(super) last: Option<Delta>,
    /// The record before the last change.
    pub(super) before: Option<WorkflowData>,
}

/// What the store has, in memory and on its disk alike.
#[derive(Default)]
pub(super) struct Core {
    pub(super) runs: BTreeMap<String, Entry>,
    /// The runs that were deleted, as they were.
    pub(super) deleted: Vec<(String, Entry)>,
    /// The ids of all runs in the order of their saves.
    pub(super) saves: Vec<WorkflowId>,
    /// The ids that were looked for and not found.
    pub(super) missed: Vec<WorkflowId>,
    /// What calls have begun and not ended.
    pub(super) begun: Vec<(String, Entry)>,
    /// How often the store was opened.
    pub(super) opened: u32,
    /// How often it was read.
    pub(super) loads: u32,
    /// Whether it refuses everything.
    pub(super) stuck: bool,
    /// Who has claimed a run, and its fence.
    pub(super) claims: BTreeMap<String, (Owner, u64)>,
    /// The fence that was given out last.
    pub(super) last_fence: u64,
    /// The parts of large payloads, by their keys in this store.
    pub(super) payloads: BTreeMap<PartKey, Bytes>,
    /// What runs have not taken, with the ids of the runs; none stands here without any.
    pub(super) requests: BTreeMap<String, (WorkflowId, Vec<Request>)>,
}

type Done = Result<(), StoreError>;

/// The parts of a store, of which a mutant replaces some.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// Under which key a run is kept.
    pub(super) key: fn(&str) -> String,
    /// What happens when the store is opened again.
    pub(super) reopen: fn(&mut Core),
    /// What a record goes through on its way out.
    pub(super) show: fn(&mut WorkflowData),
    /// What a record takes over from the one it replaces.
    pub(super) merge: fn(&mut WorkflowData, &WorkflowData),
    pub(super) save: fn(&mut Core, &str, &WorkflowData) -> Done,
    pub(super) load: fn(&mut Core, &str, &WorkflowId) -> Result<WorkflowData, StoreError>,
    pub(super) list: fn(&Core) -> Vec<WorkflowId>,
    pub(super) delete: fn(&mut Core, &str, &WorkflowId) -> Done,
    pub(super) commit: fn(&mut Core, &str, &WorkflowData, &Delta) -> Done,
    /// What a save or a commit does before it waits for the rest of it.
    pub(super) begin: Option<fn(&mut Core, &str, &WorkflowData)>,
    /// What a load or a delete does before it waits for the rest of it.
    pub(super) begin_load: Option<fn(&mut Core, &str)>,
    pub(super) begin_delete: Option<fn(&mut Core, &str)>,
    pub(super) encoding: fn(&Core) -> Encoding,
    /// What is known of a run to who asks for runs.
    pub(super) summary: fn(&Entry) -> Summary,
    pub(super) query: fn(&Core, &Query, Vec<Summary>) -> Page,
    pub(super) claim: fn(&mut Core, &str, &WorkflowId, Owner) -> Result<u64, StoreError>,
    pub(super) release: fn(&mut Core, &str, Owner),
    pub(super) forget: fn(&mut Core, Owner),
    /// Whether a claimed run is kept from deletion.
    pub(super) keeps_claimed: bool,
    /// Whether deltas of an older fence are refused.
    pub(super) fences: bool,
    /// Under which name a part is kept.
    pub(super) part_key: fn(PartKey) -> PartKey,
    pub(super) put_part: fn(&mut Core, PartKey, Bytes),
    pub(super) part: fn(&Core, &PartKey) -> Result<Bytes, StoreError>,
    /// What a deletion does with the parts of the run.
    pub(super) forget_payloads: fn(&mut Core, &WorkflowId),
    /// What an `ask` does before it waits for the rest of it.
    pub(super) begin_ask: Option<fn(&mut Core, &str, &WorkflowId, &Request)>,
    pub(super) ask: fn(&mut Core, &str, &WorkflowId, &Request) -> Result<bool, StoreError>,
    pub(super) requests: fn(&Core, &str) -> Vec<Request>,
    pub(super) take: fn(&mut Core, &str, &[String]),
    pub(super) asked: fn(&Core) -> Vec<WorkflowId>,
}

/// The parts of a store that is right.
pub(super) const SOUND: Parts = Parts {
    key: |id| id.to_owned(),
    reopen: |_| (),
    show: |_| (),
    merge: |_, _| (),
    save: sound_save,
    load: sound_load,
    list: |core| core.runs.values().map(|entry| entry.data.id.clone()).collect(),
    delete: sound_delete,
    commit: |core, key, after, delta| commit_with(ALL_CHECKS, core, key, after, delta),
    begin: None,
    begin_load: None,
    begin_delete: None,
    encoding: |_| Encoding::Json,
    summary: |entry| Summary::from(&entry.data),
    query: |_, query, runs| query.page_of(runs, Vec::new()),
    claim: sound_claim,
    release: sound_release,
    forget: |core, owner| core.claims.retain(|_, claim| claim.0 != owner),
    keeps_claimed: true,
    fences: true,
    part_key: |key| key,
    put_part: |core, key, bytes| drop(core.payloads.insert(key, bytes)),
    part: |core, key| core.payloads.get(key).cloned().ok_or_else(|| lost(key)),
    forget_payloads: |core, id| core.payloads.retain(|key, _| key.id != *id),
    begin_ask: None,
    ask: sound_ask,
    requests: sound_requests,
    take: sound_take,
    asked: |core| core.requests.values().map(|(run, _)| run.clone()).collect(),
};

fn lost(key: &PartKey) -> StoreError {
    StoreError::Corrupt { id: key.id.clone(), path: None, reason: "a part of it is lost".to_owned() }
}

#[expect(clippy::unnecessary_wraps, reason = "a mutant may refuse")]
pub(super) fn sound_ask(core: &mut Core, key: &str, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
    let (_, waiting) = core.requests.entry(key.to_owned()).or_insert_with(|| (run.clone(), Vec::new()));
    let is_new = waiting.iter().all(|known| known.id != request.id);
    if is_new {
        waiting.push(request.clone());
    }
    Ok(is_new)
}

pub(super) fn sound_requests(core: &Core, key: &str) -> Vec<Request> {
    core.requests.get(key).map(|(_, waiting)| waiting.clone()).unwrap_or_default()
}

pub(super) fn sound_take(core: &mut Core, key: &str, ids: &[String]) {
    if let Some((_, waiting)) = core.requests.get_mut(key) {
        waiting.retain(|known| !ids.contains(&known.id));
    }
    core.requests.retain(|_, (_, waiting)| !waiting.is_empty());
}

pub(super) fn sound_claim(core: &mut Core, key: &str, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
    match core.claims.get(key) {
        Some((holder, fence)) if *holder == owner => Ok(*fence),
        Some(_) => Err(StoreError::Held { id: id.clone(), holder: "another".to_owned() }),
        None => {
            core.last_fence += 1;
            core.claims.insert(key.to_owned(), (owner, core.last_fence));
            Ok(core.last_fence)
        }
    }
}

pub(super) fn sound_release(core: &mut Core, key: &str, owner: Owner) {
    if core.claims.get(key).is_some_and(|claim| claim.0 == owner) {
        core.claims.remove(key);
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where others fail")]
pub(super) fn sound_save(core: &mut Core, key: &str, data: &WorkflowData) -> Done {
    core.saves.push(data.id.clone());
    let before = core.runs.get(key).map(|entry| entry.data.clone());
    core.runs.insert(key.to_owned(), Entry { data: data.clone(), last: None, before });
    Ok(())
}

pub(super) fn sound_load(core: &mut Core, key: &str, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
    core.loads += 1;
    core.runs.get(key).map(|entry| entry.data.clone()).ok_or_else(|| {
        core.missed.push(id.clone());
        not_found(id)
    })
}

pub(super) fn sound_delete(core: &mut Core, key: &str, id: &WorkflowId) -> Done {
    let entry = core.runs.remove(key).ok_or_else(|| not_found(id))?;
    core.deleted.push((key.to_owned(), entry));
    core.requests.remove(key);
    Ok(())
}

pub(super) fn not_found(id: &WorkflowId) -> StoreError {
    StoreError::NotFound { id: id.clone() }
}

pub(super) fn other(text: &str) -> StoreError {
    StoreError::Other(text.into())
}

pub(super) fn conflict(id: &WorkflowId) -> StoreError {
    StoreError::Conflict { id: id.clone(), reason: "it does not follow".to_owned() }
}

/// What a commit looks at before it is taken.
#[derive(Clone, Copy)]
pub(super) struct Checks {
    pub(super) run_no: bool,
    pub(super) gap: bool,
    pub(super) old: bool,
    pub(super) content: bool,
    pub(super) absent: bool,
    pub(super) exists: bool,
    pub(super) again: bool,
}

pub(super) const ALL_CHECKS: Checks =
    Checks { run_no: true, gap: true, old: true, content: true, absent: true, exists: true, again: true };

pub(super) fn commit_with(checks: Checks, core: &mut Core, key: &str, after: &WorkflowData, delta: &Delta) -> Done {
    let refused = Err(conflict(&after.id));
    match core.runs.get(key) {
        None if checks.absent && delta.seq > 0 => return refused,
        None => {}
        Some(_) if delta.seq == 0 && !checks.exists => {}
        Some(Entry { data, last, .. }) => {
            let is_again = delta.seq + 1 == data.seq && (delta.run_no == data.run_no || !checks.run_no);
            if checks.again && is_again && (last.as_ref() == Some(delta) || !checks.content) {
                return Ok(());
            }
            let is_wrong = (checks.run_no && delta.run_no != data.run_no)
                || (checks.gap && delta.seq > data.seq)
                || (checks.old && delta.seq < data.seq);
            if is_wrong {
                return refused;
            }
        }
    }
    let before = core.runs.get(key).map(|entry| entry.data.clone());
    core.runs.insert(key.to_owned(), Entry { data: after.clone(), last: Some(delta.clone()), before });
    Ok(())
}

/// Whether the last change of a run was acknowledged before it was durable.
pub(super) fn is_lazy(entry: &Entry) -> bool {
    entry.last.as_ref().is_some_and(|delta| delta.ack == Ack::Lazy)
}

pub(super) struct Store {
    core: Arc<Mutex<Core>>,
    parts: Parts,
}

/// An empty place for a store of these parts.
pub(super) fn place(parts: Parts) -> impl StoreFixture {
    let core = Arc::new(Mutex::new(Core::default()));
    async move || {
        let mut open = core.lock().unwrap();
        open.opened += 1;
        if open.opened > 1 {
            (parts.reopen)(&mut open);
        }
        drop(open);
        Store { core: core.clone(), parts }
    }
}

impl Store {
    fn key(&self, id: &WorkflowId) -> String {
        (self.parts.key)(id.as_str())
    }

    /// Does the first half of a write, and lets others go first.
    async fn begin(&self, key: &str, data: &WorkflowData) {
        if let Some(begin) = self.parts.begin {
            begin(&mut self.core.lock().unwrap(), key, data);
            tokio::task::yield_now().await;
        }
    }

    async fn begin_other(&self, begin: Option<fn(&mut Core, &str)>, key: &str) {
        if let Some(begin) = begin {
            begin(&mut self.core.lock().unwrap(), key);
            tokio::task::yield_now().await;
        }
    }
}

impl WorkflowStore for Store {
    async fn save(&self, data: &WorkflowData) -> Done {
        let key = self.key(&data.id);
        self.begin(&key, data).await;
        let mut core = self.core.lock().unwrap();
        let mut data = data.clone();
        if let Some(entry) = core.runs.get(&key) {
            (self.parts.merge)(&mut data, &entry.data);
        }
        (self.parts.save)(&mut core, &key, &data)
    }

    async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
        let key = self.key(id);
        self.begin_other(self.parts.begin_load, &key).await;
        let mut data = (self.parts.load)(&mut self.core.lock().unwrap(), &key, id)?;
        (self.parts.show)(&mut data);
        Ok(data)
    }

    async fn list_workflows(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        listing.workflows = (self.parts.list)(&self.core.lock().unwrap());
        Ok(listing)
    }

    async fn delete(&self, id: &WorkflowId) -> Done {
        let key = self.key(id);
        self.begin_other(self.parts.begin_delete, &key).await;
        let mut core = self.core.lock().unwrap();
        if self.parts.keeps_claimed && core.claims.contains_key(&key) {
            return Err(conflict(id));
        }
        (self.parts.delete)(&mut core, &key, id)?;
        (self.parts.forget_payloads)(&mut core, id);
        Ok(())
    }

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Done {
        let key = self.key(&after.id);
        self.begin(&key, after).await;
        let mut core = self.core.lock().unwrap();
        if self.parts.fences && core.claims.get(&key).is_some_and(|claim| delta.fence < claim.1) {
            return Err(conflict(&after.id));
        }
        (self.parts.commit)(&mut core, &key, after, delta)
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let core = self.core.lock().unwrap();
        let runs = core.runs.values().map(self.parts.summary).collect();
        Ok((self.parts.query)(&core, query, runs))
    }

    async fn claim(&self, id: &WorkflowId, owner: Owner) -> Result<u64, StoreError> {
        (self.parts.claim)(&mut self.core.lock().unwrap(), &self.key(id), id, owner)
    }

    async fn release(&self, id: &WorkflowId, owner: Owner) -> Done {
        (self.parts.release)(&mut self.core.lock().unwrap(), &self.key(id), owner);
        Ok(())
    }

    fn forget(&self, owner: Owner) {
        (self.parts.forget)(&mut self.core.lock().unwrap(), owner);
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(1 << 20)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Done {
        (self.parts.put_part)(&mut self.core.lock().unwrap(), (self.parts.part_key)(key.clone()), bytes);
        Ok(())
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        (self.parts.part)(&self.core.lock().unwrap(), &(self.parts.part_key)(key.clone()))
    }

    async fn ask(&self, run: &WorkflowId, request: &Request) -> Result<bool, StoreError> {
        let key = self.key(run);
        if let Some(begin) = self.parts.begin_ask {
            begin(&mut self.core.lock().unwrap(), &key, run, request);
            tokio::task::yield_now().await;
        }
        (self.parts.ask)(&mut self.core.lock().unwrap(), &key, run, request)
    }

    async fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        Ok((self.parts.requests)(&self.core.lock().unwrap(), &self.key(run)))
    }

    async fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> Done {
        (self.parts.take)(&mut self.core.lock().unwrap(), &self.key(run), ids);
        Ok(())
    }

    async fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        Ok((self.parts.asked)(&self.core.lock().unwrap()))
    }

    fn encoding(&self) -> Encoding {
        (self.parts.encoding)(&self.core.lock().unwrap())
    }
}
