//! The files of a log.
//!
//! In: a folder. Out: its segments in their order, each whole from its first moment, since a new one gets its name
//! only when it has its full length on disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::format::{MIN_READER, MIN_WRITER, SEGMENT_HEADER, SegmentHeader};
use crate::disk::{Dir, DiskError, File, replace_durably};
use crate::store::StoreError;

/// The most bytes of a segment that is read.
const MAX_SEGMENT: u64 = 16 << 30;

/// A file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
}

/// The numbers of the segments in a folder, in order.
pub(super) fn list(dir: &dyn Dir) -> Result<Vec<u64>, DiskError> {
    let mut numbers: Vec<u64> = dir.list()?.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a segment of this size, durably.
pub(super) fn create(dir: &dyn Dir, header: SegmentHeader) -> Result<Segment, DiskError> {
    let name = name_of(header.number);
    // Zeros that are written, not a hole: so a later sync has no new blocks to record.
    let mut bytes = vec![0; usize::try_from(header.size).unwrap_or(usize::MAX)];
    bytes[..SEGMENT_HEADER].copy_from_slice(&header.to_bytes());
    replace_durably(dir, &name, &bytes)?;
    open(dir, header.number, true)
}

/// Opens a segment that is there.
pub(super) fn open(dir: &dyn Dir, number: u64, write: bool) -> Result<Segment, DiskError> {
    let name = name_of(number);
    let file = dir.open(&name, write)?;
    Ok(Segment { number, path: dir.path().join(name), file })
}

/// Removes a segment, durably.
pub(super) fn remove(dir: &dyn Dir, number: u64) -> Result<(), DiskError> {
    dir.remove(&name_of(number))?;
    dir.sync()
}

/// All bytes of a segment.
pub(super) fn read(segment: &Segment) -> Result<Vec<u8>, DiskError> {
    let len = segment.file.len()?;
    if len > MAX_SEGMENT {
        let reason = format!("it has {len} bytes, and at most {MAX_SEGMENT} are read");
        return Err(DiskError::new("read", &segment.path, std::io::Error::other(reason)));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = segment.file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Refuses a segment that only newer versions may read, or write.
pub(super) fn check_version(segment: &Segment, header: &SegmentHeader, write: bool) -> Result<(), StoreError> {
    let newer = |found: String, known: u16| StoreError::Newer {
        what: segment.path.display().to_string(),
        found,
        known: format!("formats up to {known}"),
    };
    if header.min_reader > MIN_READER {
        return Err(newer(format!("format {}", header.min_reader), MIN_READER));
    }
    if write && header.min_writer > MIN_WRITER {
        let found = format!("format {} for writing (it can be opened for reading only)", header.min_writer);
        return Err(newer(found, MIN_WRITER));
    }
    Ok(())
}

fn name_of(number: u64) -> String {
    format!("log-{number:016x}.flow")
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".flow")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name_of(number) == name).then_some(number)
}
