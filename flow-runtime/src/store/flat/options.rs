//! How the log of a folder is opened.

use std::path::Path;
use std::sync::Arc;

use super::beside::Beside;
use super::log::Log;
use super::writer::{KeptUp, Writer};
use super::{Access, FlatBuffersStore, no_thread};
use crate::disk::{self, Fs, RealFs};
use crate::store::StoreError;
use crate::store::inbox::Inbox;

/// How long a segment is where nothing else is said: 4 MiB.
const SEGMENT_BYTES: u64 = 4 << 20;
/// The shortest segment, and the longest.
const SEGMENT_RANGE: std::ops::RangeInclusive<u64> = 1024..=1 << 30;
/// How a [`FlatBuffersStore`] is opened.
#[derive(Clone, Debug)]
#[must_use = "call `open` to have the store"]
pub struct FlatBuffersOptions {
    fs: Arc<dyn Fs>,
    segment_bytes: u64,
    accept_losses: bool,
    kept_up: KeptUp,
}

impl FlatBuffersOptions {
    pub(super) fn new() -> Self {
        let (segment_bytes, kept_up) = (SEGMENT_BYTES, KeptUp::ByThread);
        Self { fs: Arc::new(RealFs), segment_bytes, accept_losses: false, kept_up }
    }

    /// How long new files of the log are, in bytes: from 1 KiB to 1 GiB, 4 MiB by default. They have their full length
    /// from the beginning, and one that holds a larger record is longer.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.clamp(*SEGMENT_RANGE.start(), *SEGMENT_RANGE.end());
        self
    }

    /// Whether new runs may begin in a store of which a part is lost without anybody knowing what stood there. Without
    /// this they are refused, because a run of the same id may have been under way. What is lost is listed among
    /// [`Listing::damaged`](crate::store::Listing::damaged).
    pub fn accept_losses(mut self, accept: bool) -> Self {
        self.accept_losses = accept;
        self
    }

    /// The file system; the operating system's by default. For tests.
    pub fn fs(mut self, fs: impl Fs + 'static) -> Self {
        self.fs = Arc::new(fs);
        self
    }

    /// Leaves the upkeep to the test.
    #[cfg(test)]
    pub(in crate::store) fn kept_up_by_test(mut self) -> Self {
        self.kept_up = KeptUp::ByTest;
        self
    }

    /// Opens the store in this folder for writing, as [`FlatBuffersStore::open`] does.
    ///
    /// # Errors
    /// As [`FlatBuffersStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<FlatBuffersStore, StoreError> {
        let dir = self.fs.open_dir(path.as_ref(), true)?;
        let lock =
            disk::lock(&*dir)?.map_err(|holder| StoreError::Locked { path: path.as_ref().to_owned(), holder })?;
        disk::remove_stale_temps(&*dir)?;
        let log = Log::open(dir.clone(), lock, self.segment_bytes)?;
        if self.accept_losses {
            log.index().accept_losses();
        }
        let inbox = Inbox::open(dir, |run| Ok(log.index().has(run)))?;
        let writer = Writer::new(path.as_ref(), log, self.kept_up).map_err(|error| no_thread(path.as_ref(), error))?;
        FlatBuffersStore::new(path.as_ref(), Access::Write(writer), inbox)
    }

    /// Opens the store in this folder for reading, as [`FlatBuffersStore::open_read_only`] does.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<FlatBuffersStore, StoreError> {
        let dir = self.fs.open_dir(path.as_ref(), false)?;
        FlatBuffersStore::new(path.as_ref(), Access::Read(Beside::new(dir.clone())), Inbox::beside(dir)?)
    }

    /// Opens the store in this folder for reading as it stands now, as [`FlatBuffersStore::open_snapshot`] does.
    ///
    /// # Errors
    /// As [`FlatBuffersStore::open_snapshot`].
    pub fn open_snapshot(self, path: impl AsRef<Path>) -> Result<FlatBuffersStore, StoreError> {
        let dir = self.fs.open_dir(path.as_ref(), false)?;
        let beside = Beside::snapshot(dir.clone())?;
        FlatBuffersStore::new(path.as_ref(), Access::Read(beside), Inbox::beside(dir)?)
    }
}
