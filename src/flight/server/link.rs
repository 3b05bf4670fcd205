//! A connection as the server sees it: who is at its other end, what it has to do, and when it has waited enough.

use super::limits::Limits;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often a connection is looked at within the shortest time that it may wait.
const LOOKS: u32 = 4;

/// What the calls of a connection, its transport and its watch share.
#[derive(Debug)]
pub(super) struct Link {
    /// Its address, as text.
    pub peer: Arc<str>,
    /// Whether it is one too many, so that its calls are refused.
    pub is_refused: bool,
    /// Cancelled once the client has come up with the preface of HTTP/2.
    pub begun: CancellationToken,
    /// Cancelled when the connection is to be closed, or is.
    pub closed: CancellationToken,
    opened: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By number.
    calls: HashMap<u64, Arc<Unread>>,
    next_call: u64,
    idle_since: Instant,
}

impl Link {
    pub fn new(peer: &str, is_refused: bool) -> Arc<Self> {
        Arc::new(Self {
            peer: peer.into(),
            is_refused,
            begun: CancellationToken::new(),
            closed: CancellationToken::new(),
            opened: Instant::now(),
            state: Mutex::new(State { calls: HashMap::new(), next_call: 0, idle_since: Instant::now() }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more call, until it is dropped.
    pub fn call(self: &Arc<Self>) -> OpenCall {
        let mut state = self.state();
        let number = state.next_call;
        state.next_call += 1;
        let unread = Arc::<Unread>::default();
        state.calls.insert(number, Arc::clone(&unread));
        OpenCall { link: Arc::clone(self), number, unread }
    }

    /// Closes the connection where its client is too slow: to begin, to call, or to read.
    pub async fn watch(self: Arc<Self>, limits: Limits) {
        let waited = async {
            match timeout(limits.handshake, self.begun.cancelled()).await {
                Ok(()) => self.waited_enough(&limits).await,
                Err(_) => "--handshake-timeout: it sent no HTTP/2 preface",
            }
        };
        let slow = tokio::select! {
            () = self.closed.cancelled() => return,
            slow = waited => slow,
        };
        tracing::info!(peer = %self.peer, "closed a connection by {slow}");
        self.closed.cancel();
    }

    async fn waited_enough(&self, limits: &Limits) -> &'static str {
        let idle = if self.is_refused { limits.handshake } else { limits.idle };
        let pause = (idle.min(limits.stall) / LOOKS).max(Duration::from_millis(1));
        loop {
            sleep(pause).await;
            let state = self.state();
            if state.calls.is_empty() && state.idle_since.elapsed() > idle {
                return "--idle-timeout: no call was open";
            }
            let now = self.opened.elapsed();
            if state.calls.values().any(|unread| unread.lasts_at(now) > limits.stall) {
                return "--stall-timeout: it left an answer unread";
            }
        }
    }
}

/// Since when the client has had something to read: microseconds from the connection's opening on, zero where it waits
/// for the server. Not behind the lock, for every frame changes it.
#[derive(Debug, Default)]
struct Unread(AtomicU64);

impl Unread {
    fn begin_at(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn lasts_at(&self, now: Duration) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => now.saturating_sub(Duration::from_micros(since)),
        }
    }
}

/// A call that is not answered, or whose answer is not read to its end.
#[derive(Debug)]
pub(super) struct OpenCall {
    link: Arc<Link>,
    number: u64,
    unread: Arc<Unread>,
}

impl OpenCall {
    /// The next of the answer is the client's to read.
    pub fn is_sent(&self) {
        self.unread.begin_at(self.link.opened.elapsed());
    }

    /// The next of the answer is the server's to make.
    pub fn is_awaited(&self) {
        self.unread.end();
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let mut state = self.link.state();
        state.calls.remove(&self.number);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_ends_with_its_connection() {
        let link = Link::new("somebody", false);
        link.begun.cancel();
        let watch = tokio::spawn(Arc::clone(&link).watch(Limits::default()));
        // It waits for the client to be slow by now.
        tokio::task::yield_now().await;
        link.closed.cancel();
        timeout(Duration::from_secs(30), watch).await.expect("it ends").unwrap();
    }
}
