//! What is done beside the commits: making the next segment ready, making hints, and giving back room.
//!
//! In: chores, from who writes. Out: nothing but a log in better shape. A chore that fails is done without, but for a
//! failed sync, after which nothing more is written. Giving back room is done in slices; after each, the thread rests
//! for four times as long as the slice took. So it takes at most a fifth of the disk's time, and as the disk is slower for
//! it when others are at work, it makes way for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::compact::{self, Begun, Rewriting, Trouble};
use super::failure::Failure;
use super::hint;
use super::index::Index;
use super::log::lock;
use super::next::NextSegment;
use super::segment::Segment;
use crate::disk::{Dir, DiskError};
use crate::store::worker::Work;

/// How long the thread rests after a slice, as a multiple of what that took.
const REST: u32 = 4;
/// How long it rests after giving back room has failed.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What the writer of a log and its upkeep share.
pub(super) struct Site {
    pub(super) dir: Arc<dyn Dir>,
    pub(super) store: u64,
    pub(super) next: NextSegment,
    pub(super) index: Arc<Mutex<Index>>,
    /// Whether the store is being closed.
    pub(super) is_closing: AtomicBool,
}

/// Something to be done beside the commits.
#[derive(Debug)]
pub(super) enum Chore {
    /// Make the next segment ready.
    Prepare,
    /// Make the hint of this segment.
    Hint(Arc<Segment>),
    /// See whether there is room to be given back.
    GiveBack,
}

/// Who does the chores.
pub(super) struct Upkeep {
    site: Arc<Site>,
    rewriting: Option<Box<Rewriting>>,
    /// When it may go on giving back room.
    rests_until: Option<Instant>,
    has_given_up: bool,
}

impl Upkeep {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site, rewriting: None, rests_until: None, has_given_up: false }
    }

    /// Does a chore, but gives back no room yet.
    pub(super) fn take(&mut self, chore: Chore) {
        match chore {
            Chore::Prepare => {
                let prepared = self.site.next.prepare();
                let _ = prepared.inspect_err(|error| self.note(error));
            }
            Chore::Hint(segment) => self.hint(&segment),
            Chore::GiveBack => {}
        }
    }

    /// Makes the hint of a segment, unless that is gone. Where none can be made the segment is read when the log is
    /// opened, and what is damaged in it is told then.
    fn hint(&self, segment: &Arc<Segment>) {
        let is_there =
            lock(&self.site.index).segments.get(&segment.number).is_some_and(|now| Arc::ptr_eq(now, segment));
        if is_there && let Err(Trouble::Disk(error)) = hint::make(&*self.site.dir, segment, self.site.store) {
            self.note(&error);
        }
    }

    /// Gives back a little room, if there is any to be given back. Gives whether there is more to be done.
    pub(super) fn give_back(&mut self) -> bool {
        if self.has_given_up {
            return false;
        }
        let done = match self.rewriting.take() {
            None => compact::begin(&self.site).map(|begun| match begun {
                Begun::Idle => false,
                Begun::Removed => true,
                Begun::Rewriting(rewriting) => {
                    self.rewriting = Some(rewriting);
                    true
                }
            }),
            Some(mut rewriting) => match rewriting.slice(&self.site) {
                Ok(true) => {
                    self.rewriting = Some(rewriting);
                    Ok(true)
                }
                Ok(false) => rewriting.finish(&self.site).map(|new| {
                    self.hint(&new);
                    true
                }),
                Err(trouble) => {
                    rewriting.abandon(&self.site);
                    Err(trouble)
                }
            },
        };
        done.unwrap_or_else(|trouble| {
            self.give_up(&trouble);
            false
        })
    }

    /// Notes why room was not given back.
    fn give_up(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::Disk(error) => self.note(error),
            Trouble::Unclear(error) => {
                self.note(error);
                self.has_given_up = true;
            }
            Trouble::Damaged => self.has_given_up = true,
        }
        self.rest(REST_AFTER_FAILURE);
    }

    fn note(&self, error: &DiskError) {
        if error.is_sync() {
            lock(&self.site.index).poison.get_or_insert_with(|| Failure::of(error));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the disk is not slower where tests pause tokio's clock")]
    fn rest(&mut self, rest: Duration) {
        self.rests_until = Some(Instant::now() + rest);
    }

    /// How long it must still rest.
    #[expect(clippy::disallowed_methods, reason = "the disk is not slower where tests pause tokio's clock")]
    fn rest_left(&self) -> Duration {
        self.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl Work for Upkeep {
    type Job = Chore;

    #[expect(clippy::disallowed_methods, reason = "the disk is not slower where tests pause tokio's clock")]
    fn run(&mut self, chores: Vec<Chore>) -> Option<Duration> {
        for chore in chores {
            // A hint saves more time when the log is opened than it takes now.
            if matches!(chore, Chore::Hint(_)) || !self.site.is_closing.load(Ordering::Relaxed) {
                self.take(chore);
            }
        }
        if self.site.is_closing.load(Ordering::Relaxed) {
            return None;
        }
        if self.rest_left().is_zero() {
            let begun = Instant::now();
            if !self.give_back() {
                return None;
            }
            self.rest(begun.elapsed() * REST);
        }
        Some(self.rest_left())
    }

    fn close(&mut self) {
        if let Some(rewriting) = self.rewriting.take() {
            rewriting.abandon(&self.site);
        }
    }
}
