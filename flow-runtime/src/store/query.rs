//! Asking a store which runs it holds, without their payloads.
//!
//! In: what the runs must be like. Out: a page of summaries, the newest first, and where the next page begins; the
//! same from every store.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::{Bound, RangeBounds};

use super::{Damaged, StoreError, WorkflowStore};
use crate::state::{Timestamp, WorkflowData, WorkflowId, WorkflowStatus};

/// How many runs a page has where nothing else is said.
const PAGE: usize = 50;
/// The most runs of a page.
const MAX_PAGE: usize = 1000;

/// Which runs are asked for. Without more, the newest 50.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::StoreError> {
/// use flow_runtime::state::WorkflowStatus;
/// use flow_runtime::store::Query;
/// use flow_runtime::{InMemoryStore, WorkflowStore};
///
/// let store = InMemoryStore::default();
/// let failed = Query::new().workflow("fulfil_order").status(WorkflowStatus::Failed).page(20);
/// let mut page = store.query(&failed).await?;
/// while let Some(next) = page.next {
///     page = store.query(&failed.clone().after(next)).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) workflow: Option<String>,
    /// None for all.
    pub(crate) statuses: Vec<WorkflowStatus>,
    pub(crate) created: (Bound<Timestamp>, Bound<Timestamp>),
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) page: NonZeroUsize,
    pub(crate) after: Option<Cursor>,
}

/// A place between two runs, in the order in which queries give them: the newest first, those of one time by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) created_at: Timestamp,
    pub(crate) id: WorkflowId,
}

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The runs, the newest first, those of one time by id.
    pub runs: Vec<Summary>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Cursor>,
    /// What could not be read, and so may belong to the answer; sorted, in every page.
    pub damaged: Vec<Damaged>,
}

/// What is known of a run without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The run's id.
    pub id: WorkflowId,
    /// The number of the run in its store.
    pub run_no: u64,
    /// The name of its workflow.
    pub workflow: String,
    /// The version of its workflow.
    pub version: u32,
    /// How it stands.
    pub status: WorkflowStatus,
    /// What its caller said of it.
    pub metadata: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            workflow: None,
            statuses: Vec::new(),
            created: (Bound::Unbounded, Bound::Unbounded),
            metadata: BTreeMap::new(),
            page: NonZeroUsize::new(PAGE).unwrap_or(NonZeroUsize::MIN),
            after: None,
        }
    }
}

impl Query {
    /// All runs, in pages of 50.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only runs of the workflow of this name.
    #[must_use]
    pub fn workflow(mut self, name: impl Into<String>) -> Self {
        self.workflow = Some(name.into());
        self
    }

    /// Only runs of this status; called again, also those of the other.
    #[must_use]
    pub fn status(mut self, status: WorkflowStatus) -> Self {
        self.statuses.push(status);
        self
    }

    /// Only runs that were created within this time.
    #[must_use]
    pub fn created(mut self, within: impl RangeBounds<Timestamp>) -> Self {
        self.created = (within.start_bound().cloned(), within.end_bound().cloned());
        self
    }

    /// Only runs with this entry in their metadata; called again, with both.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// How many runs a page has at most: from 1 to 1000; numbers outside are moved to the nearer end.
    #[must_use]
    pub fn page(mut self, runs: usize) -> Self {
        self.page = NonZeroUsize::new(runs.min(MAX_PAGE)).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Only runs behind this place.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Whether a run belongs to the answer, on this page or a later one.
    pub fn matches(&self, run: &Summary) -> bool {
        self.workflow.as_ref().is_none_or(|name| *name == run.workflow)
            && (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.created.contains(&run.created_at)
            && self.metadata.iter().all(|(key, value)| run.metadata.get(key) == Some(value))
            && self.after.as_ref().is_none_or(|after| after.order() < run.order())
    }

    /// Whether a run of this status, by its number, and age may belong to the answer.
    pub(super) fn may_match(&self, status: u8, created_at: Timestamp) -> bool {
        let is_asked = self.statuses.is_empty() || self.statuses.iter().any(|&asked| asked as u8 == status);
        is_asked && self.created.contains(&created_at)
    }

    /// The page that these runs make, in whatever order they come. For stores that look at every run.
    pub fn page_of(&self, runs: impl IntoIterator<Item = Summary>, mut damaged: Vec<Damaged>) -> Page {
        let mut runs: Vec<Summary> = runs.into_iter().filter(|run| self.matches(run)).collect();
        runs.sort_by(|a, b| a.order().cmp(&b.order()));
        let is_last = runs.len() <= self.page.get();
        runs.truncate(self.page.get());
        damaged.sort();
        let next = if is_last { None } else { runs.last().map(Summary::cursor) };
        Page { runs, next, damaged }
    }
}

impl Cursor {
    /// The place behind a run that was created at this time. A run that is gone by now leaves its place.
    pub fn new(created_at: Timestamp, id: WorkflowId) -> Self {
        Self { created_at, id }
    }

    fn order(&self) -> (std::cmp::Reverse<Timestamp>, &WorkflowId) {
        (std::cmp::Reverse(self.created_at), &self.id)
    }
}

impl Summary {
    /// The place behind this run.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.created_at, self.id.clone())
    }

    fn order(&self) -> (std::cmp::Reverse<Timestamp>, &WorkflowId) {
        (std::cmp::Reverse(self.created_at), &self.id)
    }
}

impl From<&WorkflowData> for Summary {
    fn from(data: &WorkflowData) -> Self {
        Self {
            id: data.id.clone(),
            run_no: data.run_no,
            workflow: data.plan.workflow.to_string(),
            version: data.plan.version,
            status: data.status,
            metadata: data.metadata.clone(),
            created_at: data.created_at,
            updated_at: data.updated_at,
        }
    }
}

/// The answer of a store that can only list and load.
pub(super) async fn by_loading<S: WorkflowStore + ?Sized>(store: &S, query: &Query) -> Result<Page, StoreError> {
    let listing = store.list_workflows().await?;
    let mut found = Found { runs: Vec::new(), damaged: listing.damaged };
    for id in listing.workflows {
        let run = store.load(&id).await;
        found.add(&id, run.map(|data| Summary::from(&data)))?;
    }
    Ok(query.page_of(found.runs, found.damaged))
}

/// What a store found when it looked at each of its runs.
#[derive(Default)]
pub(super) struct Found {
    pub(super) runs: Vec<Summary>,
    pub(super) damaged: Vec<Damaged>,
}

impl Found {
    /// Adds what was found under this id; only what concerns the store as a whole is an error.
    pub(super) fn add(&mut self, id: &WorkflowId, run: Result<Summary, StoreError>) -> Result<(), StoreError> {
        match run {
            Ok(run) => self.runs.push(run),
            // It was deleted since it was listed.
            Err(StoreError::NotFound { .. }) => {}
            Err(StoreError::Corrupt { path, reason, .. }) => {
                self.damaged.push(Damaged::new(path.unwrap_or_default(), format!("run `{id}`: {reason}")));
            }
            // What this version cannot read hides no other run either.
            Err(error @ StoreError::Newer { .. }) => {
                self.damaged.push(Damaged::new("", format!("run `{id}`: {error}")));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
