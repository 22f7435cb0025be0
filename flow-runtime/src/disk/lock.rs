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
    let holder = read(dir)?;
    Ok(Err(if holder.is_empty() { "another process".to_owned() } else { holder }))
}

/// Who holds the lock of a folder, or held it last and is still there, as far as this machine knows; the lock is not
/// touched, so that nobody who comes for it in this moment finds it taken.
///
/// # Errors
/// If the lock cannot be looked at.
pub fn holder(dir: &dyn Dir) -> Answer<Option<String>> {
    let holder = match read(dir) {
        Ok(holder) => holder,
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let number = holder.strip_prefix("process ").and_then(|number| number.parse().ok());
    let process = number.and_then(rustix::process::Pid::from_raw);
    // One that is there and is another user's may not be asked.
    let is_there = |process| rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH);
    Ok(process.is_some_and(is_there).then_some(holder))
}

fn read(dir: &dyn Dir) -> Answer<String> {
    let mut text = [0; 64];
    let len = dir.open(LOCK, false)?.read_at(&mut text, 0)?;
    Ok(String::from_utf8_lossy(text.get(..len).unwrap_or_default()).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::{Fs, SimFs};

    #[test]
    fn the_holder_of_a_lock_is_named_while_its_process_is_there() {
        let dir = SimFs::default().open_dir(Path::new("d"), true).unwrap();
        assert_eq!(holder(&*dir).unwrap(), None, "nobody has had it");
        let held = lock(&*dir).unwrap().unwrap();
        assert_eq!(holder(&*dir).unwrap(), Some(format!("process {}", std::process::id())));
        assert!(lock(&*dir).unwrap().is_err(), "to look at it leaves it locked");
        drop(held);
        let file = dir.open(LOCK, true).unwrap();
        let write = |text: &str| {
            file.set_len(0).unwrap();
            file.write_at(text.as_bytes(), 0).unwrap();
        };
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for text in
            [format!("process {}\n", child.id()), "process 0".to_owned(), "\u{1b}[31m".to_owned(), String::new()]
        {
            write(&text);
            assert_eq!(holder(&*dir).unwrap(), None, "{text:?}");
        }
    }
}
