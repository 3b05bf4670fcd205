//! The limits of a server. Over a limit, it refuses a call or closes the connection.

use crate::fixture::soon;
use crate::support::data_set;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, HandshakeRequest, Ticket};
use futures::{FutureExt, StreamExt, stream};
use saasgen::error::Result;
use saasgen::flight::server::{Access, Activity, Limits, Server, TlsFiles};
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

/// The value of a timeout under test: long enough for a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(500);

/// The first bytes of every HTTP/2 client.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of a frame that asks whether the client is there.
const PING: u8 = 6;
/// An empty frame of settings.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server of 10^12 customers.
struct LimitedServer {
    address: SocketAddr,
    activity: Arc<Activity>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
}

impl LimitedServer {
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

    /// Opens a connection, sends `first_bytes` and nothing else, and waits until the server closes it.
    async fn wait_for_close(&self, first_bytes: &[u8]) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(first_bytes).await.unwrap();
        let mut answer = Vec::new();
        // The server may end the connection or reset it.
        let _ = soon(connection.read_to_end(&mut answer)).await;
    }

    /// Opens a connection of HTTP/2 that makes no call, and reads until the server has sent a frame of type `kind`. Returns
    /// what it sent.
    async fn read_until(&self, kind: u8) -> Vec<u8> {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
        let mut sent = Vec::new();
        while !frames(&sent).iter().any(|frame| frame.0 == kind) {
            assert!(soon(connection.read_buf(&mut sent)).await.unwrap() > 0, "the server closed the connection");
        }
        sent
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

/// Returns the type, the stream and the payload of each whole frame of HTTP/2 in `bytes`.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u32, &[u8])> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, _, s, t, u, v, rest @ ..] = bytes {
        let Some((payload, after)) = rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize) else { break };
        frames.push((*kind, u32::from_be_bytes([*s, *t, *u, *v]), payload));
        bytes = after;
    }
    frames
}

fn ticket(text: &str) -> Ticket {
    Ticket::new(text.as_bytes().to_vec())
}

fn assert_refused(status: &Status, message: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains(message), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_on_connections_beyond_the_limit_are_refused() {
    let server = LimitedServer::start(Limits { connections: 1, ..Limits::default() }, Access::default()).await;
    let mut first = server.client().await;
    first.do_get(ticket("customers?last_id=1")).await.unwrap();
    let mut second = server.client().await;
    let refused = second.do_get(ticket("customers?last_id=1")).await.unwrap_err();
    assert_refused(&refused, "--max-connections");
    drop(first);
    // The server accepts another connection once it has seen the first one close.
    soon(async { while server.client().await.do_get(ticket("customers?last_id=1")).await.is_err() {} }).await;
    drop(second);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_preface_or_a_call_are_closed() {
    // A frame of headers with a length of 100 bytes, and only three of them.
    const HEADERS: &[u8] = &[0, 0, 100, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84];
    let limits = Limits { handshake: SHORT, idle: SHORT, ..Limits::default() };
    let server = LimitedServer::start(limits, Access::default()).await;
    for first_bytes in [&[][..], &PREFACE[..10], &[PREFACE, SETTINGS].concat(), &[PREFACE, SETTINGS, HEADERS].concat()]
    {
        server.wait_for_close(first_bytes).await;
    }
    server.stop().await;

    // With the default timeouts, the connection stays open.
    let server = LimitedServer::start(Limits::default(), Access::default()).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut answer = Vec::new();
    let waited = tokio::time::timeout(3 * SHORT, connection.read_to_end(&mut answer)).await;
    assert!(waited.is_err() && !answer.is_empty());
    drop(connection);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_byte_by_byte_are_closed() {
    // The first bytes of a frame with 16 KiB of headers. The rest comes byte by byte, with short pauses.
    const HEADERS: &[u8] = &[0, 64, 0, 1, 4, 0, 0, 0, 1];
    let limits = Limits { handshake: SHORT, idle: SHORT, ..Limits::default() };
    let server = LimitedServer::start(limits, Access::default()).await;
    for first_bytes in [&[][..], &[PREFACE, SETTINGS, HEADERS].concat()] {
        let (mut from, mut to) = TcpStream::connect(server.address).await.unwrap().into_split();
        to.write_all(first_bytes).await.unwrap();
        let rest: &[u8] = if first_bytes.is_empty() { PREFACE } else { &[0x83; 1 << 14] };
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
        // A byte takes a twentieth of a second. Keepalive would close the connection only after 1,600 bytes.
        assert!(sent > 1 && sent < rest.len().min(400), "the server read {sent} bytes");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_do_not_answer_pings_are_closed() {
    let limits = Limits { keepalive: SHORT, keepalive_answer: SHORT, ..Limits::default() };
    let server = LimitedServer::start(limits, Access::default()).await;
    let mut alive = server.client().await.do_get(ticket("usage_daily")).await.unwrap().into_inner();
    soon(alive.message()).await.unwrap().unwrap();

    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut answer = Vec::new();
    soon(silent.read_to_end(&mut answer)).await.unwrap();
    assert!(frames(&answer).iter().any(|(kind, ..)| *kind == PING), "{answer:?}");

    // The other client has answered pings in the meantime, and still reads.
    soon(alive.message()).await.unwrap().unwrap();
    drop(alive);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_end_is_refused() {
    let server = LimitedServer::start(Limits { handshake: SHORT, ..Limits::default() }, Access::default()).await;
    let mut client = server.client().await;
    let mut answers = client.handshake(stream::pending::<HandshakeRequest>()).await.unwrap().into_inner();
    let refused = soon(answers.message()).await.unwrap_err();
    assert!(refused.message().contains("--handshake-timeout"), "{refused}");
    drop((answers, client));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stall_timeout_closes_an_unread_stream_but_not_a_slow_one() {
    let server = LimitedServer::start(Limits { stall: 2 * SHORT, ..Limits::default() }, Access::default()).await;
    let mut open = server.activity.open_streams();
    let (mut slow, mut stalled) = (server.client().await, server.client().await);
    let mut slow = slow.do_get(ticket("usage_daily")).await.unwrap().into_inner();
    let unread = stalled.do_get(ticket("usage_daily")).await.unwrap();
    let mut health = HealthClient::new(server.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    soon(watch.message()).await.unwrap().unwrap();
    soon(open.wait_for(|&open| open == 2)).await.unwrap();
    let mut batches = 0;
    while *open.borrow() == 2 || batches < 10 {
        soon(slow.message()).await.unwrap().unwrap();
        batches += 1;
        tokio::time::sleep(SHORT / 5).await;
        assert!(batches < 600, "the unread stream is still open");
    }
    assert_eq!(*open.borrow(), 1);
    assert!(watch.next().now_or_never().is_none(), "a watch of health has nothing to read and stays open");
    assert!(unread.into_inner().collect::<Vec<_>>().await.iter().any(std::result::Result::is_err));
    drop((slow, watch, health));
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_requests_beyond_their_limits_are_refused() {
    let server = LimitedServer::start(
        Limits { request_bytes: 2_000, action_bytes: 3_000, ..Limits::default() },
        Access::default(),
    )
    .await;
    let mut client = server.client().await;
    let mut request = Request::new(ticket("customers?last_id=1"));
    request.metadata_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
    assert_refused(&client.do_get(request).await.unwrap_err(), "--max-header-bytes allows 16384");
    let long = ticket(&format!("customers?columns={}", "x".repeat(2_000)));
    assert_refused(&client.do_get(long).await.unwrap_err(), "--max-request-bytes allows 2000");
    let action = |bytes: usize| Action::new("CancelFlightInfo", vec![0xff; bytes]);
    assert_refused(&client.do_action(action(4_000)).await.unwrap_err(), "--max-action-bytes allows 3000");
    assert_eq!(client.do_action(action(2_500)).await.unwrap_err().code(), Code::InvalidArgument);
    client.do_get(ticket("customers?last_id=1")).await.unwrap();
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_has_its_own_limit_of_streams() {
    let folder = tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "ann:0123456789abcdef\nbob:fedcba9876543210\nann:another-of-ann-01").unwrap();
    fs::set_permissions(&tokens, Permissions::from_mode(0o600)).unwrap();
    let access = Access::new(None, Some(tokens)).unwrap();
    let server = LimitedServer::start(Limits { streams_of_name: 1, streams: 3, ..Limits::default() }, access).await;
    let mut client = server.client().await;
    let request = |token: &str| {
        let mut request = Request::new(ticket("usage_daily"));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    let of_ann = client.do_get(request("0123456789abcdef")).await.unwrap();
    let second = client.do_get(request("another-of-ann-01")).await.unwrap_err();
    assert_refused(&second, "1 streams of ann are open; --max-streams-per-name allows no more");
    let of_bob = client.do_get(request("fedcba9876543210")).await.unwrap();
    drop(of_ann);
    soon(server.activity.open_streams().wait_for(|&open| open == 1)).await.unwrap();
    let again = client.do_get(request("another-of-ann-01")).await.unwrap();
    drop((of_bob, again, client));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlives_the_age_limit_of_its_connection() {
    let limits = Limits { age: SHORT, handshake: SHORT, ..Limits::default() };
    let server = LimitedServer::start(limits, Access::default()).await;
    let mut client = server.client().await;
    let mut stream = client.do_get(ticket("usage_daily?last_id=40000")).await.unwrap().into_inner();
    let mut messages = 0;
    while let Some(message) = soon(stream.message()).await.unwrap() {
        messages += usize::from(!message.data_body.is_empty());
        tokio::time::sleep(SHORT / 10).await;
    }
    assert_eq!(messages, 40, "the stream is complete");
    client.do_get(ticket("customers?last_id=1")).await.unwrap();
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_at_its_age_limit_is_told_to_open_a_new_one() {
    const GO_AWAY: u8 = 7;
    let server = LimitedServer::start(Limits { age: SHORT, ..Limits::default() }, Access::default()).await;
    let sent = server.read_until(GO_AWAY).await;
    // The last four bytes of GOAWAY are its reason: 0 is no error.
    let reasons: Vec<_> =
        frames(&sent).into_iter().filter(|(kind, ..)| *kind == GO_AWAY).map(|(.., of)| &of[4..8]).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| *reason == [0; 4]), "{reasons:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_delays_calls_beyond_the_limit_of_its_connection() {
    let server = LimitedServer::start(Limits { calls: 2, ..Limits::default() }, Access::default()).await;
    let client = server.client().await;
    let get = || {
        let mut client = client.clone();
        async move { client.do_get(ticket("usage_daily")).await.unwrap() }
    };
    let open = [soon(get()).await, soon(get()).await];
    let mut third = Box::pin(get());
    assert!(tokio::time::timeout(SHORT, &mut third).await.is_err(), "a third call was answered");
    assert_eq!(*server.activity.open_streams().borrow(), 2);
    drop(open);
    soon(third).await;
    drop(client);
    server.stop().await;
}

/// A client may send so many bytes of requests before the server has read them: in all calls of a connection, and in each.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_holds_at_most_64_kib_of_unread_requests() {
    const SETTINGS_FRAME: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
    /// The window of a connection before its first update (RFC 9113, 6.9.2).
    const DEFAULT_WINDOW: u32 = 65_535;
    let server = LimitedServer::start(Limits { keepalive: SHORT, ..Limits::default() }, Access::default()).await;
    let sent = server.read_until(PING).await;
    let (mut of_call, mut of_connection) = (None, DEFAULT_WINDOW);
    for (kind, stream, payload) in frames(&sent) {
        if kind == SETTINGS_FRAME {
            for setting in payload.chunks(6) {
                let (name, value) = setting.split_at(2);
                if name == INITIAL_WINDOW_SIZE {
                    of_call = Some(u32::from_be_bytes(value.try_into().unwrap()));
                }
            }
        } else if kind == WINDOW_UPDATE && stream == 0 {
            of_connection += u32::from_be_bytes(payload.try_into().unwrap());
        }
    }
    // An update of one byte is not worth sending.
    assert_eq!((of_call, of_connection.div_ceil(64 << 10)), (Some(64 << 10), 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_handshake_that_does_not_end_is_closed() {
    let folder = tempdir().unwrap();
    crate::access::write_credentials(folder.path());
    let file = |name: &str| folder.path().join(name);
    let tls = TlsFiles { certificate: file("server.pem"), key: file("server.key"), client_ca: None };
    let access = Access::new(Some(tls), None).unwrap();
    let server = LimitedServer::start(Limits { handshake: SHORT, ..Limits::default() }, access).await;
    // The first bytes of a handshake record of 512 bytes.
    for first_bytes in [&[][..], &[0x16, 3, 1, 2, 0, 1]] {
        server.wait_for_close(first_bytes).await;
    }
    server.stop().await;
}
