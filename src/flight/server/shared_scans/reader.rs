//! A stream that takes what others have made, or makes it for them.

use super::state::{Kept, Place};
use super::{CLOSE, KEPT_OF_HELD, LOST, PATIENCE, ScanKey, SharedScans};
use crate::error::Result;
use crate::flight::server::wire::Message;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, timeout};

/// One of the streams that read a scan.
#[derive(Debug)]
pub(in crate::flight::server) struct Reader {
    scans: Arc<SharedScans>,
    scan: Arc<ScanKey>,
    number: u64,
    most_kept: usize,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a reader does to have the message of a block.
enum Step {
    Take(Option<Message>),
    Make { is_kept: bool },
    WaitForMaker(OwnedNotified),
    WaitForOthers(OwnedNotified, Duration),
}

/// That others are told what came of a block, or to make it themselves where nothing did.
struct Promise<'a> {
    reader: &'a Reader,
    ids: &'a Range<u64>,
    made: Option<Option<Message>>,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        let Self { reader: Reader { scans, scan, .. }, ids, .. } = *self;
        let mut state = scans.state();
        let is_wanted = self.made.is_some() && state.is_wanted(scan, ids, Instant::now());
        if let Some(kept) = state.kept_of(scan, ids) {
            kept.made = self.made.take();
            kept.is_made.notify_waiters();
        }
        if !is_wanted {
            state.drop_kept(scan, ids);
        }
    }
}

impl Reader {
    /// Number so many of those of `scans`, where all streams may hold so many blocks.
    pub fn new(scans: Arc<SharedScans>, scan: Arc<ScanKey>, number: u64, blocks: u64) -> Self {
        let most_kept = usize::try_from(blocks / KEPT_OF_HELD).unwrap_or(usize::MAX);
        Self { scans, scan, number, most_kept }
    }

    /// What it reads.
    pub fn scan(&self) -> &Arc<ScanKey> {
        &self.scan
    }

    /// By which it is told from others.
    #[cfg(test)]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The message of the block of `ids`, `None` where it has no rows, and whether another stream has made it; otherwise
    /// `make` does, once others are close enough. Where `make` fails, others make it for themselves.
    pub async fn message(
        &self,
        ids: &Range<u64>,
        make: impl FnOnce() -> Result<Option<Message>>,
    ) -> Result<(Option<Message>, bool)> {
        let mut waited = Duration::ZERO;
        let is_kept = loop {
            match self.step(ids, mem::take(&mut waited)) {
                Step::Take(message) => return Ok((message, true)),
                Step::Make { is_kept } => break is_kept,
                Step::WaitForMaker(is_made) => is_made.await,
                Step::WaitForOthers(has_moved, most) => {
                    let begin = Instant::now();
                    // Whether they have moved or it is late, it looks again.
                    let _ = timeout(most, has_moved).await;
                    waited = begin.elapsed();
                }
            }
        };
        let promise = is_kept.then(|| Promise { reader: self, ids, made: None });
        let message = make()?;
        if let Some(mut promise) = promise {
            promise.made = Some(message.clone());
        }
        Ok((message, false))
    }

    fn step(&self, ids: &Range<u64>, waited: Duration) -> Step {
        let (now, scan) = (Instant::now(), &self.scan);
        let mut state = self.scans.state();
        let place = state.places.entry(self.number).or_insert_with(|| Place::new(scan, ids.start, now));
        place.ask(ids.start, waited, now);
        let patience = PATIENCE.saturating_sub(place.waited);

        if let Some(kept) = state.kept_of(scan, ids) {
            let Some(message) = kept.made.clone() else {
                return Step::WaitForMaker(Arc::clone(&kept.is_made).notified_owned());
            };
            state.move_on(self.number, ids.end, now);
            if !state.is_wanted(scan, ids, now) {
                state.drop_kept(scan, ids);
            }
            return Step::Take(message);
        }
        // Of those behind, the last takes longest.
        if !patience.is_zero()
            && let Some(last) = state.behind(scan, ids, CLOSE..LOST, now).min_by_key(|place| place.next_id)
        {
            let has_moved = Arc::clone(&last.has_moved).notified_owned();
            return Step::WaitForOthers(has_moved, patience.min(last.stalled_in(now)));
        }
        state.move_on(self.number, ids.end, now);
        let is_kept = state.is_wanted(scan, ids, now) && state.make_room(self.most_kept);
        if is_kept {
            state.kept.push_back(Kept::being_made(scan, ids));
        }
        Step::Make { is_kept }
    }

    /// It has its blocks made for itself, and shares none, until it asks for a message again.
    pub fn leave(&self) {
        let mut state = self.scans.state();
        if let Some(place) = state.places.remove(&self.number) {
            place.has_moved.notify_waiters();
        }
        if !state.kept.is_empty() {
            state.drop_unwanted(Instant::now());
        }
    }
}
