//! The one layer that touches files; every file store uses it and nothing else does.
//!
//! In: names and bytes. Out: bytes that survive what the layer promises they survive. [`Fs`] is the seam: [`RealFs`]
//! is the operating system, [`SimFs`] a disk in memory that can lose power at any point, and [`FaultFs`] makes any
//! operation of another fail. Nothing here knows what is stored.

mod error;
mod fault;
mod lock;
mod name;
mod real;
mod replace;
mod sim;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

pub use error::DiskError;
pub use fault::{Fault, FaultFs};
pub use lock::{Lock, holder, lock};
pub use name::{decode_name, encode_name, is_cut_name};
pub use real::RealFs;
pub use replace::{Replacement, remove_durably, remove_stale_temps, replace_durably};
pub use sim::{CrashModel, SimFs};

type Answer<T> = Result<T, DiskError>;

/// A file system, as far as stores need one.
pub trait Fs: Send + Sync + Debug {
    /// Opens a folder, and makes it (and those above it) if `create` says so and it is not there. A new one is for
    /// its owner alone; one that others may write in is refused with `create`.
    ///
    /// # Errors
    /// If it is no folder, or cannot be opened or made, or is open to others.
    fn open_dir(&self, path: &Path, create: bool) -> Answer<Arc<dyn Dir>>;
}

/// An open folder. Names are those of files right in it; none of them is followed if it is a link.
pub trait Dir: Send + Sync + Debug {
    /// Where the folder is, for messages.
    fn path(&self) -> &Path;

    /// The names of what stands in it, sorted. Names that are no UTF-8 are left out: no store of ours makes such.
    ///
    /// # Errors
    /// If it cannot be read.
    fn list(&self) -> Answer<Vec<String>>;

    /// Opens a folder in it. With `create` it is made, durably and for its owner alone, if it is not there, and one
    /// that others may write in is refused. A link is not followed.
    ///
    /// # Errors
    /// If it is no folder, or cannot be opened or made, or is open to others.
    fn open_dir(&self, name: &str, create: bool) -> Answer<Arc<dyn Dir>>;

    /// Makes a new file, for its owner alone.
    ///
    /// # Errors
    /// If there is one of this name, or it cannot be made.
    fn create(&self, name: &str) -> Answer<Arc<dyn File>>;

    /// Opens a file that is there, for reading, or for both if `write` says so.
    ///
    /// # Errors
    /// If it is not there, or is no regular file.
    fn open(&self, name: &str, write: bool) -> Answer<Arc<dyn File>>;

    /// Gives a file another name, in place of any of that name.
    ///
    /// # Errors
    /// If it cannot.
    fn rename(&self, from: &str, to: &str) -> Answer<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// If it cannot.
    fn remove(&self, name: &str) -> Answer<()>;

    /// Makes the names in the folder durable.
    ///
    /// # Errors
    /// If it cannot; what is on disk is then unknown.
    fn sync(&self) -> Answer<()>;

    /// Takes the lock on a file, made if need be, until what is given is dropped; `None` if another has it.
    ///
    /// # Errors
    /// If it cannot be told.
    fn try_lock(&self, name: &str) -> Answer<Option<Box<dyn Held>>>;
}

/// A lock that is held.
pub trait Held: Send + Sync + Debug {
    /// The file that is locked, to write into it who holds it.
    fn file(&self) -> &dyn File;
}

/// An open file.
pub trait File: Send + Sync + Debug {
    /// Reads at this place; gives fewer bytes than asked for only at the end.
    ///
    /// # Errors
    /// If it cannot.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Answer<usize>;

    /// Writes all these bytes at this place.
    ///
    /// # Errors
    /// If it cannot write all of them; some may be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Answer<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// If it cannot be told.
    fn len(&self) -> Answer<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// If it cannot be told.
    fn is_empty(&self) -> Answer<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or fills it up with zeros, to this length.
    ///
    /// # Errors
    /// If it cannot.
    fn set_len(&self, len: u64) -> Answer<()>;

    /// Makes the bytes and the length durable.
    ///
    /// # Errors
    /// If it cannot; what is on disk is then unknown, and asking again tells nothing.
    fn sync(&self) -> Answer<()>;
}

/// All bytes of a file, if they are at most `limit`.
///
/// # Errors
/// If it cannot be read, or is longer.
pub fn read_all(dir: &dyn Dir, name: &str, limit: u64) -> Answer<Vec<u8>> {
    let file = dir.open(name, false)?;
    let len = file.len()?;
    if len > limit {
        let reason = format!("it has {len} bytes, and at most {limit} are read");
        let error = std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason);
        return Err(DiskError::new("read", dir.path().join(name), error));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
