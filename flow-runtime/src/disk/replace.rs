//! Replacing and removing a file so that it is the old one or the new one, whenever the power goes.
//!
//! The order is that of every careful program: write a file of another name, sync it, rename it, sync the folder.

use std::sync::Arc;

use super::{Answer, Dir, File};

/// How the name of an unfinished file begins and ends.
const TEMP: (&str, &str) = (".", ".tmp");

/// Puts these bytes under this name, durably and whole. If it fails, the file before is still there and nothing is
/// left behind; only if the folder cannot be synced, or the renaming fails although it was done, it may be either.
///
/// # Errors
/// If any of the steps fails.
pub fn replace_durably(dir: &dyn Dir, name: &str, bytes: &[u8]) -> Answer<()> {
    let replacement = Replacement::begin(dir, name)?;
    if let Err(error) = replacement.file.write_at(bytes, 0) {
        replacement.abandon(dir);
        return Err(error);
    }
    replacement.finish(dir)
}

/// A file that takes the place of another when it is whole.
#[derive(Debug)]
pub struct Replacement {
    name: String,
    temp: String,
    file: Arc<dyn File>,
}

impl Replacement {
    /// Makes an empty file that is to get this name.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn begin(dir: &dyn Dir, name: &str) -> Answer<Self> {
        let temp = format!("{}{name}.{}.{:016x}{}", TEMP.0, std::process::id(), fastrand::u64(..), TEMP.1);
        match dir.create(&temp) {
            Ok(file) => Ok(Self { name: name.to_owned(), temp, file }),
            Err(error) => {
                remove_temp(dir, &temp);
                Err(error)
            }
        }
    }

    /// The file, to be written.
    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Syncs the file and gives it its name, durably; as [`replace_durably`] does if that fails.
    ///
    /// # Errors
    /// If any of the steps fails.
    pub fn finish(self, dir: &dyn Dir) -> Answer<()> {
        if let Err(error) = self.file.sync() {
            self.abandon(dir);
            return Err(error);
        }
        let replaced = dir.rename(&self.temp, &self.name);
        if replaced.is_err() {
            remove_temp(dir, &self.temp);
        }
        // Also after an error: the renaming may have been done all the same, and what is seen from now on must last.
        dir.sync()?;
        replaced
    }

    /// Removes it again.
    pub fn abandon(self, dir: &dyn Dir) {
        remove_temp(dir, &self.temp);
    }
}

/// Removes a file, durably.
///
/// # Errors
/// If it is not there, or any of the steps fails.
pub fn remove_durably(dir: &dyn Dir, name: &str) -> Answer<()> {
    let removed = dir.remove(name);
    if removed.as_ref().is_err_and(super::DiskError::is_not_found) {
        return removed;
    }
    dir.sync()?;
    removed
}

/// It may not have been made at all; what cannot be removed now is removed when the store is opened.
fn remove_temp(dir: &dyn Dir, temp: &str) {
    let _ = dir.remove(temp);
}

/// Removes what unfinished replacements left. To be called by who holds the folder's lock.
///
/// # Errors
/// If the folder cannot be read, or a file cannot be removed.
pub fn remove_stale_temps(dir: &dyn Dir) -> Answer<()> {
    dir.list()?.iter().filter(|name| is_temp(name)).try_for_each(|name| dir.remove(name))
}

/// Whether `replace_durably` gave this name to an unfinished file: `.name.4711.0123456789abcdef.tmp`.
fn is_temp(name: &str) -> bool {
    let parts = || {
        let (rest, random) = name.strip_prefix(TEMP.0)?.strip_suffix(TEMP.1)?.rsplit_once('.')?;
        let (_, process) = rest.rsplit_once('.')?;
        Some((process, random))
    };
    let is_digit = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
    parts().is_some_and(|(process, random)| {
        process.parse::<u32>().is_ok() && random.len() == 16 && random.chars().all(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::{CrashModel, Fault, FaultFs, Fs, SimFs};

    /// What the file may hold after the power went.
    fn contents(fs: &SimFs) -> Vec<Option<Vec<u8>>> {
        let lost = CrashModel::ALL.into_iter().flat_map(|model| fs.after_power_loss(model));
        let mut all: Vec<_> = lost.map(|fs| fs.bytes("d/a")).collect();
        all.sort();
        all.dedup();
        all
    }

    fn replaced(fault: Option<(u64, Fault)>) -> (SimFs, Answer<()>) {
        let disk = SimFs::default();
        let fs = FaultFs::new(disk.clone());
        let dir = fs.open_dir(Path::new("d"), true).unwrap();
        replace_durably(&*dir, "a", b"one").unwrap();
        if let Some((at, fault)) = fault {
            fs.fail(at, false, fault);
        }
        let replaced = replace_durably(&*dir, "a", b"two");
        (disk, replaced)
    }

    #[test]
    fn what_is_seen_after_a_failed_renaming_lasts() {
        const RENAME: u64 = 3;
        for (fault, seen) in [(Fault::Errno(5), b"one"), (Fault::Ambiguous, b"two")] {
            let (disk, result) = replaced(Some((RENAME, fault)));
            assert_eq!(result.unwrap_err().action, "rename");
            assert_eq!(disk.bytes("d/a").as_deref(), Some(&seen[..]), "{fault:?}");
            assert_eq!(contents(&disk), [Some(seen.to_vec())], "{fault:?}");
            assert_eq!(disk.paths().len(), 1, "{:?}", disk.paths());
        }
    }

    #[test]
    fn b35_a_step_that_fails_leaves_the_old_file_and_no_other() {
        for at in 0..3 {
            for fault in [Fault::Errno(28), Fault::ShortWrite, Fault::Ambiguous] {
                let (disk, result) = replaced(Some((at, fault)));
                assert!(result.is_err());
                assert_eq!(disk.bytes("d/a").as_deref(), Some(&b"one"[..]), "{fault:?} at {at}");
                assert_eq!(disk.paths().len(), 1, "{fault:?} at {at}: {:?}", disk.paths());
            }
        }
        let (disk, result) = replaced(None);
        result.unwrap();
        assert_eq!(disk.bytes("d/a").as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn what_is_removed_stays_removed() {
        for fault in [None, Some(Fault::Ambiguous)] {
            let disk = SimFs::default();
            let fs = FaultFs::new(disk.clone());
            let dir = fs.open_dir(Path::new("d"), true).unwrap();
            replace_durably(&*dir, "a", b"one").unwrap();
            if let Some(fault) = fault {
                fs.fail(0, false, fault);
            }
            assert_eq!(remove_durably(&*dir, "a").is_err(), fault.is_some());
            assert_eq!(contents(&disk), [None]);
            assert!(remove_durably(&*dir, "a").unwrap_err().is_not_found());
        }
    }

    #[test]
    fn only_unfinished_files_are_tidied_away() {
        let disk = SimFs::default();
        let dir = disk.open_dir(Path::new("d"), true).unwrap();
        let stale = [".w-a.json.4711.0123456789abcdef.tmp", ".a.1.ffffffffffffffff.tmp"];
        let others = [
            ".a.tmp",
            ".a.x.0123456789abcdef.tmp",
            ".a.1.0123456789abcde.tmp",
            ".a.1.0123456789abcdeX.tmp",
            ".tmp",
            "a.1.0123456789abcdef.tmp",
            ".a.1.0123456789abcdef.tmp.json",
        ];
        for name in stale.into_iter().chain(others) {
            dir.create(name).unwrap();
        }
        remove_stale_temps(&*dir).unwrap();
        let mut left = others.map(str::to_owned);
        left.sort();
        assert_eq!(dir.list().unwrap(), left);
    }
}
