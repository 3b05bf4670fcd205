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

    /// Returns whether a failed write is followed by a read, which may say why the peer closed the connection.
    fn reads_after_failed_write(&self) -> bool {
        false
    }
}

/// A connection with a [`Watch`].
pub(super) struct WatchedStream<W> {
    pub io: Box<dyn ByteStream>,
    pub watch: W,
}

impl<W: Watch> WatchedStream<W> {
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) && self.watch.reads_after_failed_write() {
            // This waits only until the system has noticed that the connection is closed.
            ready!(Pin::new(self).poll_read(cx, &mut ReadBuf::new(&mut [0; 64])))?;
        }
        result
    }
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
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.check(cx)?;
        let result = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, result)
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
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
