//! Replacing a file so that it is the old one or the new one, whenever the power goes.
//!
//! The order is that of every careful program: write a file of another name, sync it, rename it, sync the folder.

use super::{Answer, Dir};

/// How the name of an unfinished file begins and ends.
const TEMP: (&str, &str) = (".", ".tmp");

/// Puts these bytes under this name, durably and whole. If it fails, the file before is still there and nothing is
/// left behind.
///
/// # Errors
/// If any of the steps fails.
pub fn replace_durably(dir: &dyn Dir, name: &str, bytes: &[u8]) -> Answer<()> {
    let temp = format!("{}{name}.{}.{:016x}{}", TEMP.0, std::process::id(), fastrand::u64(..), TEMP.1);
    let replaced = write_new(dir, &temp, bytes).and_then(|()| dir.rename(&temp, name));
    if let Err(error) = replaced {
        // It may not have been made at all; what cannot be removed now is removed when the store is opened.
        let _ = dir.remove(&temp);
        return Err(error);
    }
    dir.sync()
}

fn write_new(dir: &dyn Dir, name: &str, bytes: &[u8]) -> Answer<()> {
    let file = dir.create(name)?;
    file.write_at(bytes, 0)?;
    file.sync()
}

/// Removes what unfinished replacements left. To be called by who holds the folder's lock.
///
/// # Errors
/// If the folder cannot be read, or a file cannot be removed.
pub fn remove_stale_temps(dir: &dyn Dir) -> Answer<()> {
    let is_temp = |name: &&String| name.starts_with(TEMP.0) && name.ends_with(TEMP.1);
    dir.list()?.iter().filter(is_temp).try_for_each(|name| dir.remove(name))
}
