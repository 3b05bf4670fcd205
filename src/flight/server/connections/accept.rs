//! Accepts connections: TLS handshakes, limits, and the stream of bytes that tonic serves.

use super::access::Access;
use super::listener::Listener;
use super::state::ConnectionState;
use crate::flight::byte_stream::{ByteStream, Watch, WatchedStream};
use crate::flight::server::limits::Limits;
use futures::stream::{self, Stream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

/// Connections over the limit that are accepted all the same, to tell their calls why they are refused.
const REFUSED_CONNECTIONS: usize = 64;

/// Bytes of the preface that every HTTP/2 client sends first. No request of HTTP/1.1 is shorter.
const PREFACE_BYTES: usize = 24;

/// The wait after a connection could not be accepted, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Returns the connections that clients open, each after its TLS handshake, which negotiates `protocol`. Dropping the
/// stream closes the listener.
pub(in crate::flight::server) fn accept_connections(
    listener: Listener,
    access: Arc<Access>,
    limits: Limits,
    protocol: &'static [u8],
) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, mut incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = ready.closed() => {}
            () = accept(&listener, &ready, access, limits, protocol) => {}
        }
    });
    stream::poll_fn(move |cx| incoming.poll_recv(cx).map(|connection| connection.map(Ok)))
}

async fn accept(
    listener: &Listener,
    ready: &mpsc::Sender<Connection>,
    access: Arc<Access>,
    limits: Limits,
    protocol: &'static [u8],
) {
    let within_limit = Arc::new(Semaphore::new(limits.connections));
    let over_limit = Arc::new(Semaphore::new(REFUSED_CONNECTIONS));
    loop {
        let (io, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let permit = Arc::clone(&within_limit).try_acquire_owned();
        let is_refused = permit.is_err();
        let Ok(permit) = permit.or_else(|_| Arc::clone(&over_limit).try_acquire_owned()) else {
            tracing::debug!(%peer, "closed a connection beyond --max-connections");
            continue;
        };
        let state = ConnectionState::new(&peer, is_refused);
        let (ready, access) = (ready.clone(), Arc::clone(&access));
        tokio::spawn(async move {
            let acceptor = access.tls.as_ref().map(|tls| tls.acceptor_of(protocol));
            let io = match acceptor {
                None => io,
                Some(tls) => match timeout(limits.handshake, tls.accept(io)).await {
                    Ok(Ok(stream)) => Box::new(stream) as Box<dyn ByteStream>,
                    Ok(Err(error)) => {
                        tracing::info!(%peer, %error, "a TLS handshake failed");
                        return;
                    }
                    Err(_) => {
                        tracing::info!(%peer, "closed a connection by --handshake-timeout: the TLS handshake took too long");
                        return;
                    }
                },
            };
            tokio::spawn(Arc::clone(&state).close_if_slow(limits));
            let closed = Box::pin(state.closed.clone().cancelled_owned());
            // Fails only if the server stops.
            let watch = ConnectionWatch { state, closed, preface_left: PREFACE_BYTES, _permit: permit };
            let _ = ready.send(Connection { io, watch }).await;
        });
    }
}

/// A connection to a client. It ends with an error once its state is closed.
pub(in crate::flight::server) type Connection = WatchedStream<ConnectionWatch>;

/// Notices the preface of a connection, and ends the connection once its state is closed.
pub(in crate::flight::server) struct ConnectionWatch {
    state: Arc<ConnectionState>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    preface_left: usize,
    _permit: OwnedSemaphorePermit,
}

impl Drop for ConnectionWatch {
    fn drop(&mut self) {
        self.state.closed.cancel();
    }
}

impl Connected for Connection {
    type ConnectInfo = Arc<ConnectionState>;

    fn connect_info(&self) -> Arc<ConnectionState> {
        Arc::clone(&self.watch.state)
    }
}

impl Watch for ConnectionWatch {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.closed.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    fn read(&mut self, result: io::Result<&[u8]>) -> io::Result<()> {
        let bytes = result?.len();
        if self.preface_left > 0 {
            self.preface_left = self.preface_left.saturating_sub(bytes);
            if self.preface_left == 0 {
                self.state.begun.cancel();
            }
        }
        Ok(())
    }
}
