//! One writer for a folder.

use super::{Answer, Dir, Held};

/// The file that the writer of a folder holds locked.
const LOCK: &str = "LOCK";

/// The lock of a folder, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _held: Box<dyn Held>,
}

/// Takes the lock of a folder; if another has it, gives who that is.
///
/// # Errors
/// If the lock can be neither taken nor looked at.
pub fn lock(dir: &dyn Dir) -> Answer<Result<Lock, String>> {
    if let Some(held) = dir.try_lock(LOCK)? {
        let text = format!("process {}\n", std::process::id());
        // It is there for messages only: on a full disk a store must open all the same, if only to remove runs.
        let _ = held.file().set_len(0).and_then(|()| held.file().write_at(text.as_bytes(), 0));
        return Ok(Ok(Lock { _held: held }));
    }
    let mut text = [0; 64];
    let len = dir.open(LOCK, false)?.read_at(&mut text, 0)?;
    let holder = String::from_utf8_lossy(text.get(..len).unwrap_or_default()).trim().to_owned();
    Ok(Err(if holder.is_empty() { "another process".to_owned() } else { holder }))
}
