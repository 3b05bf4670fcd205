//! A TCP proxy that injects the faults of networks at chosen bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// A fault of the connection that carries a chosen byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the byte.
    Cut,
    /// The connection is reset before the byte.
    Reset,
    /// The byte and all bytes after it never arrive. The connection stays open until the server ends.
    Stall,
    /// The byte and all bytes after it arrive once the test calls [`FaultProxy::release`].
    Hold,
    /// One bit of the byte is flipped.
    Corrupt,
    /// One bit is flipped in the length or the stream number of the next HTTP/2 frame. A client always notices this.
    CorruptFrame,
}

/// The destination of connections, and the faults planned and injected.
#[derive(Default)]
struct State {
    /// The server. If there is none, connections are reset at their first call.
    upstream: Mutex<Option<SocketAddr>>,
    /// The faults to come, the next one last. Bytes from servers are counted over all connections.
    faults: Mutex<Vec<(u64, Fault)>>,
    accepted: AtomicUsize,
    received: AtomicU64,
    injected: AtomicUsize,
    release: Notify,
}

/// The proxy. It passes on all bytes that clients send. Dropping it breaks the connections.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: Runtime,
}

impl FaultProxy {
    /// Starts a proxy without a server; [`Self::switch`] names one.
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let task_state = Arc::clone(&state);
        runtime.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                task_state.accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connect(client, Arc::clone(&task_state)));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// Starts a proxy to the server at `uri`.
    pub fn to(uri: &str) -> Self {
        let proxy = Self::new();
        proxy.switch(uri);
        proxy
    }

    /// Directs new connections to the server at `uri`.
    pub fn switch(&self, uri: &str) {
        let upstream = uri.strip_prefix("grpc://").unwrap().parse().unwrap();
        *self.state.upstream.lock().unwrap() = Some(upstream);
    }

    /// Resets new connections at their first call.
    pub fn refuse(&self) {
        *self.state.upstream.lock().unwrap() = None;
    }

    /// Plans faults at positions among the bytes from servers, counted from 0 over all connections.
    pub fn plan(&self, faults: impl IntoIterator<Item = (u64, Fault)>) {
        let mut planned = self.state.faults.lock().unwrap();
        planned.extend(faults);
        planned.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }

    /// Lets a connection continue that [`Fault::Hold`] stopped.
    pub fn release(&self) {
        self.state.release.notify_one();
    }

    pub fn uri(&self) -> String {
        format!("grpc://{}", self.address)
    }

    /// Returns the number of connections that clients opened.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes that servers sent.
    pub fn received_bytes(&self) -> u64 {
        self.state.received.load(Ordering::SeqCst)
    }

    /// Returns the number of faults so far.
    pub fn injected(&self) -> usize {
        self.state.injected.load(Ordering::SeqCst)
    }
}

async fn connect(mut client: TcpStream, state: Arc<State>) {
    let upstream = *state.upstream.lock().unwrap();
    let server = match upstream {
        Some(upstream) => TcpStream::connect(upstream).await.ok(),
        None => None,
    };
    let Some(mut server) = server else {
        // gRPC opens a connection again if it breaks before its first call. So the reset waits for a call, and each
        // connection is one try.
        let _ = read_first_call(&mut client).await;
        return reset(client);
    };
    let (mut client_reads, client_writes) = client.split();
    let (server_reads, mut server_writes) = server.split();
    let is_reset = tokio::select! {
        _ = tokio::io::copy(&mut client_reads, &mut server_writes) => false,
        is_reset = pass_on(server_reads, client_writes, &state) => is_reset,
    };
    if is_reset {
        reset(client);
    }
}

/// Reads the bytes of an HTTP/2 client up to its first call.
async fn read_first_call(client: &mut TcpStream) -> io::Result<()> {
    const PREFACE_BYTES: usize = 24;
    const HEADERS: u8 = 1;
    client.read_exact(&mut [0; PREFACE_BYTES]).await?;
    loop {
        let mut header = [0; 9];
        client.read_exact(&mut header).await?;
        if header[3] == HEADERS {
            return Ok(());
        }
        client.read_exact(&mut vec![0; payload_bytes(&header)]).await?;
    }
}

fn reset(client: TcpStream) {
    client.set_zero_linger().unwrap();
}

/// Passes on the bytes from the server and injects the faults. Returns whether to reset the connection.
async fn pass_on(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, state: &State) -> bool {
    let mut buffer = vec![0; 1 << 14];
    let mut frames = Frames::default();
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return false };
        let start = state.received.fetch_add(read as u64, Ordering::SeqCst);
        let mut bytes = &mut buffer[..read];
        let mut at = start;
        while let Some((position, fault)) = next_fault(state, start + read as u64) {
            // With several connections, another one can have passed the position already.
            let (before, rest) = bytes.split_at_mut(position.saturating_sub(at).min(bytes.len() as u64) as usize);
            at += before.len() as u64;
            frames.pass(before);
            if to.write_all(before).await.is_err() {
                return false;
            }
            bytes = rest;
            state.injected.fetch_add(1, Ordering::SeqCst);
            match fault {
                Fault::Cut => return false,
                Fault::Reset => return true,
                Fault::Stall => {
                    while let Ok(1..) = from.read(&mut buffer).await {}
                    return false;
                }
                Fault::Hold => state.release.notified().await,
                Fault::Corrupt => bytes[0] ^= 0x40,
                Fault::CorruptFrame => frames.corrupt_next = Some(position),
            }
        }
        frames.pass(bytes);
        if to.write_all(bytes).await.is_err() {
            return false;
        }
    }
}

/// Removes and returns the next fault before the byte `end`.
fn next_fault(state: &State, end: u64) -> Option<(u64, Fault)> {
    let mut faults = state.faults.lock().unwrap();
    let is_due = faults.last().is_some_and(|(position, _)| *position < end);
    if is_due { faults.pop() } else { None }
}

/// Returns the length of an HTTP/2 frame without its header.
fn payload_bytes(header: &[u8]) -> usize {
    usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2])
}

/// Follows the HTTP/2 frames of a connection to find and corrupt their headers.
#[derive(Default)]
struct Frames {
    header: Vec<u8>,
    /// The remaining bytes of the frame's payload.
    payload_left: usize,
    corrupt_next: Option<u64>,
}

impl Frames {
    fn pass(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(bytes.len() - at);
                self.payload_left -= skipped;
                at += skipped;
                continue;
            }
            let byte = bytes[at];
            let position = self.header.len();
            self.header.push(byte);
            // Flipping the first byte makes the length exceed the limit. Flipping the last byte names a stream that is
            // not open.
            if let Some(seed) = self.corrupt_next
                && position == if seed % 2 == 0 { 0 } else { 8 }
            {
                bytes[at] ^= 0x40;
                self.corrupt_next = None;
            }
            at += 1;
            if self.header.len() == 9 {
                self.payload_left = payload_bytes(&self.header);
                self.header.clear();
            }
        }
    }
}
