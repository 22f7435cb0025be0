//! The files of the store, one for each run, as the store's thread works on them.
//!
//! In: whole files to be written, and what they follow. Out: those files, each replaced whole and durably. What this
//! thread has written or read of a run it remembers, so that a commit need not read the file it replaces.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::late::Late;
use super::parts::Parts;
use super::reading;
use crate::disk::{self, Dir, DiskError, Lock};
use crate::state::codec::CodecError;
use crate::state::codec::json::{Brief, Header, MAX_BYTES, Stored, read_brief};
use crate::state::{Ack, WorkflowId};
use crate::store::worker::Work;
use crate::store::{Damaged, Listing, StoreError, with_causes};

/// Where a run stands: its number, and how many changes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) run_no: u64,
    pub(super) seq: u64,
    /// The checksum of the last change; none if the run was saved since.
    pub(super) last_change: Option<u32>,
}

/// A file to be written.
pub(super) struct Written {
    pub(super) id: WorkflowId,
    pub(super) place: Place,
    pub(super) bytes: Vec<u8>,
}

/// What the thread does next.
pub(super) type Job = Box<dyn FnOnce(&mut Files) + Send>;

/// The files, and what is known of them.
pub(super) struct Files {
    pub(super) dir: Arc<dyn Dir>,
    /// The lock of who writes; without it nothing is written.
    lock: Option<Lock>,
    places: HashMap<WorkflowId, Place>,
    doubt: Option<Doubt>,
    pub(super) parts: Parts,
    pub(super) late: Late,
}

/// A sync failed, so what is on disk is not known.
struct Doubt {
    reason: String,
    /// The run whose file may be the old one or the new one.
    run: Option<WorkflowId>,
}

impl Work for Files {
    type Job = Job;

    fn run(&mut self, jobs: Vec<Job>) -> Option<Duration> {
        for job in jobs {
            job(self);
            self.write_if_due();
        }
        self.write_if_due();
        self.late.due()
    }

    fn close(&mut self) {
        // Nobody is left to be told.
        let _ = self.catch_up_all();
    }
}

impl Files {
    /// The files of this folder, for reading.
    pub(super) fn read_only(dir: Arc<dyn Dir>) -> Self {
        let (parts, late) = (Parts::default(), Late::new(Duration::ZERO));
        Self { dir, lock: None, places: HashMap::new(), doubt: None, parts, late }
    }

    /// The files of this folder, for the one who holds its lock. What nobody waits for is written after this time.
    pub(super) fn open(dir: Arc<dyn Dir>, lock: Lock, max_lag: Duration) -> Result<Self, StoreError> {
        disk::remove_stale_temps(&*dir)?;
        let parts = Parts::open(&*dir)?;
        // Who wrote before may have been killed before a name was durable; what is read from now on must be.
        dir.sync()?;
        let late = Late::new(max_lag);
        Ok(Self { dir, lock: Some(lock), places: HashMap::new(), doubt: None, parts, late })
    }

    /// Writes the file of a run, whatever is there.
    pub(super) fn save(&mut self, file: Written) -> Result<(), StoreError> {
        self.check_writable()?;
        if !self.places.contains_key(&file.id) {
            self.check_replaceable(&file.id)?;
        }
        self.keep(file, Ack::Sync)
    }

    /// Keeps the file of a run that has changed, if the change follows what is there.
    pub(super) fn commit(&mut self, file: Written, ack: Ack) -> Result<(), StoreError> {
        self.check_writable()?;
        let Written { id, place: sent, .. } = &file;
        let conflict = |reason: String| Err(StoreError::Conflict { id: id.clone(), reason });
        let Some(found) = self.place(id)? else {
            return if sent.seq == 1 { self.keep(file, ack) } else { conflict("it is not there any more".to_owned()) };
        };
        let is_same_run = found.run_no == sent.run_no;
        if is_same_run && sent.seq > 1 && found.seq == sent.seq - 1 {
            return self.keep(file, ack);
        }
        if found == *sent {
            // It was sent again, since its answer was lost.
            return self.catch_up(id);
        }
        conflict(format!("it is at change {}, and change {} does not follow", found.seq, sent.seq.saturating_sub(1)))
    }

    /// Removes the file of a run.
    pub(super) fn delete(&mut self, id: &WorkflowId) -> Result<(), StoreError> {
        self.check_writable()?;
        if !self.places.contains_key(id) {
            self.check_replaceable(id)?;
        }
        self.places.remove(id);
        let was_there = match disk::remove_durably(&*self.dir, &name_of(id)) {
            Err(error) if error.is_not_found() => false,
            done => done.map(|()| true).map_err(|error| self.failed(id, error))?,
        };
        // A run may have changes that wait and no file yet.
        if self.late.forget(id) || was_there {
            self.remove_parts(id)
        } else {
            Err(StoreError::NotFound { id: id.clone() })
        }
    }

    /// The bytes of a run's file.
    pub(super) fn read(&mut self, id: &WorkflowId) -> Result<Vec<u8>, StoreError> {
        self.catch_up(id)?;
        match &self.doubt {
            Some(doubt) if doubt.run.as_ref() == Some(id) => Err(self.poisoned(doubt)),
            _ => self.find(id)?.ok_or_else(|| StoreError::NotFound { id: id.clone() }),
        }
    }

    /// The runs there are. Their names say which, but those of long ids, which stand in the files.
    pub(super) fn list(&mut self) -> Result<Listing, StoreError> {
        self.catch_up_all()?;
        let mut listing = Listing::default();
        for file in self.dir.list()? {
            let Some(name) = file.strip_suffix(EXTENSION) else { continue };
            match disk::decode_name(name).map(WorkflowId::new) {
                Some(Ok(id)) => listing.workflows.push(id),
                None if disk::is_cut_name(name) => match self.id_in(&file) {
                    Some(Ok(id)) => listing.workflows.push(id),
                    Some(Err(reason)) => listing.damaged.push(Damaged::new(self.dir.path().join(&file), reason)),
                    None => {}
                },
                _ => {}
            }
        }
        listing.workflows.sort();
        listing.damaged.sort();
        Ok(listing)
    }

    /// The id that stands in a file; `None` if the file has gone in the meantime.
    fn id_in(&self, file: &str) -> Option<Result<WorkflowId, String>> {
        let bytes = match disk::read_all(&*self.dir, file, MAX_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return None,
            // That this one cannot be read is no reason to hide the others.
            Err(error) => return Some(Err(with_causes(&error))),
        };
        let id = read_brief(&bytes).map_err(|error| error.to_string()).and_then(|Brief { id, .. }| {
            if name_of(&id) == file { Ok(id) } else { Err(format!("it holds the run `{id}`")) }
        });
        Some(id)
    }

    /// Where a run stands, read from its file if need be.
    fn place(&mut self, id: &WorkflowId) -> Result<Option<Place>, StoreError> {
        if let Some(place) = self.late.place(id).or_else(|| self.places.get(id).copied()) {
            return Ok(Some(place));
        }
        let Some(bytes) = self.find(id)? else { return Ok(None) };
        let path = self.path(id);
        let writable = Header::read(&bytes).and_then(|header| header.check_writable());
        writable.map_err(|error| reading::unreadable(id, &path, error))?;
        let Stored { data, last_change } = reading::read(id, &path, &bytes)?;
        let place = Place { run_no: data.run_no, seq: data.seq, last_change };
        self.places.insert(id.clone(), place);
        Ok(Some(place))
    }

    /// Refuses to touch what a newer version has written; what is broken may be replaced and removed.
    fn check_replaceable(&self, id: &WorkflowId) -> Result<(), StoreError> {
        let bytes = match self.find(id) {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        match Header::read(&bytes).and_then(|header| header.check_writable()) {
            Err(error @ CodecError::Newer { .. }) => Err(reading::unreadable(id, &self.path(id), error)),
            _ => Ok(()),
        }
    }

    /// The bytes of a run's file, if there is one.
    fn find(&self, id: &WorkflowId) -> Result<Option<Vec<u8>>, StoreError> {
        match disk::read_all(&*self.dir, &name_of(id), MAX_BYTES as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_too_large() => {
                let DiskError { path, source, .. } = error;
                Err(StoreError::Corrupt { id: id.clone(), path: Some(path), reason: source.to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn write_if_due(&mut self) {
        if self.late.due().is_some_and(|left| left.is_zero()) {
            // Who does not wait is told at the next change.
            let _ = self.catch_up_all();
        }
    }

    pub(super) fn replace(&mut self, file: &Written) -> Result<(), StoreError> {
        let Written { id, place, bytes } = file;
        self.sync_parts(id)?;
        // If this fails, the file has to say where the run stands.
        self.places.remove(id);
        disk::replace_durably(&*self.dir, &name_of(id), bytes).map_err(|error| self.failed(id, error))?;
        self.places.insert(id.clone(), *place);
        Ok(())
    }

    /// What a failed write means: after a failed sync nothing more is written.
    pub(super) fn failed(&mut self, id: &WorkflowId, error: DiskError) -> StoreError {
        if error.is_sync() {
            // A file that could not be synced was not renamed; only a folder leaves its names in doubt.
            let run = (error.path == self.dir.path()).then(|| id.clone());
            self.doubt = Some(Doubt { reason: with_causes(&error), run });
        }
        error.into()
    }

    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        match (&self.lock, &self.doubt) {
            (None, _) => Err(StoreError::ReadOnly { path: self.dir.path().to_owned() }),
            (_, Some(doubt)) => Err(self.poisoned(doubt)),
            _ => Ok(()),
        }
    }

    fn poisoned(&self, doubt: &Doubt) -> StoreError {
        StoreError::Poisoned { path: self.dir.path().to_owned(), reason: doubt.reason.clone() }
    }

    fn path(&self, id: &WorkflowId) -> std::path::PathBuf {
        self.dir.path().join(name_of(id))
    }
}

pub(super) const EXTENSION: &str = ".json";

/// Whether there is a file of the run of which this is the name without an extension.
pub(super) fn is_there(dir: &dyn Dir, run: &str) -> Result<bool, StoreError> {
    match dir.open(&format!("{run}{EXTENSION}"), false) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The name of a run's file.
pub(super) fn name_of(id: &WorkflowId) -> String {
    disk::encode_name(id.as_str()) + EXTENSION
}
