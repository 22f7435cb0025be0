//! Another file system, of which any operation can be made to fail.
//!
//! In: the number of an operation and how it fails. Out: the same operations, counted, and that failure.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Answer, Dir, DiskError, File, Fs, Held};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// With this error number, without having done anything.
    Errno(i32),
    /// With "no space", a write having written half of its bytes.
    ShortWrite,
    /// With an input/output error, although it was done.
    Ambiguous,
}

/// Another file system with a fault in it. Clones are the same.
#[derive(Clone, Debug)]
pub struct FaultFs {
    inner: Arc<dyn Fs>,
    plan: Arc<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    count: AtomicU64,
    fault: Mutex<Option<(u64, bool, Fault)>>,
}

impl FaultFs {
    /// This file system, without a fault.
    pub fn new(inner: impl Fs + 'static) -> Self {
        Self { inner: Arc::new(inner), plan: Arc::default() }
    }

    /// Makes the operation of this number fail (from 0, counted from now on), and with `for_ever` all after it.
    pub fn fail(&self, at: u64, for_ever: bool, fault: Fault) {
        let at = self.count() + at;
        *self.plan.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, for_ever, fault));
    }

    /// Lets all operations succeed again.
    pub fn heal(&self) {
        *self.plan.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many operations there have been.
    pub fn count(&self) -> u64 {
        self.plan.count.load(Ordering::SeqCst)
    }
}

impl Plan {
    /// The fault of the operation that comes now, if it has one.
    fn next(&self) -> Option<Fault> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let (at, for_ever, fault) = (*self.fault.lock().unwrap_or_else(PoisonError::into_inner))?;
        (number == at || (for_ever && number > at)).then_some(fault)
    }

    /// Runs an operation, or lets it fail.
    fn run<T>(&self, action: &'static str, path: &Path, operation: impl FnOnce() -> Answer<T>) -> Answer<T> {
        let error = |errno| DiskError::new(action, path, io::Error::from_raw_os_error(errno));
        match self.next() {
            None => operation(),
            Some(Fault::Errno(errno)) => Err(error(errno)),
            Some(Fault::ShortWrite) => Err(error(rustix::io::Errno::NOSPC.raw_os_error())),
            Some(Fault::Ambiguous) => {
                operation()?;
                Err(error(rustix::io::Errno::IO.raw_os_error()))
            }
        }
    }

    /// As [`run`](Self::run), for a sync.
    fn sync(&self, action: &'static str, path: &Path, operation: impl FnOnce() -> Answer<()>) -> Answer<()> {
        let done = self.run(action, path, operation);
        done.map_err(|error| DiskError::of_sync(error.action, error.path, error.source))
    }
}

#[derive(Debug)]
struct FaultDir {
    inner: Arc<dyn Dir>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    plan: Arc<Plan>,
}

impl Fs for FaultFs {
    fn open_dir(&self, path: &Path, create: bool) -> Answer<Arc<dyn Dir>> {
        let plan = self.plan.clone();
        let inner = plan.run("open the folder", path, || self.inner.open_dir(path, create))?;
        Ok(Arc::new(FaultDir { inner, plan }))
    }
}

impl FaultDir {
    fn file(&self, name: &str, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultFile { inner, path: self.inner.path().join(name), plan: self.plan.clone() })
    }

    fn run<T>(&self, action: &'static str, name: &str, operation: impl FnOnce() -> Answer<T>) -> Answer<T> {
        self.plan.run(action, &self.inner.path().join(name), operation)
    }
}

impl Dir for FaultDir {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn list(&self) -> Answer<Vec<String>> {
        self.run("list", "", || self.inner.list())
    }

    fn open_dir(&self, name: &str, create: bool) -> Answer<Arc<dyn Dir>> {
        let inner = self.run("open the folder", name, || self.inner.open_dir(name, create))?;
        Ok(Arc::new(Self { inner, plan: self.plan.clone() }))
    }

    fn create(&self, name: &str) -> Answer<Arc<dyn File>> {
        self.run("create", name, || self.inner.create(name)).map(|file| self.file(name, file))
    }

    fn open(&self, name: &str, write: bool) -> Answer<Arc<dyn File>> {
        self.run("open", name, || self.inner.open(name, write)).map(|file| self.file(name, file))
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        self.run("rename", from, || self.inner.rename(from, to))
    }

    fn remove(&self, name: &str) -> Answer<()> {
        self.run("remove", name, || self.inner.remove(name))
    }

    fn sync(&self) -> Answer<()> {
        self.plan.sync("sync the folder", self.inner.path(), || self.inner.sync())
    }

    fn try_lock(&self, name: &str) -> Answer<Option<Box<dyn Held>>> {
        self.run("lock", name, || self.inner.try_lock(name))
    }
}

impl File for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Answer<usize> {
        self.plan.run("read", &self.path, || self.inner.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Answer<()> {
        match self.plan.next() {
            None => self.inner.write_at(bytes, offset),
            Some(fault) => {
                let done = match fault {
                    Fault::Errno(_) => 0,
                    Fault::ShortWrite => bytes.len() / 2,
                    Fault::Ambiguous => bytes.len(),
                };
                if let Some(written) = bytes.get(..done).filter(|written| !written.is_empty()) {
                    self.inner.write_at(written, offset)?;
                }
                let errno = match fault {
                    Fault::Errno(errno) => errno,
                    Fault::ShortWrite => rustix::io::Errno::NOSPC.raw_os_error(),
                    Fault::Ambiguous => rustix::io::Errno::IO.raw_os_error(),
                };
                Err(DiskError::new("write", &self.path, io::Error::from_raw_os_error(errno)))
            }
        }
    }

    fn len(&self) -> Answer<u64> {
        self.plan.run("look at", &self.path, || self.inner.len())
    }

    fn set_len(&self, len: u64) -> Answer<()> {
        self.plan.run("cut", &self.path, || self.inner.set_len(len))
    }

    fn sync(&self) -> Answer<()> {
        self.plan.sync("sync", &self.path, || self.inner.sync())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimFs;

    #[test]
    fn a_write_writes_as_much_as_its_fault_says() {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        let file = fs.open_dir(Path::new("d"), true).unwrap().create("a").unwrap();
        for (fault, written) in [(Fault::Errno(5), 0), (Fault::ShortWrite, 10), (Fault::Ambiguous, 12)] {
            fs.fail(0, false, fault);
            let error = file.write_at(b"four", 8).unwrap_err();
            assert_eq!(error.is_full(), fault == Fault::ShortWrite, "{error}");
            assert_eq!(disk.bytes("d/a").unwrap().len(), written, "{fault:?}");
        }
        file.write_at(b"four", 8).unwrap();
    }
}
