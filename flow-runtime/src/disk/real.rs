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

/// A file that is locked until this is dropped. To close it is not enough: where another thread of this process starts a
/// program, that has a copy of the file for a moment, and with it the lock.
#[derive(Debug)]
struct RealLock(RealFile);

impl Fs for RealFs {
    fn open_dir(&self, path: &Path, create: bool) -> Answer<Arc<dyn Dir>> {
        if create {
            make_dir(path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| DiskError::new("open the folder", path, errno))?;
        if create {
            check_owner_only(path, &handle)?;
        }
        Ok(Arc::new(RealDir { handle: handle.into(), path: path.to_owned() }))
    }
}

/// Refuses a folder in which others may put, replace and remove files.
fn check_owner_only(path: &Path, handle: impl AsFd) -> Answer<()> {
    let error = |error: io::Error| DiskError::new("open the folder", path, error);
    let stat = rustix::fs::fstat(handle).map_err(|errno| error(errno.into()))?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        let reason = format!(
            "others may write in it (its mode is {:03o}); take that from them: chmod go-w",
            mode.bits() & 0o777
        );
        return Err(error(io::Error::new(ErrorKind::PermissionDenied, reason)));
    }
    Ok(())
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

    fn open_dir(&self, name: &str, create: bool) -> Answer<Arc<dyn Dir>> {
        if create {
            match rustix::fs::mkdirat(self.handle.as_fd(), name, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(self.error("make the folder", name, errno)),
            }
            // Whoever made it may have been killed before its name was durable.
            self.sync()?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let handle = rustix::fs::openat(self.handle.as_fd(), name, flags, Mode::empty())
            .map_err(|errno| self.error("open the folder", name, errno))?;
        let path = self.path.join(name);
        if create {
            check_owner_only(&path, &handle)?;
        }
        Ok(Arc::new(Self { handle: handle.into(), path }))
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
            Ok(()) => Ok(Some(Box::new(RealLock(file)))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(self.error("lock", name, errno)),
        }
    }
}

impl Held for RealLock {
    fn file(&self) -> &dyn File {
        &self.0
    }
}

impl Drop for RealLock {
    fn drop(&mut self) {
        // If it cannot be given back it goes with the file that is closed.
        let _ = rustix::fs::flock(&self.0.handle, FlockOperation::Unlock);
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folders_and_files_are_their_owners_alone() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("a/b");
        let dir = RealFs.open_dir(&path, true).unwrap();
        dir.create("f").unwrap().write_at(b"x", 0).unwrap();
        assert_eq!((mode(&above.path().join("a")), mode(&path), mode(&path.join("f"))), (0o700, 0o700, 0o600));
    }

    #[test]
    fn a_folder_in_a_folder_is_made_for_its_owner_and_links_are_not_followed() {
        let above = tempfile::tempdir().unwrap();
        let dir = RealFs.open_dir(above.path(), true).unwrap();
        assert!(dir.open_dir("a", false).unwrap_err().is_not_found());
        for _ in 0..2 {
            let inner = dir.open_dir("a", true).unwrap();
            assert_eq!((inner.path(), mode(inner.path())), (&*above.path().join("a"), 0o700));
        }
        dir.open_dir("a", false).unwrap().create("f").unwrap();
        assert_eq!(dir.open_dir("a", false).unwrap().list().unwrap(), ["f"]);
        std::os::unix::fs::symlink("a", above.path().join("link")).unwrap();
        fs::set_permissions(above.path().join("a"), fs::Permissions::from_mode(0o770)).unwrap();
        for (name, create) in [("link", false), ("link", true), ("a", true), ("a/f", false)] {
            assert!(dir.open_dir(name, create).is_err(), "{name}");
        }
        dir.open_dir("a", false).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_in_is_refused_to_a_writer() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, is_refused) in [(0o770, true), (0o702, true), (0o1777, true), (0o755, false), (0o700, false)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let opened = RealFs.open_dir(dir.path(), true);
            assert_eq!(opened.is_err(), is_refused, "{mode:o}");
            if let Err(error) = opened {
                assert!(error.source.to_string().contains("chmod go-w"), "{error:?}");
            }
            RealFs.open_dir(dir.path(), false).unwrap();
        }
    }

    #[test]
    fn a_lock_is_given_back_though_a_program_that_starts_has_a_copy_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let handle = fs::File::open(dir.path()).unwrap();
        let open = RealDir { handle, path: dir.path().to_owned() };
        let file = open.open_at("lock", "LOCK", OFlags::RDWR | OFlags::CREATE).unwrap();
        let copy = file.handle.try_clone().unwrap();
        rustix::fs::flock(&file.handle, FlockOperation::NonBlockingLockExclusive).unwrap();
        let lock = RealLock(file);
        assert!(open.try_lock("LOCK").unwrap().is_none());
        drop(lock);
        let again = open.try_lock("LOCK").unwrap();
        assert!(again.is_some() && open.try_lock("LOCK").unwrap().is_none());
        drop((copy, again));
        assert!(open.try_lock("LOCK").unwrap().is_some());
    }

    #[test]
    fn nothing_but_a_regular_file_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        fs::DirBuilder::new().create(dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let open = RealFs.open_dir(dir.path(), true).unwrap();
        for name in ["folder", "link", "pipe", "missing"] {
            assert!(open.open(name, false).is_err(), "{name}");
            assert!(open.open(name, true).is_err(), "{name}");
        }
        assert!(open.create("link").is_err() && open.try_lock("link").is_err());
        assert_eq!(open.list().unwrap(), ["folder", "link", "pipe"]);
    }
}
