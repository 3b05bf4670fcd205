//! Where clients come in: TCP, TLS over it, or a Unix socket; with the limits that hold before a call can be made.

use super::access::Access;
use super::limits::Limits;
use super::link::Link;
use crate::error::{Error, Result};
use crate::flight::byte_stream::ByteStream;
use crate::flight::location::{Location, Transport};
use futures::stream::{self, Stream};
use socket2::SockRef;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

/// Connections beyond the limit that are taken, so that their calls can be told why they are refused.
const REFUSED_CONNECTIONS: usize = 64;

/// Bytes of the preface that every client of HTTP/2 begins with.
const PREFACE_BYTES: usize = 24;

/// Bytes that are sent ahead of a client on this machine; Linux makes them twice as many. With a buffer of its choice,
/// up to 4 MB, the client's socket is full whenever it looks, gRPC's C++ library reads that into memory that it then
/// gives back, and page faults are a third of its time: pyarrow takes 50 ms of processor time for 98 MB, and 70 without
/// this. Over a network, a fixed size would bound the speed by the round trip.
const LOCAL_SEND_BUFFER_BYTES: usize = 300 << 10;

/// How long to wait where the system has no more descriptors for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that is listened on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens on `host:port`, or on the socket of a `grpc+unix:///path`.
    pub async fn bind(address: &str) -> Result<Self> {
        match address.parse::<Location>().as_ref().map(Location::transport) {
            Ok(Transport::Unix(path)) => {
                let (listener, file) = SocketFile::listen(path)?;
                Ok(Self::Unix(listener, file))
            }
            _ => Ok(Self::Tcp(TcpListener::bind(address).await.map_err(Error::io("listening on", address))?)),
        }
    }

    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// Where clients on this machine reach it, when it was bound to `address`.
    pub fn location(&self, address: &str, has_tls: bool) -> Result<Location> {
        match self {
            Self::Unix(..) if has_tls => {
                Err(Error::Misuse("TLS is for TCP: a Unix socket is its owner's alone without it".into()))
            }
            Self::Unix(_, SocketFile(path)) => format!("grpc+unix://{}", path.display()).parse(),
            Self::Tcp(listener) => {
                let local = listener.local_addr().map_err(Error::io("listening on", address))?;
                format!("{}://{local}", if has_tls { "grpc+tls" } else { "grpc" }).parse()
            }
        }
    }

    async fn accept(&self) -> io::Result<(Box<dyn ByteStream>, Arc<str>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                set_options(&stream, peer.ip())?;
                Ok((Box::new(stream), peer.to_string().into()))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred().map(|who| format!("unix:uid={}", who.uid()));
                Ok((Box::new(stream), user.unwrap_or_else(|_| "unix".into()).into()))
            }
        }
    }
}

/// Prepares a connection from `peer` for answers: a frame goes out at once, and few bytes ahead of a reader on this
/// machine.
fn set_options(stream: &TcpStream, peer: IpAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let is_local = peer.to_canonical().is_loopback() || peer == stream.local_addr()?.ip();
    if is_local { SockRef::from(stream).set_send_buffer_size(LOCAL_SEND_BUFFER_BYTES) } else { Ok(()) }
}

/// A socket in the file system, which is removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl SocketFile {
    /// Listens at `path`, which only its owner may connect to. What a server that is gone left there is replaced.
    fn listen(path: &Path) -> Result<(UnixListener, Self)> {
        let there = fs::symlink_metadata(path);
        if there.is_ok_and(|there| !there.file_type().is_socket()) {
            return Err(Error::Misuse(format!("there is a file at {} that is no socket", path.display())));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(Error::Misuse(format!("another server listens at {}", path.display())));
        }
        // Nobody can connect before it is the owner's alone: it has another name until then.
        let mut hidden = path.to_path_buf().into_os_string();
        hidden.push(format!(".{}", std::process::id()));
        let hidden = PathBuf::from(hidden);
        let listen = || {
            let listener = UnixListener::bind(&hidden)?;
            fs::set_permissions(&hidden, Permissions::from_mode(0o600))?;
            fs::rename(&hidden, path)?;
            Ok(listener)
        };
        let listener = listen().inspect_err(|_| drop(fs::remove_file(&hidden)));
        Ok((listener.map_err(Error::io("listening on", path))?, Self(path.to_path_buf())))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Where it is gone already, all is well.
        let _ = fs::remove_file(&self.0);
    }
}

/// The connections that clients open, each once it can be spoken on. Nothing is accepted any more once it is dropped.
pub(super) fn connections(
    listener: Listener,
    access: Arc<Access>,
    limits: Limits,
) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, mut incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = ready.closed() => {}
            () = accept(&listener, &ready, access, limits) => {}
        }
    });
    stream::poll_fn(move |cx| incoming.poll_recv(cx).map(|connection| connection.map(Ok)))
}

async fn accept(listener: &Listener, ready: &mpsc::Sender<Connection>, access: Arc<Access>, limits: Limits) {
    let (room, refusals) =
        (Arc::new(Semaphore::new(limits.connections)), Arc::new(Semaphore::new(REFUSED_CONNECTIONS)));
    loop {
        let (io, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = Arc::clone(&room).try_acquire_owned();
        let is_refused = place.is_err();
        let Ok(place) = place.or_else(|_| Arc::clone(&refusals).try_acquire_owned()) else {
            tracing::debug!(%peer, "closed a connection beyond --max-connections");
            continue;
        };
        let link = Link::new(&peer, is_refused);
        let (ready, access) = (ready.clone(), Arc::clone(&access));
        tokio::spawn(async move {
            let io = match &access.tls {
                None => io,
                Some(tls) => match timeout(limits.handshake, tls.acceptor().accept(io)).await {
                    Ok(Ok(stream)) => Box::new(stream) as Box<dyn ByteStream>,
                    Ok(Err(error)) => {
                        tracing::info!(%peer, %error, "a TLS handshake failed");
                        return;
                    }
                    Err(_) => {
                        tracing::info!(%peer, "closed a connection by --handshake-timeout: TLS took too long");
                        return;
                    }
                },
            };
            tokio::spawn(Arc::clone(&link).watch(limits));
            let closed = Box::pin(link.closed.clone().cancelled_owned());
            // Fails only where the server stops.
            let _ = ready.send(Connection { io, link, closed, preface_left: PREFACE_BYTES, _place: place }).await;
        });
    }
}

/// A connection to a client: ends when its link is closed, and frees its place when dropped.
pub(super) struct Connection {
    io: Box<dyn ByteStream>,
    link: Arc<Link>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    preface_left: usize,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.closed.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.closed.cancel();
    }
}

impl Connected for Connection {
    type ConnectInfo = Arc<Link>;

    fn connect_info(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if self.preface_left > 0 {
            self.preface_left = self.preface_left.saturating_sub(buffer.filled().len() - before);
            if self.preface_left == 0 {
                self.link.begun.cancel();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The send buffers of a connection as it was accepted and once it is prepared for `peer`.
    async fn send_buffers(peer: Option<&str>) -> (usize, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let before = SockRef::from(&stream).send_buffer_size().unwrap();
        set_options(&stream, peer.map_or(from.ip(), |peer| peer.parse().unwrap())).unwrap();
        assert!(stream.nodelay().unwrap());
        (before, SockRef::from(&stream).send_buffer_size().unwrap())
    }

    #[tokio::test]
    async fn what_is_sent_ahead_is_bounded_on_this_machine_and_left_to_the_system_over_a_network() {
        for peer in [None, Some("127.0.0.2"), Some("::1"), Some("::ffff:127.0.0.1")] {
            let (before, after) = send_buffers(peer).await;
            assert!(after != before && after <= 2 * LOCAL_SEND_BUFFER_BYTES, "{peer:?}: {before}, {after}");
        }
        for peer in ["192.0.2.1", "2001:db8::1"] {
            let (before, after) = send_buffers(Some(peer)).await;
            assert_eq!(before, after, "{peer}");
        }
    }
}
