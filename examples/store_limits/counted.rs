//! The operating system's files, with the syncs and the bytes written counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flow_runtime::disk::{Dir, DiskError, File, Fs, Held, RealFs};

/// Counts what is done through it. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedFs {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    syncs: AtomicU64,
    bytes: AtomicU64,
}

impl CountedFs {
    /// The syncs of files and folders so far, and the bytes written.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.counts.syncs.load(Relaxed), self.counts.bytes.load(Relaxed))
    }
}

impl Fs for CountedFs {
    fn open_dir(&self, path: &Path, create: bool) -> Result<Arc<dyn Dir>, DiskError> {
        let dir = RealFs.open_dir(path, create)?;
        Ok(Arc::new(CountedDir { dir, counts: self.counts.clone() }))
    }
}

#[derive(Debug)]
struct CountedDir {
    dir: Arc<dyn Dir>,
    counts: Arc<Counts>,
}

impl CountedDir {
    fn counted(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(CountedFile { file, counts: self.counts.clone() })
    }
}

impl Dir for CountedDir {
    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.dir.list()
    }

    fn open_dir(&self, name: &str, create: bool) -> Result<Arc<dyn Dir>, DiskError> {
        Ok(Arc::new(Self { dir: self.dir.open_dir(name, create)?, counts: self.counts.clone() }))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, DiskError> {
        Ok(self.counted(self.dir.create(name)?))
    }

    fn open(&self, name: &str, write: bool) -> Result<Arc<dyn File>, DiskError> {
        Ok(self.counted(self.dir.open(name, write)?))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.dir.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.dir.remove(name)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.counts.syncs.fetch_add(1, Relaxed);
        self.dir.sync()
    }

    fn try_lock(&self, name: &str) -> Result<Option<Box<dyn Held>>, DiskError> {
        self.dir.try_lock(name)
    }
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn File>,
    counts: Arc<Counts>,
}

impl File for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
        self.counts.bytes.fetch_add(bytes.len() as u64, Relaxed);
        self.file.write_at(bytes, offset)
    }

    fn len(&self) -> Result<u64, DiskError> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> Result<(), DiskError> {
        self.file.set_len(len)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.counts.syncs.fetch_add(1, Relaxed);
        self.file.sync()
    }
}
