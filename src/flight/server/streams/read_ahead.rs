//! Generates the blocks of one stream ahead of its reader, as far as the server's memory allows.

use super::message::Message;
use crate::error::Result;
use crate::flight::server::memory_budget::{BudgetShare, Grant};
use crate::scan::{Cut, Cuts};
use futures::future::BoxFuture;
use futures::stream::{self, Stream};
use std::collections::VecDeque;
use std::time::Instant;

/// Blocks that a stream holds at most: one is being sent, one waits, one is being generated.
const READ_AHEAD: usize = 3;

/// A block whose generation has begun. Dropping it cancels the work.
pub(super) type PendingBlock = BoxFuture<'static, Result<Option<Message>>>;

/// The blocks of one stream.
pub(super) struct ReadAhead<F> {
    begin: F,
    cuts: Cuts,
    share: BudgetShare,
    pending: VecDeque<(PendingBlock, Grant)>,
    /// Blocks that may be pending together.
    limit: usize,
}

impl<F: Fn(Cut) -> PendingBlock> ReadAhead<F> {
    /// Generates each of `cuts` by `begin`, within `share` of the memory budget.
    pub fn new(cuts: Cuts, share: BudgetShare, begin: F) -> Self {
        // The first block has all cores to itself. Beside the next two it took up to 10 ms, alone it takes 6.
        Self { begin, cuts, share, pending: VecDeque::new(), limit: 1 }
    }

    /// Returns the messages in order. Blocks without a message are left out.
    pub fn into_stream(self) -> impl Stream<Item = Result<Message>> {
        stream::try_unfold(self, |mut blocks| async move { Ok(blocks.next().await?.map(|message| (message, blocks))) })
    }

    async fn next(&mut self) -> Result<Option<Message>> {
        self.share.end_sending(Instant::now());
        loop {
            self.begin_blocks();
            let Some((block, grant)) = self.pending.pop_front() else { return Ok(None) };
            let message = block.await?;
            self.limit = READ_AHEAD;
            if message.is_some() {
                self.share.begin_sending(grant);
                return Ok(message);
            }
        }
    }

    fn begin_blocks(&mut self) {
        while self.pending.len() < self.limit {
            let held = self.pending.iter().map(|(_, grant)| grant.parts()).sum();
            let Some(mut grant) = self.share.request(held, self.cuts.least_parts()) else { return };
            let Some(cut) = self.cuts.take(grant.parts()) else { return };
            grant.shrink_to(cut.parts);
            self.pending.push_back(((self.begin)(cut), grant));
        }
    }
}
