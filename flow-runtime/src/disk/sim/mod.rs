//! A disk in memory that can lose its power at any point.
//!
//! In: the operations of a store. Out: the same files, and every state the disk may be found in if the power goes
//! now: what was synced is there, and of what was not any part that the model of the file system allows.

mod crash;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crash::CrashModel;

use super::{Answer, Dir, DiskError, File, Fs, Held};

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimFs {
    disk: Arc<Mutex<Disk>>,
}

/// What the operating system shows, what is on the disk for certain, and what lies between.
#[derive(Clone, Debug, Default)]
struct Disk {
    seen: State,
    durable: State,
    unsynced: Vec<Op>,
    files: usize,
    syncs: usize,
    locked: BTreeSet<PathBuf>,
    /// Folders that were made in others; those with files in them are there anyway.
    folders: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    bytes: BTreeMap<usize, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Op {
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    SetLen { file: usize, len: usize },
    Link { path: PathBuf, file: usize },
    Unlink { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, file: usize },
}

impl Op {
    fn file_changed(&self) -> Option<usize> {
        match self {
            Self::Write { file, .. } | Self::SetLen { file, .. } => Some(*file),
            _ => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Link { path, .. } | Self::Unlink { path } => Some(path),
            Self::Rename { to, .. } => Some(to),
            Self::Write { .. } | Self::SetLen { .. } => None,
        }
    }
}

impl State {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write { file, offset, bytes } => {
                let content = self.bytes.entry(*file).or_default();
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content.splice(*offset..end, bytes.iter().copied());
            }
            Op::SetLen { file, len } => self.bytes.entry(*file).or_default().resize(*len, 0),
            Op::Link { path, file } => {
                self.names.insert(path.clone(), *file);
            }
            Op::Unlink { path } => {
                self.names.remove(path);
            }
            Op::Rename { from, to, file } => {
                // A rename is one change: what the old name meant is gone together with the new one's coming.
                self.names.remove(from);
                self.names.insert(to.clone(), *file);
            }
        }
    }

    /// Only what can be reached by a name; so states that look alike are alike.
    fn reachable(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let bytes = |file| self.bytes.get(file).cloned().unwrap_or_default();
        self.names.iter().map(|(path, file)| (path.clone(), bytes(file))).collect()
    }
}

impl SimFs {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk as another process finds it after this one was killed: all that was written is there, and what was not
    /// synced may still be lost with the power.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let disk = Disk { locked: BTreeSet::new(), ..self.disk().clone() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Every disk that may be found if the power goes now, each once.
    pub fn after_power_loss(&self, model: CrashModel) -> Vec<Self> {
        let disk = self.disk();
        let mut found = BTreeMap::new();
        for state in crash::states(&disk, model) {
            found.entry(state.reachable()).or_insert(state);
        }
        found.into_values().map(Self::with).collect()
    }

    /// How many operations are not synced.
    pub fn unsynced(&self) -> usize {
        self.disk().unsynced.len()
    }

    /// How many syncs there have been, of files and of folders.
    pub fn syncs(&self) -> usize {
        self.disk().syncs
    }

    /// The bytes of a file, for tests that damage them.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.disk().seen.reachable().remove(path.as_ref())
    }

    /// Puts these bytes there, durably, as damage would.
    pub fn set_bytes(&self, path: impl AsRef<Path>, bytes: Vec<u8>) {
        let mut disk = self.disk();
        let file = match disk.seen.names.get(path.as_ref()) {
            Some(file) => *file,
            None => disk.new_file(path.as_ref()),
        };
        let name = path.as_ref().to_owned();
        disk.seen.bytes.insert(file, bytes.clone());
        disk.durable.bytes.insert(file, bytes);
        disk.durable.names.insert(name, file);
        disk.unsynced.retain(|op| op.file_changed() != Some(file) && op.path() != Some(path.as_ref()));
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.disk().seen.names.keys().cloned().collect()
    }

    fn with(state: State) -> Self {
        let files = state.bytes.keys().max().map_or(0, |file| file + 1);
        let disk = Disk { seen: state.clone(), durable: state, files, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }
}

impl Disk {
    fn new_file(&mut self, path: &Path) -> usize {
        let file = self.files;
        self.files += 1;
        self.seen.bytes.insert(file, Vec::new());
        self.seen.names.insert(path.to_owned(), file);
        file
    }

    fn run(&mut self, op: Op) {
        self.seen.apply(&op);
        self.unsynced.push(op);
    }

    /// Makes all unsynced operations durable that this says.
    fn sync(&mut self, is_synced: impl Fn(&Op) -> bool) {
        self.syncs += 1;
        let (synced, rest) = std::mem::take(&mut self.unsynced).into_iter().partition(is_synced);
        self.unsynced = rest;
        let synced: Vec<Op> = synced;
        synced.iter().for_each(|op| self.durable.apply(op));
    }
}

#[derive(Debug)]
struct SimDir {
    fs: SimFs,
    path: PathBuf,
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    path: PathBuf,
    file: usize,
}

#[derive(Debug)]
struct SimLock(SimFile);

impl Fs for SimFs {
    fn open_dir(&self, path: &Path, _create: bool) -> Answer<Arc<dyn Dir>> {
        Ok(Arc::new(SimDir { fs: self.clone(), path: path.to_owned() }))
    }
}

impl SimDir {
    fn error(&self, action: &'static str, name: &str, kind: ErrorKind) -> DiskError {
        DiskError::new(action, self.path.join(name), kind)
    }

    fn file(&self, name: &str, file: usize) -> SimFile {
        SimFile { fs: self.fs.clone(), path: self.path.join(name), file }
    }
}

impl Dir for SimDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> Answer<Vec<String>> {
        let disk = self.fs.disk();
        let here = disk.seen.names.keys().filter(|path| path.parent() == Some(&self.path));
        Ok(here.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open_dir(&self, name: &str, create: bool) -> Answer<Arc<dyn Dir>> {
        let path = self.path.join(name);
        let mut disk = self.fs.disk();
        if create {
            disk.folders.insert(path.clone());
        } else if !disk.folders.contains(&path) && !disk.seen.names.keys().any(|file| file.parent() == Some(&path)) {
            return Err(self.error("open the folder", name, ErrorKind::NotFound));
        }
        Ok(Arc::new(Self { fs: self.fs.clone(), path }))
    }

    fn create(&self, name: &str) -> Answer<Arc<dyn File>> {
        let path = self.path.join(name);
        let mut disk = self.fs.disk();
        if disk.seen.names.contains_key(&path) {
            return Err(self.error("create", name, ErrorKind::AlreadyExists));
        }
        let file = disk.new_file(&path);
        disk.unsynced.push(Op::Link { path, file });
        Ok(Arc::new(self.file(name, file)))
    }

    fn open(&self, name: &str, _write: bool) -> Answer<Arc<dyn File>> {
        let found = self.fs.disk().seen.names.get(&self.path.join(name)).copied();
        let file = found.ok_or_else(|| self.error("open", name, ErrorKind::NotFound))?;
        Ok(Arc::new(self.file(name, file)))
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        let (from_path, to) = (self.path.join(from), self.path.join(to));
        let mut disk = self.fs.disk();
        let file = disk.seen.names.get(&from_path).copied();
        let file = file.ok_or_else(|| self.error("rename", from, ErrorKind::NotFound))?;
        disk.run(Op::Rename { from: from_path, to, file });
        Ok(())
    }

    fn remove(&self, name: &str) -> Answer<()> {
        let path = self.path.join(name);
        let mut disk = self.fs.disk();
        if !disk.seen.names.contains_key(&path) {
            return Err(self.error("remove", name, ErrorKind::NotFound));
        }
        disk.run(Op::Unlink { path });
        Ok(())
    }

    fn sync(&self) -> Answer<()> {
        self.fs.disk().sync(|op| op.path().is_some_and(|path| path.parent() == Some(&self.path)));
        Ok(())
    }

    fn try_lock(&self, name: &str) -> Answer<Option<Box<dyn Held>>> {
        let path = self.path.join(name);
        let mut disk = self.fs.disk();
        if !disk.locked.insert(path.clone()) {
            return Ok(None);
        }
        let file = match disk.seen.names.get(&path) {
            Some(file) => *file,
            None => disk.new_file(&path),
        };
        Ok(Some(Box::new(SimLock(self.file(name, file)))))
    }
}

impl Held for SimLock {
    fn file(&self) -> &dyn File {
        &self.0
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.fs.disk().locked.remove(&self.0.path);
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Answer<usize> {
        let disk = self.fs.disk();
        let bytes = disk.seen.bytes.get(&self.file).map(Vec::as_slice).unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.get(from..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Answer<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.fs.disk().run(Op::Write { file: self.file, offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn len(&self) -> Answer<u64> {
        Ok(self.fs.disk().seen.bytes.get(&self.file).map_or(0, Vec::len) as u64)
    }

    fn set_len(&self, len: u64) -> Answer<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.fs.disk().run(Op::SetLen { file: self.file, len });
        Ok(())
    }

    fn sync(&self) -> Answer<()> {
        self.fs.disk().sync(|op| op.file_changed() == Some(self.file));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::replace_durably;

    fn contents(fs: &SimFs) -> Vec<Option<Vec<u8>>> {
        let mut all: Vec<_> =
            CrashModel::ALL.iter().flat_map(|&model| fs.after_power_loss(model)).map(|fs| fs.bytes("d/a")).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn a_durable_replacement_is_there_whatever_happens() {
        let fs = SimFs::default();
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        replace_durably(&*dir, "a", b"one").unwrap();
        assert_eq!(contents(&fs), [Some(b"one".to_vec())]);
        replace_durably(&*dir, "a", b"two").unwrap();
        assert_eq!(contents(&fs), [Some(b"two".to_vec())]);
    }

    #[test]
    fn a_careless_replacement_loses_the_file() {
        let fs = SimFs::default();
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        replace_durably(&*dir, "a", b"one").unwrap();
        dir.create("b").unwrap().write_at(b"two", 0).unwrap();
        dir.rename("b", "a").unwrap();
        let found = contents(&fs);
        assert!(found.contains(&Some(Vec::new())), "renamed without its bytes: {found:?}");
        assert!(found.contains(&Some(b"tw".to_vec())), "renamed with a part of its bytes: {found:?}");
        assert!(found.contains(&Some(vec![0; 3])), "renamed with zeros for its bytes: {found:?}");
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_missing() {
        let fs = SimFs::default();
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        let file = dir.create("a").unwrap();
        file.write_at(b"x", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(contents(&fs), [None, Some(b"x".to_vec())]);
        dir.sync().unwrap();
        assert_eq!(contents(&fs), [Some(b"x".to_vec())]);
        assert_eq!(fs.unsynced(), 0);
    }

    #[test]
    fn what_a_killed_process_did_not_sync_may_still_be_lost() {
        let fs = SimFs::default();
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        let _held = crate::disk::lock(&*dir).unwrap().unwrap();
        let file = dir.create("a").unwrap();
        file.write_at(b"x", 0).unwrap();
        file.sync().unwrap();
        let found = fs.after_kill();
        assert_eq!(found.bytes("d/a").as_deref(), Some(&b"x"[..]));
        assert_eq!(contents(&found), [None, Some(b"x".to_vec())]);
        let dir = found.open_dir(Path::new("d"), true).unwrap();
        assert!(crate::disk::lock(&*dir).unwrap().is_ok());
        dir.sync().unwrap();
        assert_eq!(contents(&found), [Some(b"x".to_vec())]);
    }

    #[test]
    fn a_lock_is_one_holders() {
        let fs = SimFs::default();
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        let held = crate::disk::lock(&*dir).unwrap().unwrap();
        let holder = crate::disk::lock(&*dir).unwrap().unwrap_err();
        assert_eq!(holder, format!("process {}", std::process::id()));
        drop(held);
        assert!(crate::disk::lock(&*dir).unwrap().is_ok());
    }
}
