//! Where records live: the trait, and the stores.
//!
//! In: deltas and records of runs. Out: the same records after a crash. A store knows nothing of the engine; every
//! store, ours or a user's, passes the same conformance suite.

mod any;
mod cached;
mod claims;
mod copy;
mod error;
#[cfg(test)]
mod faults;
mod flat;
mod hand_on;
mod inbox;
mod json;
mod lead;
mod memory;
mod owner;
mod part;
mod query;
#[cfg(feature = "sqlite")]
mod sqlite;
mod worker;

use std::future::{self, Future};
use std::sync::Arc;

use bytes::Bytes;

#[doc(inline)]
pub use crate::__hand_on as hand_on;
pub(crate) use any::AnyStore;
pub use cached::{CacheStats, Cached};
pub use copy::{Copied, CopyReport, copy_all, copy_run, replace_run};
pub(crate) use error::with_causes;
pub use error::{Damaged, StoreError};
pub use flat::{FlatBuffersOptions, FlatBuffersStore};
pub use json::{JsonFileOptions, JsonFileStore};
pub use memory::InMemoryStore;
pub use owner::Owner;
pub use part::PartKey;
pub use query::{Cursor, Page, Query, Summary};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};

use crate::state::{Delta, Encoding, Request, WorkflowData, WorkflowId};

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The ids of all runs, sorted.
    pub workflows: Vec<WorkflowId>,
    /// What could not be read far enough to know its id; sorted.
    pub damaged: Vec<Damaged>,
}

impl Listing {
    /// A listing of these runs, which are put in order, with nothing damaged.
    pub fn new(mut workflows: Vec<WorkflowId>) -> Self {
        workflows.sort();
        Self { workflows, damaged: Vec::new() }
    }
}

/// Keeps the records of runs.
///
/// All calls may come at once from many tasks. A future may be dropped at any point: what it began either happens
/// whole or not at all, and before anything that is asked later.
///
/// # A store of your own
/// Four methods make a store. What it keeps are bytes: [`WorkflowData::to_bytes`] gives them, with a checksum, and
/// [`WorkflowData::from_bytes`] makes the record of them again, in this version and later ones. This one keeps them
/// behind a mutex; a database or a key-value service does the same with a table of ids and bytes.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use flow_runtime::store::Listing;
/// use flow_runtime::{StoreError, WorkflowData, WorkflowId, WorkflowStore};
///
/// #[derive(Clone, Default)]
/// struct Table {
///     rows: Arc<Mutex<BTreeMap<WorkflowId, Vec<u8>>>>,
/// }
///
/// impl WorkflowStore for Table {
///     async fn save(&self, data: &WorkflowData) -> Result<(), StoreError> {
///         let bytes = data.to_bytes().map_err(|error| StoreError::from_codec(&data.id, error))?;
///         self.rows.lock().unwrap().insert(data.id.clone(), bytes);
///         Ok(())
///     }
///
///     async fn load(&self, id: &WorkflowId) -> Result<WorkflowData, StoreError> {
///         let bytes = self.rows.lock().unwrap().get(id).cloned();
///         let bytes = bytes.ok_or_else(|| StoreError::NotFound { id: id.clone() })?;
///         WorkflowData::from_bytes(bytes).map_err(|error| StoreError::from_codec(id, error))
///     }
///
///     async fn list_workflows(&self) -> Result<Listing, StoreError> {
///         Ok(Listing::new(self.rows.lock().unwrap().keys().cloned().collect()))
///     }
///
///     async fn delete(&self, id: &WorkflowId) -> Result<(), StoreError> {
///         let row = self.rows.lock().unwrap().remove(id);
///         row.map(drop).ok_or_else(|| StoreError::NotFound { id: id.clone() })
///     }
/// }
///
/// // An engine over it: a run that is stopped half-way goes on in the next engine, and runs no step twice.
/// # use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// # use std::time::Duration;
/// use flow_runtime::prelude::*;
///
/// # #[derive(Clone, Default)]
/// # struct App { reserved: Arc<AtomicU32>, is_open: Arc<AtomicU32>, reached: Arc<tokio::sync::Notify> }
/// #[node]
/// async fn reserve(#[state] app: &App, item: &String) -> u32 {
///     app.reserved.fetch_add(1, Relaxed) + 1
/// }
///
/// #[node]
/// async fn ship(#[state] app: &App, number: &u32) -> String {
/// #   if app.is_open.load(Relaxed) == 0 {
/// #       app.reached.notify_one();
/// #       std::future::pending::<()>().await;
/// #   }
///     format!("parcel {number}")
/// }
///
/// workflow! {
///     fn order(item: String) -> String { ship(reserve(item)) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = App::default();
/// let table = Table::default();
/// let first = Engine::builder(table.clone()).state(app.clone()).build();
/// let run = order("tea".to_owned()).start(&first, "order-1")?;
/// # app.reached.notified().await;
/// first.shutdown(Duration::ZERO).await;               // while `ship` is under way
/// assert!(matches!(run.result().await, Err(RunError::Interrupted { .. })));
///
/// # app.is_open.store(1, Relaxed);
/// let second = Engine::builder(table.clone()).state(app.clone()).build();
/// assert_eq!(order("tea".to_owned()).run(&second, "order-1").await?, "parcel 1");
/// assert_eq!(app.reserved.load(Relaxed), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Doing better
/// [`commit`](Self::commit) is what an engine calls; as the trait has it, it saves the whole record after every
/// step. A store that overrides it keeps the change alone ([`Delta::to_bytes`] gives its bytes), so that a step costs as much in a run of ten thousand
/// steps as in a run of ten, and refuses changes that do not follow, which keeps two engines from writing one run.
/// [`encoding`](Self::encoding) says whether values that are not bytes or text are to be MessagePack, the default,
/// or JSON for people to read. [`ask`](Self::ask) and the three methods after it keep what is asked of runs, signals
/// among it; a store that leaves them as they are keeps nothing of that.
///
/// A store around another one, which answers some calls itself, hands the rest on with [`hand_on!`].
///
/// The store passes if it passes the conformance kit: `flow_runtime::testing::store_conformance!`, behind the feature
/// `conformance`, makes some 190 tests of one line. `store_conformance!(four_methods, ..)` is for stores without a
/// `commit` of their own.
pub trait WorkflowStore: Send + Sync + 'static {
    /// Keeps this record in place of any record of the same id, durably, before it returns.
    ///
    /// # Errors
    /// If it could not be kept; the record before is then still there.
    fn save(&self, data: &WorkflowData) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The record of this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, [`StoreError::Corrupt`] if its bytes are broken.
    fn load(&self, id: &WorkflowId) -> impl Future<Output = Result<WorkflowData, StoreError>> + Send;

    /// The ids of all runs, sorted. A broken record hides no other.
    ///
    /// # Errors
    /// If the store as a whole cannot be read.
    fn list_workflows(&self) -> impl Future<Output = Result<Listing, StoreError>> + Send;

    /// Removes the record of this id, durably.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    fn delete(&self, id: &WorkflowId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps what changed: `after` is the whole record with `delta` applied.
    ///
    /// A store that overrides this appends `delta` if and only if it follows the last one it has of this run
    /// (`delta.seq` 0 creates the run, which must be absent); the same delta again is `Ok`. It writes no more than
    /// the change. By default the whole record is saved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the delta does not follow; otherwise as [`save`](Self::save).
    fn commit(&self, after: &WorkflowData, delta: &Delta) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = delta;
        self.save(after)
    }

    /// How payloads are to be encoded for this store, where a value has no better encoding.
    fn encoding(&self) -> Encoding {
        Encoding::MessagePack
    }

    /// The runs that are asked for, the newest first, without their values. By default every record is loaded.
    ///
    /// # Errors
    /// If the store as a whole cannot be read.
    fn query(&self, query: &Query) -> impl Future<Output = Result<Page, StoreError>> + Send {
        query::by_loading(self, query)
    }

    /// Takes a run, which need not be there yet, for this owner, until it is given back with
    /// [`release`](Self::release) or the owner is [forgotten](Self::forget). Gives the fence that the owner's deltas of the run must carry:
    /// it grows whenever the run changes hands, and a delta with an older one is refused. The same owner may claim a
    /// run again. A claimed run is deleted by nobody.
    ///
    /// A store that a single engine writes need not do anything: by default the fence is 0 and nothing is held.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another owner has the run.
    fn claim(&self, id: &WorkflowId, owner: Owner) -> impl Future<Output = Result<u64, StoreError>> + Send {
        let _ = (id, owner);
        future::ready(Ok(0))
    }

    /// Gives a run back that this owner has claimed; if it has not, nothing happens.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn release(&self, id: &WorkflowId, owner: Owner) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (id, owner);
        future::ready(Ok(()))
    }

    /// Takes in that this owner is gone: what it has claimed is free. It is called when an engine is dropped, where
    /// nobody can wait, so a store that must write something does so later.
    fn forget(&self, owner: Owner) {
        let _ = owner;
    }

    /// The most bytes of a payload that is kept in a record; larger ones are handed to [`put_part`](Self::put_part)
    /// and only their name stands in the record. `None`, the default, if all are kept in records.
    fn inline_bytes(&self) -> Option<usize> {
        None
    }

    /// Keeps a part of a large payload, of at most [`PartKey::MAX_BYTES`], in place of what there is of this name. It
    /// is durable at the latest when a later delta of the run is, which names it. Parts go with their run: when it is
    /// deleted they are.
    ///
    /// # Errors
    /// If it could not be kept, or if this store keeps no parts, as is the default.
    fn put_part(&self, key: &PartKey, bytes: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = bytes;
        future::ready(Err(no_parts(key)))
    }

    /// The part of this name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is not there or its bytes are broken.
    fn part(&self, key: &PartKey) -> impl Future<Output = Result<Bytes, StoreError>> + Send {
        future::ready(Err(no_parts(key)))
    }

    /// Keeps a request for this run, which need not be there yet, until it is [taken](Self::take_requests). It is durable
    /// when this returns. `false` if there is one of its id for this run already, which stays as it is.
    ///
    /// Whoever has the store may call it, also beside an engine in another process and through a handle that is for
    /// reading. A run's requests go with the run when it is deleted.
    ///
    /// # Errors
    /// If it could not be kept; [`StoreError::TooManyRequests`] if there are [`MAX_REQUESTS`] of this run already; or
    /// [`StoreError::Unstorable`] if this store keeps no requests, as is the default.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path();
    /// use flow_runtime::state::{Request, RequestKind};
    /// use flow_runtime::{FlatBuffersStore, WorkflowId, WorkflowStore};
    ///
    /// let store = FlatBuffersStore::open(dir)?;                    // an engine's, in this process or another
    /// let beside = FlatBuffersStore::open_read_only(dir)?;
    /// let run = WorkflowId::new("order-1")?;
    /// let cancel = Request::new("cancel by Ada", 1_700_000_000_000_000_000, RequestKind::Cancel)?;
    /// assert!(beside.ask(&run, &cancel).await?);
    /// assert!(!beside.ask(&run, &cancel).await?);                  // the same again counts once
    ///
    /// // What the engine does when it has a moment:
    /// assert_eq!(store.asked().await?, [run.clone()]);
    /// assert_eq!(store.requests(&run).await?, [cancel.clone()]);
    /// store.take_requests(&run, &[cancel.id]).await?;
    /// assert!(store.asked().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    fn ask(&self, run: &WorkflowId, request: &Request) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = request;
        future::ready(Err(no_requests(run)))
    }

    /// The requests for this run that have not been taken, in the order in which they came.
    ///
    /// # Errors
    /// If they cannot be read; [`StoreError::Corrupt`] if one of them is broken.
    fn requests(&self, run: &WorkflowId) -> impl Future<Output = Result<Vec<Request>, StoreError>> + Send {
        let _ = run;
        future::ready(Ok(Vec::new()))
    }

    /// Forgets these requests of a run, whose answers are in its record; those that are not there are as good as
    /// forgotten. It need not be durable: a request that comes again after a crash is known by its id.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn take_requests(&self, run: &WorkflowId, ids: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = (run, ids);
        future::ready(Ok(()))
    }

    /// The runs for which there are requests that have not been taken, sorted; they need not exist. An engine asks
    /// twice a second whether another process has left something, so it should cost little when there is nothing.
    ///
    /// # Errors
    /// If the store as a whole cannot be read.
    fn asked(&self) -> impl Future<Output = Result<Vec<WorkflowId>, StoreError>> + Send {
        future::ready(Ok(Vec::new()))
    }
}

/// How many requests of one run a store keeps at most, so that a run that never comes cannot fill the disk.
pub const MAX_REQUESTS: usize = 10_000;

fn no_requests(run: &WorkflowId) -> StoreError {
    StoreError::Unstorable { id: run.clone(), reason: "this store keeps no requests".to_owned() }
}

fn no_parts(key: &PartKey) -> StoreError {
    StoreError::Unstorable { id: key.id.clone(), reason: "this store keeps no parts of large payloads".to_owned() }
}

/// A store that several own is that store.
impl<S: WorkflowStore> WorkflowStore for Arc<S> {
    hand_on!(|own| &**own);
}
