//! The files of parts, beside those of runs, as the store's thread works on them.
//!
//! In: a part and its name. Out: a file `w-order-1.<run><payload><part>.part`, durable before any record that names it,
//! and the part again. A file is a header and the bytes: magic, the version that can read it, the length, the checksum
//! of the bytes, that of the header.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::files::{EXTENSION, Files};
use crate::disk::{self, Dir, DiskError};
use crate::state::WorkflowId;
use crate::store::{PartKey, StoreError};

const MAGIC: [u8; 8] = *b"FLOWPART";
const VERSION: u16 = 1;
/// Magic, version, two bytes of zeros, length, checksum of the bytes, checksum of the header.
const HEADER: usize = 8 + 2 + 2 + 4 + 4 + 4;
const ENDING: &str = ".part";

/// The files of parts that there are, by the run's name without an extension.
#[derive(Default)]
pub(super) struct Parts {
    files: BTreeMap<String, BTreeSet<String>>,
    /// Whether names of parts may not be durable yet.
    pub(super) unsynced: bool,
}

impl Parts {
    /// Those in a folder, once those of runs that are gone are removed.
    pub(super) fn open(dir: &dyn Dir) -> Result<Self, DiskError> {
        let names = dir.list()?;
        let mut parts = Self::default();
        for name in names.iter().filter(|name| name.ends_with(ENDING)) {
            let Some(run) = run_of(name) else { continue };
            if names.binary_search(&format!("{run}{EXTENSION}")).is_ok() {
                parts.note(run, name);
            } else {
                dir.remove(name)?;
            }
        }
        Ok(parts)
    }

    fn note(&mut self, run: &str, name: &str) {
        self.files.entry(run.to_owned()).or_default().insert(name.to_owned());
    }
}

impl Files {
    /// Writes a part; its name is durable with the next record at the latest.
    pub(super) fn put_part(&mut self, key: &PartKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.check_writable()?;
        if bytes.len() > PartKey::MAX_BYTES {
            let (len, most) = (bytes.len(), PartKey::MAX_BYTES);
            let reason = format!("a part has {len} bytes, and at most {most} are kept");
            return Err(StoreError::Unstorable { id: key.id.clone(), reason });
        }
        let name = name_of(key);
        let written = replace(&*self.dir, &name, bytes);
        if let Err(error) = written {
            // What cannot be removed now is removed with its run.
            let _ = self.dir.remove(&name);
            return Err(self.failed(&key.id, error));
        }
        self.parts.note(&disk::encode_name(key.id.as_str()), &name);
        self.parts.unsynced = true;
        Ok(())
    }

    /// The part of this name.
    pub(super) fn part(&self, key: &PartKey) -> Result<Vec<u8>, StoreError> {
        let name = name_of(key);
        let corrupt = |reason: String| {
            let reason = format!("part {}: {reason}", key.part);
            StoreError::Corrupt { id: key.id.clone(), path: Some(self.dir.path().join(&name)), reason }
        };
        match disk::read_all(&*self.dir, &name, (HEADER + PartKey::MAX_BYTES) as u64) {
            Ok(file) => open(file, &name).map_err(|broken| match broken {
                Broken::Newer(error) => error,
                Broken::Reason(reason) => corrupt(reason),
            }),
            Err(error) if error.is_not_found() => Err(corrupt("it is not there".to_owned())),
            Err(error) if error.is_too_large() => Err(corrupt(error.source.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the names of parts durable, before a record names them.
    pub(super) fn sync_parts(&mut self, id: &WorkflowId) -> Result<(), StoreError> {
        if self.parts.unsynced {
            self.dir.sync().map_err(|error| self.failed(id, error))?;
            self.parts.unsynced = false;
        }
        Ok(())
    }

    /// Removes the parts of a run that is gone, durably. What cannot be removed is when the store is opened.
    pub(super) fn remove_parts(&mut self, id: &WorkflowId) -> Result<(), StoreError> {
        let Some(names) = self.parts.files.remove(&disk::encode_name(id.as_str())) else { return Ok(()) };
        for name in names {
            let _ = self.dir.remove(&name);
        }
        self.dir.sync().map_err(|error| self.failed(id, error))
    }
}

/// The name of a part's file. It is not made like that of a run, as it would be too long while it is replaced.
fn name_of(key: &PartKey) -> String {
    let mut name = disk::encode_name(key.id.as_str());
    // Writing into a string cannot fail.
    let _ = write!(name, ".{:016x}{:032x}{:08x}{ENDING}", key.run_no, key.payload, key.part);
    name
}

/// The name of the run whose part has this name; `None` if it is no part's.
fn run_of(name: &str) -> Option<&str> {
    let (run, number) = name.strip_suffix(ENDING)?.split_once('.')?;
    let is_ours = run.starts_with("w-") && number.len() == 56 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(run)
}

/// Nothing names the file before it is whole and synced, so it need not be made under another name.
fn replace(dir: &dyn Dir, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    match dir.remove(name) {
        Err(error) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    let file = dir.create(name)?;
    file.write_at(&header(bytes), 0)?;
    file.write_at(bytes, HEADER as u64)?;
    file.sync()
}

fn header(bytes: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&[0; 2]);
    header.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    header
}

/// Why a file is no part.
enum Broken {
    Newer(StoreError),
    Reason(String),
}

/// The bytes in the file of a part.
fn open(mut file: Vec<u8>, name: &str) -> Result<Vec<u8>, Broken> {
    let broken = |reason: &str| Err(Broken::Reason(reason.to_owned()));
    let Some(head) = file.first_chunk::<HEADER>() else { return broken("it is shorter than its header") };
    let (fields, crc) = head.split_at(HEADER - 4);
    if !fields.starts_with(&MAGIC) || crc32c::crc32c(fields).to_le_bytes() != crc {
        return broken("its header is broken");
    }
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version > VERSION {
        return Err(Broken::Newer(StoreError::Newer {
            what: format!("the part {name}"),
            found: format!("format {version}"),
            known: format!("formats up to {VERSION}"),
        }));
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (len, crc) = (word(12) as usize, word(16));
    let bytes = file.split_off(HEADER);
    if bytes.len() != len {
        return Err(Broken::Reason(format!("it has {} bytes, not {len}", bytes.len())));
    }
    if crc32c::crc32c(&bytes) != crc {
        return broken("its checksum does not fit");
    }
    Ok(bytes)
}
