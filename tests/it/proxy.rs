//! A TCP proxy that does to connections what networks do, at chosen bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// What befalls the connection that carries a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is closed in front of the byte.
    Cut,
    /// It is reset in front of the byte.
    Reset,
    /// The byte and all after it never come, while the connection stays open as long as the server lives.
    Stall,
    /// The byte and all after it come when the test says so.
    Hold,
    /// The byte comes changed.
    Corrupt,
    /// A byte of the next HTTP/2 frame's header comes changed: of its length or of its stream, which is always noticed.
    CorruptFrame,
}

/// Where connections go, what is to befall them, and what did.
#[derive(Default)]
struct State {
    /// Where there is none, connections are reset at their first call.
    upstream: Mutex<Option<SocketAddr>>,
    /// By the place in all that the servers send, counted over all connections; the last comes first.
    faults: Mutex<Vec<(u64, Fault)>>,
    taken: AtomicUsize,
    passed: AtomicU64,
    befallen: AtomicUsize,
    release: Notify,
}

/// The proxy. What clients send always comes through; connections break when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: Runtime,
}

impl Proxy {
    /// A proxy to a server that is to be named.
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let of_task = Arc::clone(&state);
        runtime.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                of_task.taken.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connect(client, Arc::clone(&of_task)));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// A proxy to the server at `uri`.
    pub fn to(uri: &str) -> Self {
        let proxy = Self::new();
        proxy.switch(uri);
        proxy
    }

    /// New connections go to the server at `uri`.
    pub fn switch(&self, uri: &str) {
        let upstream = uri.strip_prefix("grpc://").unwrap().parse().unwrap();
        *self.state.upstream.lock().unwrap() = Some(upstream);
    }

    /// New connections are reset at their first call.
    pub fn refuse(&self) {
        *self.state.upstream.lock().unwrap() = None;
    }

    /// Plans faults at these places in all that servers send, counted from 0 over all connections.
    pub fn plan(&self, faults: impl IntoIterator<Item = (u64, Fault)>) {
        let mut planned = self.state.faults.lock().unwrap();
        planned.extend(faults);
        planned.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }

    /// What a connection holds comes.
    pub fn release(&self) {
        self.state.release.notify_one();
    }

    pub fn uri(&self) -> String {
        format!("grpc://{}", self.address)
    }

    /// How many connections were made.
    pub fn taken(&self) -> usize {
        self.state.taken.load(Ordering::SeqCst)
    }

    /// How many bytes came from servers.
    pub fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::SeqCst)
    }

    /// How many faults there were.
    pub fn befallen(&self) -> usize {
        self.state.befallen.load(Ordering::SeqCst)
    }
}

async fn connect(mut client: TcpStream, state: Arc<State>) {
    let upstream = *state.upstream.lock().unwrap();
    let server = match upstream {
        Some(upstream) => TcpStream::connect(upstream).await.ok(),
        None => None,
    };
    let Some(mut server) = server else {
        // A connection that breaks before it is used is opened again, as often as that happens; what tests count are tries.
        let _ = called(&mut client).await;
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

/// Reads what a client of HTTP/2 sends, up to the first of its calls.
async fn called(client: &mut TcpStream) -> io::Result<()> {
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

/// Passes on what the server sends; returns whether the connection is to be reset.
async fn pass_on(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, state: &State) -> bool {
    let mut buffer = vec![0; 1 << 14];
    let mut frames = Frames::default();
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return false };
        let begin = state.passed.fetch_add(read as u64, Ordering::SeqCst);
        let mut bytes = &mut buffer[..read];
        let mut at = begin;
        while let Some((place, fault)) = next_fault(state, begin + read as u64) {
            // Of several connections, one may have passed the place meanwhile.
            let (before, rest) = bytes.split_at_mut(place.saturating_sub(at).min(bytes.len() as u64) as usize);
            at += before.len() as u64;
            frames.pass(before);
            if to.write_all(before).await.is_err() {
                return false;
            }
            bytes = rest;
            state.befallen.fetch_add(1, Ordering::SeqCst);
            match fault {
                Fault::Cut => return false,
                Fault::Reset => return true,
                Fault::Stall => {
                    while let Ok(1..) = from.read(&mut buffer).await {}
                    return false;
                }
                Fault::Hold => state.release.notified().await,
                Fault::Corrupt => bytes[0] ^= 0x40,
                Fault::CorruptFrame => frames.corrupt_next = Some(place),
            }
        }
        frames.pass(bytes);
        if to.write_all(bytes).await.is_err() {
            return false;
        }
    }
}

/// The next fault that is due before the byte `end`.
fn next_fault(state: &State, end: u64) -> Option<(u64, Fault)> {
    let mut faults = state.faults.lock().unwrap();
    let is_due = faults.last().is_some_and(|(place, _)| *place < end);
    if is_due { faults.pop() } else { None }
}

/// Of a frame of HTTP/2, by its header.
fn payload_bytes(header: &[u8]) -> usize {
    usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2])
}

/// Follows the frames of HTTP/2, to corrupt their headers.
#[derive(Default)]
struct Frames {
    header: Vec<u8>,
    /// Bytes of the frame's payload that are still to come.
    payload: usize,
    corrupt_next: Option<u64>,
}

impl Frames {
    fn pass(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            if self.payload > 0 {
                let passed = self.payload.min(bytes.len() - at);
                self.payload -= passed;
                at += passed;
                continue;
            }
            let byte = bytes[at];
            let place = self.header.len();
            self.header.push(byte);
            // The length's first byte: longer than is allowed. The stream's last: one that was never opened.
            if let Some(seed) = self.corrupt_next
                && place == if seed % 2 == 0 { 0 } else { 8 }
            {
                bytes[at] ^= 0x40;
                self.corrupt_next = None;
            }
            at += 1;
            if self.header.len() == 9 {
                self.payload = payload_bytes(&self.header);
                self.header.clear();
            }
        }
    }
}
