//! The socket that the server listens on: TCP, or a Unix socket.

use crate::error::{Error, Result};
use crate::flight::byte_stream::ByteStream;
use crate::flight::location::{Location, Transport};
use socket2::SockRef;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream, UnixListener};

/// The send buffer for a client on this machine, in bytes. Linux doubles it. By default Linux takes up to 4 MB: then
/// gRPC's C++ library finds a full socket at each read, reads it into new memory, frees that, and spends a third of its
/// time in page faults. pyarrow takes 50 ms of processor time for 98 MB with this buffer, and 70 ms without. Over a
/// network, a fixed size would bound the speed by the round trip, so there the system chooses.
const LOCAL_SEND_BUFFER_BYTES: usize = 300 << 10;

/// The socket that the server listens on.
#[derive(Debug)]
pub(in crate::flight::server) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens on `host:port`, or on a `grpc+unix:///path`, which is the value of `option`.
    pub async fn bind(option: &'static str, address: &str) -> Result<Self> {
        match address.parse::<Location>().as_ref().map(Location::transport) {
            Ok(Transport::Unix(path)) => {
                let (listener, file) = SocketFile::listen(path)?;
                Ok(Self::Unix(listener, file))
            }
            _ => Ok(Self::Tcp(TcpListener::bind(address).await.map_err(Error::listening(option, address))?)),
        }
    }

    /// Returns its TCP address, if it has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// Returns the location for clients on this machine. `address` is what it was bound to.
    ///
    /// # Errors
    /// [`Error::Misuse`] for TLS on a Unix socket.
    pub fn location(&self, address: &str, has_tls: bool) -> Result<Location> {
        match self {
            Self::Unix(..) if has_tls => {
                Err(Error::Misuse("a Unix socket takes no TLS: only its owner can connect to it. Leave out the TLS options, or listen on HOST:PORT".into()))
            }
            Self::Unix(_, SocketFile(path)) => format!("grpc+unix://{}", path.display()).parse(),
            Self::Tcp(listener) => {
                let local = listener.local_addr().map_err(Error::io("listening on", address))?;
                format!("{}://{local}", if has_tls { "grpc+tls" } else { "grpc" }).parse()
            }
        }
    }

    /// Waits for the next connection, and returns it with its client's address.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn ByteStream>, Arc<str>)> {
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

/// Sends each frame at once, and bounds the send buffer if `peer` is on this machine.
fn set_options(stream: &TcpStream, peer: IpAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let is_local = peer.to_canonical().is_loopback() || peer == stream.local_addr()?.ip();
    if is_local { SockRef::from(stream).set_send_buffer_size(LOCAL_SEND_BUFFER_BYTES) } else { Ok(()) }
}

/// The file of a Unix socket. It is removed when this is dropped.
#[derive(Debug)]
pub(in crate::flight::server) struct SocketFile(PathBuf);

impl SocketFile {
    /// Listens at `path`, where only the owner may connect. The socket of a server that is gone is replaced.
    fn listen(path: &Path) -> Result<(UnixListener, Self)> {
        let there = fs::symlink_metadata(path);
        if there.is_ok_and(|there| !there.file_type().is_socket()) {
            return Err(Error::Misuse(format!("{} exists and is not a socket; choose another path", path.display())));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(Error::Misuse(format!("another server listens at {}; choose another path", path.display())));
        }
        // It has a hidden name until only its owner can connect.
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
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The send buffer of an accepted connection before and after `set_options`.
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
    async fn the_send_buffer_is_bounded_on_this_machine_and_the_systems_choice_over_a_network() {
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
