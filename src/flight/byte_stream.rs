//! The bytes of a connection over any transport.

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream that bytes are read from and written to: TCP, TLS over TCP, or a Unix socket.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}
