//! Giving back the room of what is of no use any more: changes of runs that ended, deleted runs, replaced records.
//!
//! In: a log that was just opened. Out: the same runs in new segments, and the old segments gone. A run's frames are
//! written again together, and only when all are durable the old segments go, the oldest first; so whenever the power
//! goes, every run stands in the log at least once, and a deletion outlives what it deletes.

use std::sync::Arc;

use super::index::Location;
use super::log::Log;
use super::read;
use super::segment::{self, Segment};
use crate::store::StoreError;

/// How much is written in one batch, unless one run is larger.
const BATCH_BYTES: usize = 1 << 20;

/// Rewrites the log if that gives back more than it costs. A damaged log is left as it is.
pub(super) fn compact(mut log: Log, old: &[Arc<Segment>]) -> Result<Log, StoreError> {
    let is_worth_it = {
        let index = log.index();
        !index.is_damaged() && index.taken_bytes > 2 * index.live_bytes() + log.segment_bytes()
    };
    if !is_worth_it {
        return Ok(log);
    }
    match rewrite(&mut log) {
        Ok(()) => {}
        Err(StoreError::Full { .. }) if !log.is_poisoned() => return give_up(log, old),
        Err(error) => return Err(error),
    }
    for segment in old {
        segment::remove(log.dir(), segment.number)?;
    }
    {
        let mut index = log.index();
        index.taken_bytes = index.live_bytes();
    }
    Ok(log)
}

/// There is no room for the copies: those that were made go, the newest first, and the log is as it was.
fn give_up(log: Log, old: &[Arc<Segment>]) -> Result<Log, StoreError> {
    let last = old.last().map_or(0, |segment| segment.number);
    for number in (last + 1..=log.last_segment()).rev() {
        segment::remove(log.dir(), number)?;
    }
    log.reload()
}

fn rewrite(log: &mut Log) -> Result<(), StoreError> {
    log.roll(0).map_err(|failure| failure.to_error())?;
    let mut runs: Vec<(u64, Vec<Location>)> =
        log.index().runs().map(|(run, found)| (run, found.frames.clone())).collect();
    runs.sort_unstable_by_key(|(run, _)| *run);
    let mut plans = log.index().take_plans();
    for (_, frames) in runs {
        for frame in frames {
            let plan = plans.remove(&frame.plan);
            for location in plan.iter().flat_map(|plan| &plan.copies).chain([&frame]) {
                let (head, body) = read::copy(location)?;
                log.pending().add(head, &body);
            }
        }
        if log.pending().frames.len() > BATCH_BYTES {
            log.flush().map_err(|failure| failure.to_error())?;
        }
    }
    log.flush().map_err(|failure| failure.to_error())
}
