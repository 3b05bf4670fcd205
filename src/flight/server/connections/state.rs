//! The state of one connection: its client, its open calls, and when it is closed as too slow.

use crate::flight::server::limits::Limits;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often a connection is checked within its shortest timeout.
const CHECKS: u32 = 4;

/// The state that a connection shares with its calls.
#[derive(Debug)]
pub(in crate::flight::server) struct ConnectionState {
    /// The address of its client.
    pub peer: Arc<str>,
    /// Whether it is over the limit of connections, so all its calls are refused.
    pub is_refused: bool,
    /// Cancelled once the client has sent the HTTP/2 preface, or the start of an HTTP/1.1 request.
    pub begun: CancellationToken,
    /// Cancelled to close the connection, and when it has closed.
    pub closed: CancellationToken,
    opened: Instant,
    calls: Mutex<Calls>,
}

#[derive(Debug)]
struct Calls {
    /// Each open call holds its own; some may have ended.
    open: Vec<Weak<Unread>>,
    idle_since: Instant,
}

impl ConnectionState {
    pub fn new(peer: &str, is_refused: bool) -> Arc<Self> {
        Arc::new(Self {
            peer: peer.into(),
            is_refused,
            begun: CancellationToken::new(),
            closed: CancellationToken::new(),
            opened: Instant::now(),
            calls: Mutex::new(Calls { open: Vec::new(), idle_since: Instant::now() }),
        })
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more open call until the returned value is dropped.
    pub(super) fn open_call(self: &Arc<Self>) -> OpenCall {
        let unread = Arc::default();
        let open = &mut self.calls().open;
        open.retain(|call| call.strong_count() > 0);
        open.push(Arc::downgrade(&unread));
        OpenCall { connection: Arc::clone(self), unread }
    }

    /// Closes the connection if its client is too slow to begin, to call, or to read.
    pub async fn close_if_slow(self: Arc<Self>, limits: Limits) {
        let timeouts = async {
            match timeout(limits.handshake, self.begun.cancelled()).await {
                Ok(()) => self.times_out(&limits).await,
                Err(_) => "--handshake-timeout: it did not begin to speak HTTP",
            }
        };
        let reason = tokio::select! {
            () = self.closed.cancelled() => return,
            reason = timeouts => reason,
        };
        tracing::info!(peer = %self.peer, "closed a connection by {reason}");
        self.closed.cancel();
    }

    async fn times_out(&self, limits: &Limits) -> &'static str {
        let idle = if self.is_refused { limits.handshake } else { limits.idle };
        let pause = (idle.min(limits.stall) / CHECKS).max(Duration::from_millis(1));
        loop {
            sleep(pause).await;
            let calls = self.calls();
            let open: Vec<_> = calls.open.iter().filter_map(Weak::upgrade).collect();
            if open.is_empty() && calls.idle_since.elapsed() > idle {
                return "--idle-timeout: no call was open";
            }
            let now = self.opened.elapsed();
            if open.iter().any(|unread| unread.lasts_at(now) > limits.stall) {
                return "--stall-timeout: it left an answer unread";
            }
        }
    }
}

/// The time since which an answer waits to be read, in microseconds after the connection opened; zero while the client
/// waits for the server. It is not behind the lock, because every frame changes it.
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

/// A call whose answer the client has not read to its end.
#[derive(Debug)]
pub(super) struct OpenCall {
    connection: Arc<ConnectionState>,
    unread: Arc<Unread>,
}

impl OpenCall {
    /// Notes that the client has a part of the answer to read.
    pub fn wait_for_client(&self) {
        self.unread.begin_at(self.connection.opened.elapsed());
    }

    /// Notes that the client waits for the next part of the answer.
    pub fn wait_for_server(&self) {
        self.unread.end();
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.connection.calls().idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_without_open_calls() {
        let connection = ConnectionState::new("somebody", false);
        connection.begun.cancel();
        let call = connection.open_call();
        tokio::spawn(
            Arc::clone(&connection).close_if_slow(Limits { idle: Duration::from_secs(1), ..Limits::default() }),
        );
        sleep(Duration::from_secs(10)).await;
        assert!(!connection.closed.is_cancelled());
        drop(call);
        timeout(Duration::from_secs(2), connection.closed.cancelled()).await.expect("it is closed");
    }

    #[tokio::test]
    async fn the_check_for_slow_clients_ends_with_the_connection() {
        let connection = ConnectionState::new("somebody", false);
        connection.begun.cancel();
        let check = tokio::spawn(Arc::clone(&connection).close_if_slow(Limits::default()));
        // It sleeps until the next check.
        tokio::task::yield_now().await;
        connection.closed.cancel();
        timeout(Duration::from_secs(30), check).await.expect("it ends").unwrap();
    }
}
