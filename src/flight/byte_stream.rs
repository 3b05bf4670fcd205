//! The bytes of a connection over any transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that bytes are read from and written to: TCP, TLS over TCP, or a Unix socket.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Sees what passes a connection, and may end it.
pub(super) trait Watch: Unpin {
    /// Called before bytes are read or written. An error ends the connection.
    fn check(&mut self, _: &mut Context<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Called with the result of a read. An error ends the connection.
    fn read(&mut self, result: io::Result<&[u8]>) -> io::Result<()>;
}

/// A connection with a [`Watch`].
pub(super) struct WatchedStream<W> {
    pub io: Box<dyn ByteStream>,
    pub watch: W,
}

impl<W: Watch> AsyncRead for WatchedStream<W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.watch.check(cx)?;
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        Poll::Ready(self.watch.read(result.map(|()| &buffer.filled()[before..])))
    }
}

impl<W: Watch> AsyncWrite for WatchedStream<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.watch.check(cx)?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.check(cx)?;
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
        self.watch.check(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
