//! The files of an inbox, as whoever has the store's folder open works on them.
//!
//! In: requests, and what becomes of them. Out: a file for each that waits. Any number of processes leave requests here,
//! one at a time (they take the inbox's own lock, which is held for as long as one file takes to be written); only the
//! store's writer takes them. A request that is no longer of use to anybody is removed without a sync: if the power
//! brings it back, its run knows it.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::letter;
use super::name::{self, Name, What};
use crate::disk::{self, Dir, DiskError};
use crate::state::codec::CodecError;
use crate::state::{Request, WorkflowId};
use crate::store::{MAX_REQUESTS, StoreError};

/// The folder, in that of the store.
pub(super) const INBOX: &str = "inbox";
/// The file that is locked by who leaves a request.
pub(super) const LOCK: &str = "LOCK";

/// The files of an inbox.
pub(super) struct Files {
    /// The folder of the store.
    store: Arc<dyn Dir>,
    is_writer: bool,
    /// Whether the inbox's folder is known to last.
    is_made: AtomicBool,
    /// Whether files may have been removed since the folder was synced.
    is_unsynced: AtomicBool,
    /// Why nothing more is written: a sync failed.
    doubt: Mutex<Option<String>>,
}

/// What there is of one run, in order.
#[derive(Default)]
struct Waiting<'a> {
    /// The file and what its name says of each request.
    requests: Vec<(&'a str, Name<'a>)>,
    deletions: Vec<&'a str>,
    /// Up to which number requests go with the run, which is being deleted or was when its writer was killed.
    deleted: Option<u32>,
}

/// A run that is being deleted, with its requests up to a number.
pub(super) struct Deletion {
    run: String,
    upto: u32,
    /// Up to which number they were to go with it by an earlier deletion, of which it was not known whether it was done.
    before: Option<u32>,
}

impl<'a> Waiting<'a> {
    fn of(run: &str, names: &'a [String]) -> Self {
        let mut waiting = Self::default();
        for file in names {
            match name::read(file) {
                Some(name) if name.run == run => waiting.add(file, name),
                _ => {}
            }
        }
        waiting
    }

    fn add(&mut self, file: &'a str, name: Name<'a>) {
        match name.what {
            What::Request(_) => self.requests.push((file, name)),
            What::Deletion => {
                self.deletions.push(file);
                self.deleted = self.deleted.max(Some(name.number));
            }
        }
    }

    /// The digests of the requests that do not go with a deletion.
    fn kept(&self) -> impl Iterator<Item = &'a str> {
        let kept = self.requests.iter().filter(|(_, name)| Some(name.number) > self.deleted);
        kept.filter_map(|(_, name)| digest_of(*name))
    }

    fn last(&self) -> Option<u32> {
        self.requests.last().map(|(_, name)| name.number).max(self.deleted)
    }
}

const fn digest_of(name: Name<'_>) -> Option<&str> {
    match name.what {
        What::Request(digest) => Some(digest),
        What::Deletion => None,
    }
}

impl Files {
    pub(super) fn new(store: Arc<dyn Dir>, is_writer: bool) -> Self {
        let (is_made, doubt) = (AtomicBool::new(false), Mutex::default());
        // The writer before may have removed files and been killed before that was durable.
        Self { store, is_writer, is_made, is_unsynced: AtomicBool::new(is_writer), doubt }
    }

    /// Leaves a request there; says whether there was none of its id. Nothing if another is leaving one just now.
    pub(super) fn ask(&self, run: &WorkflowId, request: &str, bytes: &[u8]) -> Result<Option<bool>, StoreError> {
        self.check_sound()?;
        let dir = self.make()?;
        let Some(_held) = dir.try_lock(LOCK)? else { return Ok(None) };
        let names = dir.list()?;
        if names.iter().any(|name| name.starts_with('.')) {
            // Files are made by who has the lock, so an unfinished one was left by who was killed.
            disk::remove_stale_temps(&*dir)?;
        }
        let (name, digest) = (name::run_name(run), name::digest(request));
        let waiting = Waiting::of(&name, &names);
        if waiting.kept().any(|known| known == digest) {
            // Who left it may have been killed before it was durable.
            return self.sync(&*dir).map(|()| Some(false));
        }
        if waiting.kept().count() >= MAX_REQUESTS {
            return Err(StoreError::TooManyRequests { id: run.clone(), most: MAX_REQUESTS });
        }
        let number = waiting.last().unwrap_or_default().checked_add(1).ok_or_else(|| StoreError::Unstorable {
            id: run.clone(),
            reason: "the numbers of its requests are used up; take those that wait, and they begin anew".to_owned(),
        })?;
        let replaced = disk::replace_durably(&*dir, &name::of_request(&name, number, &digest), bytes);
        replaced.map(|()| Some(true)).map_err(|error| self.failed(error))
    }

    /// The requests of a run, in the order in which they came.
    pub(super) fn requests(&self, run: &WorkflowId) -> Result<Vec<Request>, StoreError> {
        let Some(dir) = self.find()? else { return Ok(Vec::new()) };
        let (names, mut known) = (dir.list()?, HashSet::new());
        let waiting = Waiting::of(&name::run_name(run), &names);
        // One may be there twice whose first was to go with the run, which then stayed.
        let each_once = waiting.requests.into_iter().filter(|(_, name)| known.insert(digest_of(*name)));
        each_once.filter_map(|(file, name)| read(&*dir, run, file, name).transpose()).collect()
    }

    /// Removes these requests of a run.
    pub(super) fn take(&self, run: &WorkflowId, ids: &[String]) -> Result<(), StoreError> {
        self.check_writer()?;
        let Some(dir) = self.find()? else { return Ok(()) };
        let digests: HashSet<String> = ids.iter().map(|id| name::digest(id)).collect();
        let names = dir.list()?;
        let waiting = Waiting::of(&name::run_name(run), &names);
        let is_taken = |name: Name<'_>| digest_of(name).is_some_and(|digest| digests.contains(digest));
        let taken = waiting.requests.iter().filter(|(_, name)| is_taken(*name));
        let removed = taken.map(|(file, _)| remove(&*dir, file)).try_for_each(|removed| removed);
        self.is_unsynced.store(true, Ordering::SeqCst);
        Ok(removed?)
    }

    /// The runs for which there are requests, sorted. Of a long id only a file can tell, and one that cannot hides no
    /// other.
    pub(super) fn asked(&self) -> Result<Vec<WorkflowId>, StoreError> {
        let Some(dir) = self.find()? else { return Ok(Vec::new()) };
        let (names, mut runs, mut last) = (dir.list()?, BTreeSet::new(), None);
        let requests = names.iter().filter_map(|file| Some((file, name::read(file)?)));
        for (file, name) in requests.filter(|(_, name)| name.what != What::Deletion) {
            if last == Some(name.run) {
                continue;
            }
            let run = match disk::decode_name(name.run).map(WorkflowId::new) {
                Some(run) => run.ok(),
                None => letter::run_of(&*dir, file, name).ok().flatten(),
            };
            if let Some(run) = run {
                last = Some(name.run);
                runs.insert(run);
            }
        }
        Ok(runs.into_iter().collect())
    }

    /// Has the requests of a run go with it, which is to be deleted: from here on until [`end_delete`](Self::end_delete)
    /// it can be told from the files whether they belonged to it. Nothing if there are none.
    pub(super) fn begin_delete(&self, run: &WorkflowId) -> Result<Option<Deletion>, StoreError> {
        self.check_writer()?;
        self.check_sound()?;
        let Some(dir) = self.find()? else { return Ok(None) };
        if self.is_unsynced.swap(false, Ordering::SeqCst) {
            // What was taken would come back, and be for the next run of this id.
            self.sync(&*dir)?;
        }
        let (run, names) = (name::run_name(run), dir.list()?);
        let waiting = Waiting::of(&run, &names);
        let Some(upto) = waiting.last() else { return Ok(None) };
        let before = waiting.deleted;
        if before != Some(upto) {
            dir.create(&name::of_deletion(&run, upto))?;
        }
        self.sync(&*dir)?;
        Ok(Some(Deletion { run, upto, before }))
    }

    /// Removes the requests of a run if it was deleted. If that is not known, who opens the store next finds out.
    pub(super) fn end_delete(&self, deletion: &Deletion, deleted: &Result<(), StoreError>) -> Result<(), StoreError> {
        let gone = match deleted {
            Ok(()) => Some(deletion.upto),
            Err(StoreError::NotFound { .. }) => deletion.before,
            Err(StoreError::Conflict { .. }) => None,
            Err(_) => return Ok(()),
        };
        self.find()?.map_or(Ok(()), |dir| self.settle(&*dir, &deletion.run, gone))
    }

    /// Ends the deletions that a writer who was killed has begun. Says of a run, by its name, whether it is there;
    /// nothing if that cannot be told.
    pub(super) fn recover(
        &self,
        is_there: impl Fn(&str) -> Result<Option<bool>, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(dir) = self.find()? else { return Ok(()) };
        let names = dir.list()?;
        let deletions = names.iter().filter_map(|file| name::read(file)).filter(|name| name.what == What::Deletion);
        for run in deletions.map(|name| name.run).collect::<BTreeSet<_>>() {
            if let Some(is_there) = is_there(run)? {
                let gone = if is_there { None } else { Waiting::of(run, &names).deleted };
                self.settle(&*dir, run, gone)?;
            }
        }
        Ok(())
    }

    /// Removes the requests of a run up to a number, and then what says that they were to go.
    fn settle(&self, dir: &dyn Dir, run: &str, gone: Option<u32>) -> Result<(), StoreError> {
        let names = dir.list()?;
        let waiting = Waiting::of(run, &names);
        let requests = waiting.requests.iter().filter(|(_, name)| Some(name.number) <= gone);
        requests.map(|(file, _)| remove(dir, file)).try_for_each(|removed| removed)?;
        self.sync(dir)?;
        waiting.deletions.iter().try_for_each(|file| remove(dir, file))?;
        self.sync(dir)
    }

    /// The folder, if it is there.
    fn find(&self) -> Result<Option<Arc<dyn Dir>>, StoreError> {
        match self.store.open_dir(INBOX, false) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder, which is made if need be.
    fn make(&self) -> Result<Arc<dyn Dir>, StoreError> {
        if self.is_made.load(Ordering::SeqCst)
            && let Some(dir) = self.find()?
        {
            return Ok(dir);
        }
        let dir = self.store.open_dir(INBOX, true).map_err(|error| self.failed(error))?;
        self.is_made.store(true, Ordering::SeqCst);
        Ok(dir)
    }

    fn sync(&self, dir: &dyn Dir) -> Result<(), StoreError> {
        dir.sync().map_err(|error| self.failed(error))
    }

    /// What a failed operation means: after a failed sync nothing more is written.
    fn failed(&self, error: DiskError) -> StoreError {
        if error.is_sync() {
            self.doubt().get_or_insert_with(|| error.to_string());
        }
        error.into()
    }

    fn check_sound(&self) -> Result<(), StoreError> {
        self.doubt().as_ref().map_or(Ok(()), |reason| {
            Err(StoreError::Poisoned { path: self.store.path().join(INBOX), reason: reason.clone() })
        })
    }

    fn check_writer(&self) -> Result<(), StoreError> {
        if self.is_writer { Ok(()) } else { Err(StoreError::ReadOnly { path: self.store.path().to_owned() }) }
    }

    fn doubt(&self) -> MutexGuard<'_, Option<String>> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a file, which may be gone already.
fn remove(dir: &dyn Dir, file: &str) -> Result<(), DiskError> {
    dir.remove(file).or_else(|error| if error.is_not_found() { Ok(()) } else { Err(error) })
}

/// The request in this file; nothing if it was taken in the meantime.
fn read(dir: &dyn Dir, run: &WorkflowId, file: &str, name: Name<'_>) -> Result<Option<Request>, StoreError> {
    let path = || dir.path().join(file);
    let corrupt = |reason: String| StoreError::Corrupt { id: run.clone(), path: Some(path()), reason };
    let bytes = match disk::read_all(dir, file, letter::MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) if error.is_too_large() => return Err(corrupt(format!("a request: {}", error.source))),
        Err(error) => return Err(error.into()),
    };
    letter::read(name, run, bytes).map(Some).map_err(|error| match error {
        CodecError::Newer { found, known } => {
            StoreError::Newer { what: format!("a request for run `{run}` in {}", path().display()), found, known }
        }
        CodecError::Broken { reason } | CodecError::Unstorable { reason } => corrupt(format!("a request: {reason}")),
    })
}
