//! The operating system's files.
//!
//! A folder is held open and everything in it is named relative to it, so that a folder that is moved or replaced by
//! a link in the meantime leads nowhere else. Links are not followed, and what is no regular file is not opened.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::{Answer, Dir, DiskError, File, Fs, Held};

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

#[derive(Debug)]
struct RealDir {
    handle: fs::File,
    path: PathBuf,
}

#[derive(Debug)]
struct RealFile {
    handle: fs::File,
    path: PathBuf,
}

impl Fs for RealFs {
    fn open_dir(&self, path: &Path, create: bool) -> Answer<Arc<dyn Dir>> {
        if create {
            make_dir(path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| DiskError::new("open the folder", path, errno))?;
        Ok(Arc::new(RealDir { handle: handle.into(), path: path.to_owned() }))
    }
}

/// Makes a folder and those above it, each durably in the one above.
fn make_dir(path: &Path) -> Answer<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_dir(above)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        Err(error) => return Err(DiskError::new("make the folder", path, error)),
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = fs::File::open(above).and_then(|above| above.sync_all());
    synced.map_err(|error| DiskError::of_sync("sync the folder", above, error))
}

impl RealDir {
    fn error(&self, action: &'static str, name: &str, error: impl Into<io::Error>) -> DiskError {
        DiskError::new(action, self.path.join(name), error)
    }

    fn open_at(&self, action: &'static str, name: &str, flags: OFlags) -> Answer<RealFile> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let handle = rustix::fs::openat(self.handle.as_fd(), name, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| self.error(action, name, errno))?;
        let stat = rustix::fs::fstat(&handle).map_err(|errno| self.error(action, name, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(self.error(action, name, io::Error::new(ErrorKind::InvalidData, "it is no regular file")));
        }
        Ok(RealFile { handle: handle.into(), path: self.path.join(name) })
    }
}

impl Dir for RealDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> Answer<Vec<String>> {
        let error = |errno: Errno| self.error("list", "", errno);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self.handle.as_fd()).map_err(error)? {
            let entry = entry.map_err(error)?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> Answer<Arc<dyn File>> {
        Ok(Arc::new(self.open_at("create", name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?))
    }

    fn open(&self, name: &str, write: bool) -> Answer<Arc<dyn File>> {
        let flags = if write { OFlags::RDWR } else { OFlags::RDONLY };
        Ok(Arc::new(self.open_at("open", name, flags)?))
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        let dir = self.handle.as_fd();
        rustix::fs::renameat(dir, from, dir, to).map_err(|errno| self.error("rename", from, errno))
    }

    fn remove(&self, name: &str) -> Answer<()> {
        let removed = rustix::fs::unlinkat(self.handle.as_fd(), name, AtFlags::empty());
        removed.map_err(|errno| self.error("remove", name, errno))
    }

    fn sync(&self) -> Answer<()> {
        self.handle.sync_all().map_err(|error| DiskError::of_sync("sync the folder", &self.path, error))
    }

    fn try_lock(&self, name: &str) -> Answer<Option<Box<dyn Held>>> {
        let file = self.open_at("lock", name, OFlags::RDWR | OFlags::CREATE)?;
        match rustix::fs::flock(&file.handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(self.error("lock", name, errno)),
        }
    }
}

/// The lock goes with the file that is closed.
impl Held for RealFile {
    fn file(&self) -> &dyn File {
        self
    }
}

impl RealFile {
    fn error(&self, action: &'static str, error: io::Error) -> DiskError {
        DiskError::new(action, &self.path, error)
    }
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Answer<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.handle.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error("read", error)),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Answer<()> {
        self.handle.write_all_at(bytes, offset).map_err(|error| self.error("write", error))
    }

    fn len(&self) -> Answer<u64> {
        Ok(self.handle.metadata().map_err(|error| self.error("look at", error))?.len())
    }

    fn set_len(&self, len: u64) -> Answer<()> {
        self.handle.set_len(len).map_err(|error| self.error("cut", error))
    }

    fn sync(&self) -> Answer<()> {
        self.handle.sync_data().map_err(|error| DiskError::of_sync("sync", &self.path, error))
    }
}
