//! What a server gives before it refuses, or closes a connection.

use crate::fixture::soon;
use crate::support::data_set;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{HandshakeRequest, Ticket};
use futures::{FutureExt, StreamExt, stream};
use saasgen::error::Result;
use saasgen::flight::server::{Access, Activity, Limits, Server};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A time that a limit allows: long enough for a machine with other work, short enough to wait for.
const SHORT: Duration = Duration::from_millis(500);

/// What every client of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame of no settings.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server of more rows than anybody reads.
struct Limited {
    address: SocketAddr,
    activity: Arc<Activity>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
}

impl Limited {
    async fn start(limits: Limits, access: Access) -> Self {
        let server = Server::bind("127.0.0.1:0", data_set(42, 1_000_000_000_000)).await.unwrap();
        let server = server.with_limits(limits).with_access(Arc::new(access)).unwrap();
        let (address, activity) = (server.local_addr().unwrap(), server.activity());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { address, activity, stop, served }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> FlightServiceClient<Channel> {
        FlightServiceClient::new(self.channel().await)
    }

    /// A connection that says `begin` and no more: `true` once the server has closed it.
    async fn closes(&self, begin: &[u8]) -> bool {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(begin).await.unwrap();
        let mut answer = Vec::new();
        // An end or a reset: both are the server's doing.
        let _ = soon(connection.read_to_end(&mut answer)).await;
        true
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

fn ticket(text: &str) -> Ticket {
    Ticket::new(text.as_bytes().to_vec())
}

fn is_refused_by(status: &Status, limit: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains(limit), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_told_why() {
    let server = Limited::start(Limits { connections: 1, ..Limits::default() }, Access::default()).await;
    let mut first = server.client().await;
    first.do_get(ticket("customers?last_id=1")).await.unwrap();
    let mut second = server.client().await;
    let refused = second.do_get(ticket("customers?last_id=1")).await.unwrap_err();
    is_refused_by(&refused, "--max-connections");
    drop(first);
    // The place is free once the server has seen the first one leave.
    soon(async { while server.client().await.do_get(ticket("customers?last_id=1")).await.is_err() {} }).await;
    drop(second);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_begin_or_call_is_dropped() {
    // A frame of headers that says it has 100 bytes, and has three.
    const HEADERS: &[u8] = &[0, 0, 100, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84];
    let limits = Limits { handshake: SHORT, idle: SHORT, ..Limits::default() };
    let server = Limited::start(limits, Access::default()).await;
    for begin in [&[][..], &PREFACE[..10], &[PREFACE, SETTINGS].concat(), &[PREFACE, SETTINGS, HEADERS].concat()] {
        assert!(server.closes(begin).await);
    }
    server.stop().await;

    // Where there is time enough, nobody is.
    let server = Limited::start(Limits::default(), Access::default()).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut answer = Vec::new();
    let waited = tokio::time::timeout(3 * SHORT, connection.read_to_end(&mut answer)).await;
    assert!(waited.is_err() && !answer.is_empty());
    drop(connection);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_byte_by_byte_is_dropped() {
    // Headers of 16 kB, of which a byte comes at a time: none of the pauses is long.
    const HEADERS: &[u8] = &[0, 64, 0, 1, 4, 0, 0, 0, 1];
    let limits = Limits { handshake: SHORT, idle: SHORT, ..Limits::default() };
    let server = Limited::start(limits, Access::default()).await;
    for begin in [&[][..], &[PREFACE, SETTINGS, HEADERS].concat()] {
        let (mut from, mut to) = TcpStream::connect(server.address).await.unwrap().into_split();
        to.write_all(begin).await.unwrap();
        let rest: &[u8] = if begin.is_empty() { PREFACE } else { &[0x83; 1 << 14] };
        let mut answer = Vec::new();
        let closed = tokio::spawn(async move { from.read_to_end(&mut answer).await });
        let mut sent = 0;
        for byte in rest {
            if closed.is_finished() || to.write_all(&[*byte]).await.is_err() {
                break;
            }
            sent += 1;
            tokio::time::sleep(SHORT / 10).await;
        }
        let _ = soon(closed).await.unwrap();
        // At a twentieth of a second each; pings would find it out after 1,600.
        assert!(sent > 1 && sent < rest.len().min(400), "{sent} bytes were taken");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_no_sign_of_life_is_dropped() {
    let limits = Limits { keepalive: SHORT, keepalive_answer: SHORT, ..Limits::default() };
    let server = Limited::start(limits, Access::default()).await;
    let mut alive = server.client().await.do_get(ticket("usage_daily")).await.unwrap().into_inner();
    soon(alive.message()).await.unwrap().unwrap();

    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut answer = Vec::new();
    soon(silent.read_to_end(&mut answer)).await.unwrap();
    let (mut frames, mut rest) = (Vec::new(), &answer[..]);
    while let [a, b, c, kind, _, _, _, _, _, after @ ..] = rest {
        frames.push(*kind);
        rest = &after[u32::from_be_bytes([0, *a, *b, *c]) as usize..];
    }
    const PING: u8 = 6;
    assert!(frames.contains(&PING), "{frames:?}");

    // A client that answers by itself has been asked in the meantime, and reads on.
    soon(alive.message()).await.unwrap().unwrap();
    drop(alive);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_end_is_given_up() {
    let server = Limited::start(Limits { handshake: SHORT, ..Limits::default() }, Access::default()).await;
    let mut client = server.client().await;
    let mut answers = client.handshake(stream::pending::<HandshakeRequest>()).await.unwrap().into_inner();
    let refused = soon(answers.message()).await.unwrap_err();
    assert!(refused.message().contains("--handshake-timeout"), "{refused}");
    drop((answers, client));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_is_dropped_and_a_slow_one_is_not() {
    let server = Limited::start(Limits { stall: 2 * SHORT, ..Limits::default() }, Access::default()).await;
    let mut open = server.activity.open_streams();
    let (mut slow, mut never) = (server.client().await, server.client().await);
    let mut slow = slow.do_get(ticket("usage_daily")).await.unwrap().into_inner();
    let unread = never.do_get(ticket("usage_daily")).await.unwrap();
    let mut health = HealthClient::new(server.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    soon(watch.message()).await.unwrap().unwrap();
    soon(open.wait_for(|&open| open == 2)).await.unwrap();
    let mut batches = 0;
    while *open.borrow() == 2 || batches < 10 {
        soon(slow.message()).await.unwrap().unwrap();
        batches += 1;
        tokio::time::sleep(SHORT / 5).await;
        assert!(batches < 600, "the one that never reads is not dropped");
    }
    assert_eq!(*open.borrow(), 1);
    assert!(watch.next().now_or_never().is_none(), "whom the server has nothing to say waits on");
    assert!(unread.into_inner().collect::<Vec<_>>().await.iter().any(std::result::Result::is_err));
    drop((slow, watch, health));
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_requests_have_their_size() {
    let server = Limited::start(Limits { request_bytes: 2_000, ..Limits::default() }, Access::default()).await;
    let mut client = server.client().await;
    let mut request = Request::new(ticket("customers?last_id=1"));
    request.metadata_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
    is_refused_by(&client.do_get(request).await.unwrap_err(), "--max-header-bytes allows 16384");
    let long = ticket(&format!("customers?columns={}", "x".repeat(2_000)));
    is_refused_by(&client.do_get(long).await.unwrap_err(), "--max-request-bytes allows 2000");
    client.do_get(ticket("customers?last_id=1")).await.unwrap();
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_has_its_streams() {
    let folder = tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "ann:0123456789abcdef\nbob:fedcba9876543210\nann:another-of-ann-01").unwrap();
    fs::set_permissions(&tokens, Permissions::from_mode(0o600)).unwrap();
    let access = Access::new(None, Some(tokens)).unwrap();
    let server = Limited::start(Limits { streams_of_name: 1, streams: 3, ..Limits::default() }, access).await;
    let mut client = server.client().await;
    let request = |token: &str| {
        let mut request = Request::new(ticket("usage_daily"));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    let of_ann = client.do_get(request("0123456789abcdef")).await.unwrap();
    let second = client.do_get(request("another-of-ann-01")).await.unwrap_err();
    is_refused_by(&second, "1 streams of ann are open, as many as --max-streams-per-name allows");
    let of_bob = client.do_get(request("fedcba9876543210")).await.unwrap();
    drop(of_ann);
    soon(server.activity.open_streams().wait_for(|&open| open == 1)).await.unwrap();
    let again = client.do_get(request("another-of-ann-01")).await.unwrap();
    drop((of_bob, again, client));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_ends_its_streams_well() {
    let limits = Limits { age: SHORT, handshake: SHORT, ..Limits::default() };
    let server = Limited::start(limits, Access::default()).await;
    let mut client = server.client().await;
    let mut stream = client.do_get(ticket("usage_daily?last_id=40000")).await.unwrap().into_inner();
    let mut messages = 0;
    while let Some(message) = soon(stream.message()).await.unwrap() {
        messages += usize::from(!message.data_body.is_empty());
        tokio::time::sleep(SHORT / 10).await;
    }
    assert_eq!(messages, 40, "the stream outlives the age of its connection");
    client.do_get(ticket("customers?last_id=1")).await.unwrap();
    drop(client);
    server.stop().await;
}
