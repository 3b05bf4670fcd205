//! Who reads what, how far each is, and what is kept for whom.

use super::{LOST, PATIENCE, STALLED, ScanKey, WAITING};
use crate::flight::server::wire::Message;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct State {
    pub places: HashMap<u64, Place>,
    /// The oldest first.
    pub kept: VecDeque<Kept>,
}

/// How far a reader is.
#[derive(Debug)]
pub(super) struct Place {
    pub scan: Arc<ScanKey>,
    /// The first customer of the block that it asks for next.
    pub next_id: u64,
    /// When it asked for a block, or was given one, last.
    pub seen: Instant,
    /// From when it was given the block before to when it was given its last.
    pace: Duration,
    given: Instant,
    /// What it has waited for others of late, a part of the time since taken off.
    pub waited: Duration,
    pub has_moved: Arc<Notify>,
}

/// What came of a block.
#[derive(Debug)]
pub(super) struct Kept {
    pub scan: Arc<ScanKey>,
    pub ids: Range<u64>,
    /// Its message, if it has rows; `None` while it is being made.
    pub made: Option<Option<Message>>,
    pub is_made: Arc<Notify>,
}

impl State {
    /// The readers of `scan` that have not stalled and ask for what is so many blocks before that of `ids`.
    pub fn behind(
        &self,
        scan: &ScanKey,
        ids: &Range<u64>,
        blocks: Range<u64>,
        now: Instant,
    ) -> impl Iterator<Item = &Place> {
        let before = |blocks| ids.start.saturating_sub((ids.end - ids.start) * blocks);
        let next_ids = before(blocks.end) + 1..=before(blocks.start);
        self.places.values().filter(move |place| {
            next_ids.contains(&place.next_id) && !place.stalled_in(now).is_zero() && *place.scan == *scan
        })
    }

    pub fn is_wanted(&self, scan: &ScanKey, ids: &Range<u64>, now: Instant) -> bool {
        self.behind(scan, ids, 0..LOST, now).next().is_some()
    }

    pub fn kept_of(&mut self, scan: &ScanKey, ids: &Range<u64>) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| kept.is_of(scan, ids))
    }

    pub fn drop_kept(&mut self, scan: &ScanKey, ids: &Range<u64>) {
        self.kept.retain(|kept| !kept.is_of(scan, ids));
    }

    /// Drops all that nobody is about to take.
    pub fn drop_unwanted(&mut self, now: Instant) {
        let mut kept = mem::take(&mut self.kept);
        kept.retain(|kept| kept.made.is_none() || self.is_wanted(&kept.scan, &kept.ids, now));
        self.kept = kept;
    }

    /// Makes room for one more where so many are kept at most; whether there is any.
    pub fn make_room(&mut self, most: usize) -> bool {
        if self.kept.len() < most {
            return true;
        }
        let oldest = self.kept.iter().position(|kept| kept.made.is_some());
        oldest.is_some_and(|oldest| self.kept.remove(oldest).is_some())
    }

    /// The reader has the blocks before `id`.
    pub fn move_on(&mut self, reader: u64, id: u64, now: Instant) {
        if let Some(place) = self.places.get_mut(&reader) {
            place.pace = now.duration_since(mem::replace(&mut place.given, now));
            (place.next_id, place.seen) = (id, now);
            place.has_moved.notify_waiters();
        }
    }
}

impl Place {
    /// That of a reader which has no time to wait for others yet.
    pub fn new(scan: &Arc<ScanKey>, next_id: u64, now: Instant) -> Self {
        Self {
            scan: Arc::clone(scan),
            next_id,
            seen: now,
            pace: Duration::ZERO,
            given: now,
            waited: PATIENCE,
            has_moved: Arc::default(),
        }
    }

    pub fn stalled_in(&self, now: Instant) -> Duration {
        STALLED.max(2 * self.pace).saturating_sub(now.duration_since(self.seen))
    }

    /// It asks for the block from `id` on, having waited so long for others.
    pub fn ask(&mut self, id: u64, waited: Duration, now: Instant) {
        self.waited = self.waited.saturating_sub(now.duration_since(self.seen) / WAITING) + waited;
        (self.next_id, self.seen) = (id, now);
    }
}

impl Kept {
    pub fn being_made(scan: &Arc<ScanKey>, ids: &Range<u64>) -> Self {
        Self { scan: Arc::clone(scan), ids: ids.clone(), made: None, is_made: Arc::default() }
    }

    pub fn is_of(&self, scan: &ScanKey, ids: &Range<u64>) -> bool {
        self.ids == *ids && *self.scan == *scan
    }
}
