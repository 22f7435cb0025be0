//! The files of a log.
//!
//! In: a folder. Out: its segments in their order, each whole from its first moment, since a new one gets its name
//! only when it has its full length on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::format::{MIN_READER, MIN_WRITER, SEGMENT_HEADER, SegmentHeader};
use super::hint;
use crate::disk::{Dir, DiskError, File, Replacement};
use crate::store::StoreError;

/// The most bytes of a segment that is read.
const MAX_SEGMENT: u64 = 16 << 30;

/// A file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) header: SegmentHeader,
    /// Of what was of no use after this batch, nothing stands in it.
    pub(super) clean: u64,
    /// The numbers of its first batch and its last, 0 if it has none.
    first: AtomicU64,
    last: AtomicU64,
    live: AtomicU64,
}

/// A segment that was opened, with what was found of its header.
pub(super) struct Opened {
    pub(super) segment: Segment,
    /// Whether both copies of the header are whole.
    pub(super) intact: bool,
    /// How long the file is.
    pub(super) len: u64,
}

impl Segment {
    fn new(dir: &dyn Dir, header: SegmentHeader, file: Arc<dyn File>, clean: u64) -> Self {
        let path = dir.path().join(name_of(header.number));
        let zero = || AtomicU64::new(0);
        Self { number: header.number, path, file, header, clean, first: zero(), last: zero(), live: zero() }
    }

    /// The first of the segments that it stands for.
    pub(super) fn from(&self) -> u64 {
        self.header.rewritten.map_or(self.number, |rewritten| rewritten.from)
    }

    /// Notes that this batch stands in it.
    pub(super) fn note_batch(&self, number: u64) {
        if self.first.load(Relaxed) == 0 {
            self.first.store(number, Relaxed);
        }
        self.last.store(number, Relaxed);
    }

    /// The numbers of the batches that it stands for, the first and the one behind the last.
    pub(super) fn batches(&self) -> Option<(u64, u64)> {
        let first = self.header.first_batch;
        if let Some(rewritten) = self.header.rewritten {
            return Some((first, first + u64::from(rewritten.spans)));
        }
        let (first, last) = (self.first.load(Relaxed), self.last.load(Relaxed));
        (first > 0).then_some((first, last + 1))
    }

    /// How many bytes are left if only what is of use is kept of it.
    pub(super) fn live(&self) -> u64 {
        self.live.load(Relaxed)
    }

    /// Counts a frame of this length as of use.
    pub(super) fn add_live(&self, len: u32) {
        self.live.fetch_add(room(len), Relaxed);
    }

    /// Counts a frame of this length as of no use any more.
    pub(super) fn drop_live(&self, len: u32) {
        self.live.fetch_sub(room(len), Relaxed);
    }
}

/// What a frame of this length takes in a batch, with its place in the index.
pub(super) fn room(len: u32) -> u64 {
    u64::from(len).next_multiple_of(8) + 16
}

/// The numbers of the segments in a folder, in order.
pub(super) fn list(dir: &dyn Dir) -> Result<Vec<u64>, DiskError> {
    let mut numbers: Vec<u64> = dir.list()?.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a segment of the size that its header says, durably, which begins with these bytes behind the header.
pub(super) fn create(dir: &dyn Dir, header: SegmentHeader, content: &[u8]) -> Result<Segment, DiskError> {
    let name = name_of(header.number);
    let begun = Replacement::begin(dir, &name)?;
    let end = SEGMENT_HEADER + content.len();
    // Zeros that are written, not a hole: so a later sync has no new blocks to record.
    let zeros = vec![0; usize::try_from(header.size).unwrap_or(usize::MAX).saturating_sub(end)];
    let pieces = [(&header.to_bytes()[..], 0), (content, SEGMENT_HEADER), (&zeros, end)];
    let mut pieces = pieces.into_iter().filter(|(bytes, _)| !bytes.is_empty());
    match pieces.try_for_each(|(bytes, at)| begun.file().write_at(bytes, at as u64)) {
        Ok(()) => begun.finish(dir)?,
        Err(error) => {
            begun.abandon(dir);
            return Err(error);
        }
    }
    take_over(dir, header, 0)
}

/// Opens a segment that was just made with this header.
pub(super) fn take_over(dir: &dyn Dir, header: SegmentHeader, clean: u64) -> Result<Segment, DiskError> {
    let file = dir.open(&name_of(header.number), true)?;
    Ok(Segment::new(dir, header, file, clean))
}

/// Opens a segment that is there, and reads its header.
pub(super) fn open(dir: &dyn Dir, number: u64, write: bool) -> Result<Opened, StoreError> {
    let name = name_of(number);
    let file = dir.open(&name, write)?;
    let len = file.len()?;
    let mut bytes = [0; SEGMENT_HEADER];
    let read = file.read_at(&mut bytes, 0)?;
    let path = dir.path().join(name);
    let Some((header, intact)) = SegmentHeader::read(bytes.get(..read).unwrap_or_default()) else {
        let reason = "both copies of the file's header are broken".to_owned();
        return Err(StoreError::Damaged { path, reason });
    };
    let segment = Segment::new(dir, SegmentHeader { number, ..header }, file, 0);
    check_version(&segment, write)?;
    if header.number != number {
        return Err(of_another_log(&segment));
    }
    Ok(Opened { segment, intact, len })
}

/// What is said of a segment that does not belong to the others.
pub(super) fn of_another_log(segment: &Segment) -> StoreError {
    StoreError::Damaged { path: segment.path.clone(), reason: "the file belongs to another log".to_owned() }
}

/// Removes a segment, durably, and its hint.
pub(super) fn remove(dir: &dyn Dir, number: u64) -> Result<(), DiskError> {
    dir.remove(&name_of(number))?;
    // It is of no use to anybody, there or not.
    let _ = dir.remove(&hint::name_of(number));
    dir.sync()
}

/// All bytes of a segment of this length.
pub(super) fn read(segment: &Segment, len: u64) -> Result<Vec<u8>, DiskError> {
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
fn check_version(segment: &Segment, write: bool) -> Result<(), StoreError> {
    let header = &segment.header;
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

/// The name of the file of this number.
pub(super) fn name_of(number: u64) -> String {
    format!("log-{number:016x}.flow")
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".flow")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name_of(number) == name).then_some(number)
}
