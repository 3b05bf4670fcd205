//! The blocks of one stream, made ahead of its reader as far as the server's memory allows.

use super::budget::{Grant, Share};
use super::wire::Message;
use crate::error::Result;
use crate::scan::{Cut, Cuts};
use futures::future::BoxFuture;
use futures::stream::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// Blocks that a stream generates ahead of its reader: one is sent, one waits, one is made.
pub(super) const READ_AHEAD: usize = 3;

/// A block whose work is begun, unless it is to be done by whoever waits for it. Dropping it takes the work back.
pub(super) struct Begun {
    pub message: BoxFuture<'static, Result<Option<Message>>>,
    /// How many blocks may be begun at a time once this one is made.
    pub ahead: usize,
}

/// What `make` makes of a scan's blocks, in order; those that have nothing are left out.
pub(super) struct ReadAhead<F> {
    make: F,
    cuts: Cuts,
    share: Share,
    blocks: VecDeque<(Begun, Grant)>,
    /// Blocks that may be begun at a time.
    ahead: usize,
}

impl<F: Fn(Cut) -> Begun> ReadAhead<F> {
    /// Of `cuts`, within `share`.
    pub fn new(cuts: Cuts, share: Share, make: F) -> Self {
        // The first block has the processors to itself: made beside the next two, it came after up to 10 ms, and now 6.
        Self { make, cuts, share, blocks: VecDeque::new(), ahead: 1 }
    }

    fn begin_blocks(&mut self) {
        while self.blocks.len() < self.ahead {
            let held = self.blocks.iter().map(|(_, grant)| grant.parts()).sum();
            let Some(mut grant) = self.share.ask(held, self.cuts.least_parts()) else { return };
            let Some(cut) = self.cuts.take(grant.parts()) else { return };
            grant.shrink_to(cut.parts);
            self.blocks.push_back(((self.make)(cut), grant));
        }
    }
}

impl<F: Fn(Cut) -> Begun + Unpin> Stream for ReadAhead<F> {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.share.asked(Instant::now());
        loop {
            self.begin_blocks();
            let Some((block, _)) = self.blocks.front_mut() else { return Poll::Ready(None) };
            let message = ready!(block.message.as_mut().poll(cx));
            self.ahead = block.ahead;
            let Some((_, grant)) = self.blocks.pop_front() else { return Poll::Ready(None) };
            if let Some(message) = message.transpose() {
                self.share.handed(grant);
                return Poll::Ready(Some(message));
            }
        }
    }
}
