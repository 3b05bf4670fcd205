//! What gRPC asks of a server on the wire: methods and content types, compressed requests, and deadlines.

use crate::fixture::{Fixture, soon};
use crate::raw_client::{Answer, RawClient, body, framed, gzipped};
use crate::support::data_set;
use arrow_flight::{Action, FlightDescriptor, HandshakeRequest, Ticket};
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message;
use saasgen::flight::server::Limits;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;

const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";
const DO_ACTION: &str = "/arrow.flight.protocol.FlightService/DoAction";
const GET_FLIGHT_INFO: &str = "/arrow.flight.protocol.FlightService/GetFlightInfo";
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const WATCH_HEALTH: &str = "/grpc.health.v1.Health/Watch";

const GZIP: [(&str, &str); 1] = [("grpc-encoding", "gzip")];

fn ticket(text: &str) -> Vec<u8> {
    Ticket::new(text.to_string()).encode_to_vec()
}

/// A small request of each kind of call.
fn requests() -> [(&'static str, Vec<u8>); 5] {
    [
        (DO_GET, ticket("customers?last_id=3")),
        (DO_ACTION, Action::new("Describe", "").encode_to_vec()),
        (GET_FLIGHT_INFO, FlightDescriptor::new_cmd("customers").encode_to_vec()),
        (HANDSHAKE, HandshakeRequest { protocol_version: 1, payload: "any".into() }.encode_to_vec()),
        (HEALTH, HealthCheckRequest::default().encode_to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_content_types_are_refused_with_their_http_status() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = RawClient::connect(server.address).await;
    for (path, request) in requests() {
        for (method, kind, status) in [
            (Method::POST, Some("application/grpc"), 200),
            (Method::POST, Some("application/grpc+proto"), 200),
            (Method::POST, Some("application/grpc; charset=utf-8"), 200),
            (Method::POST, Some("application/json"), 415),
            (Method::POST, Some("application/grpc-web"), 415),
            (Method::POST, Some("application/grpc+json"), 415),
            (Method::POST, None, 415),
            (Method::GET, Some("application/grpc"), 405),
            (Method::PUT, Some("application/grpc"), 405),
            (Method::GET, None, 405),
        ] {
            let headers: Vec<_> = kind.into_iter().map(|kind| ("content-type", kind)).collect();
            let answer = client.send(method.clone(), path, &headers, body(framed(0, &request))).await;
            assert_eq!(answer.status(), status, "{method} {path} {kind:?}");
            assert_eq!(answer.headers().get("allow").is_some_and(|allow| allow == "POST"), status == 405);
            let answer = Answer::of(answer).await;
            let code = if status == 200 { Code::Ok } else { Code::Unimplemented };
            assert_eq!(answer.status.code(), code, "{method} {path} {kind:?}: {}", answer.status);
            assert!(status == 200 || answer.status.message().contains("must be a POST"), "{}", answer.status);
        }
    }
    let refused = "saasgen_refusals_total{cause=\"unsupported\"} 35\n";
    assert!(server.activity.to_open_metrics().unwrap().contains(refused), "each refusal is counted");
    drop(client);
    server.stop().await;
}

/// curl loses an answer that comes before it has sent its request.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_http_status_comes_after_the_request() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = RawClient::connect(server.address).await;
    let (frames, body) = futures::channel::mpsc::unbounded();
    let send =
        |bytes: &'static [u8]| frames.unbounded_send(Ok::<_, Status>(Frame::data(Bytes::from_static(bytes)))).unwrap();
    send(b"{");
    {
        let mut answer = pin!(client.send(Method::PUT, DO_GET, &[], Body::new(StreamBody::new(body))));
        assert!(timeout(Duration::from_millis(300), &mut answer).await.is_err(), "an answer to half a request");
        send(b"}");
        frames.close_channel();
        assert_eq!(answer.await.status(), 405);
    }
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_is_refused_by_name() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = RawClient::connect(server.address).await;
    let long = format!("/a/{}", "x".repeat(1_000));
    for (path, named) in [
        ("/arrow.flight.protocol.FlightService/DoNothing", "\"DoNothing\""),
        ("/arrow.flight.protocol.Flight/DoGet", "\"/arrow.flight.protocol.Flight/DoGet\""),
        ("/grpc.health.v1.Health/List2", "\"/grpc.health.v1.Health/List2\""),
        ("/", "\"/\""),
        (long.as_str(), "\"/a/xxx"),
    ] {
        let refused = client.call(path, &[], body(framed(0, b""))).await.status;
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
        assert!(refused.message().contains(named) && refused.message().len() < 300, "{path}: {refused}");
    }
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_compressed_with_gzip_are_read() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = RawClient::connect(server.address).await;
    for (path, request) in requests() {
        let plain = client.call(path, &[], body(framed(0, &request))).await;
        assert_eq!(plain.status.code(), Code::Ok, "{path}: {}", plain.status);
        assert_eq!(plain.headers["grpc-accept-encoding"], "identity,gzip");
        // A message that is not compressed may follow that header, too.
        for request in [gzipped(&request), framed(0, &request)] {
            let answer = client.call(path, &GZIP, body(request)).await;
            assert_eq!((answer.status.code(), &answer.body), (Code::Ok, &plain.body), "{path}: {}", answer.status);
        }
        let refused = client.call(path, &[("grpc-encoding", "zstd")], body(framed(1, &request))).await;
        assert_eq!(refused.status.code(), Code::Unimplemented, "{path}");
        assert!(refused.status.message().contains("\"zstd\""), "{}", refused.status);
        assert_eq!(refused.headers["grpc-accept-encoding"], "identity,gzip");
    }
    // Each part of a request may come in a piece of its own.
    let pieces: Vec<_> = gzipped(&ticket("customers?last_id=3")).chunks(1).map(<[u8]>::to_vec).collect();
    let pieces = pieces.into_iter().map(|piece| Ok::<_, Status>(http_body::Frame::data(bytes::Bytes::from(piece))));
    let pieces = Body::new(StreamBody::new(futures::stream::iter(pieces)));
    assert_eq!(client.call(DO_GET, &GZIP, pieces).await.status.code(), Code::Ok);
    for (wrong, part) in [
        (framed(1, b"not gzip"), "not valid gzip"),
        (gzipped(&ticket("customers"))[..3].to_vec(), "ends within a gRPC message"),
        (gzipped(&ticket("customers"))[..5].to_vec(), "ends within a gRPC message"),
        (gzipped(&ticket("customers"))[..20].to_vec(), "ends within a gRPC message"),
        (gzipped(b"customers"), "can't be decoded"),
    ] {
        let refused = client.call(DO_GET, &GZIP, body(wrong)).await;
        assert_eq!(refused.status.code(), Code::InvalidArgument, "{part}");
        assert!(refused.status.message().contains(part), "{}", refused.status);
    }
    let refused = client.call(DO_GET, &[], body(gzipped(&ticket("customers")))).await;
    assert!(refused.status.message().contains("grpc-encoding"), "{}", refused.status);
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_requests_hold_before_and_after_decompression() {
    let limits = Limits { request_bytes: 2_000, action_bytes: 3_000, ..Limits::default() };
    let server = Fixture::with_limits(data_set(42, 10), limits).await;
    let mut client = RawClient::connect(server.address).await;
    let names = [(DO_GET, "--max-request-bytes allows 2000"), (DO_ACTION, "--max-action-bytes allows 3000")];
    for (path, limit) in [names[0], names[1], (HANDSHAKE, names[0].1), (HEALTH, names[0].1)] {
        for request in [framed(1, &fastrand_bytes(4_000)), gzipped(&vec![0; 4_000]), gzipped(&vec![0; 10_000_000])] {
            let refused = client.call(path, &GZIP, body(request)).await;
            let message = refused.status.message();
            // Handshake passes the message on with a code of its own.
            assert!(message.contains(limit), "{path}: {}", refused.status);
        }
    }
    let longest = format!("customers?columns={}", ",customer_id".repeat(1_000))[..1_996].to_string();
    let fits = client.call(DO_GET, &GZIP, body(gzipped(&ticket(&longest)))).await;
    assert_eq!(fits.status.code(), Code::InvalidArgument, "{}", fits.status);
    drop(client);
    server.stop().await;
}

fn fastrand_bytes(count: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(count).collect()
}

/// The clients of gRPC end a late call themselves, so this one does not know of deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_ends_at_its_deadline() {
    let server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut client = RawClient::connect(server.address).await;
    let endless =
        || Body::new(StreamBody::new(futures::stream::pending::<Result<http_body::Frame<bytes::Bytes>, Status>>()));
    let watch = HealthCheckRequest::default().encode_to_vec();
    for (path, request) in [
        // A stream that is read, one that waits for an event, and calls whose request does not end.
        (DO_GET, body(framed(0, &ticket("usage_daily")))),
        (WATCH_HEALTH, body(framed(0, &watch))),
        (HANDSHAKE, endless()),
        (GET_FLIGHT_INFO, endless()),
        (HEALTH, endless()),
    ] {
        let start = Instant::now();
        let answer = soon(client.call(path, &[("grpc-timeout", "300m")], request)).await;
        assert_eq!(answer.status.code(), Code::DeadlineExceeded, "{path}: {}", answer.status);
        assert!(answer.status.message().contains("grpc-timeout"), "{path}: {}", answer.status);
        assert!(start.elapsed() >= Duration::from_millis(290), "{path}: {:?}", start.elapsed());
    }
    for timeout in ["1S", "200000u", "99999999n", "1u", "0m"] {
        let answer =
            soon(client.call(DO_GET, &[("grpc-timeout", timeout)], body(framed(0, &ticket("usage_daily"))))).await;
        assert_eq!(answer.status.code(), Code::DeadlineExceeded, "{timeout}: {}", answer.status);
    }
    // A call that is over in time is not disturbed.
    for timeout in ["99999999H", "1M", "100S", "99999999u"] {
        let answer =
            client.call(DO_GET, &[("grpc-timeout", timeout)], body(framed(0, &ticket("customers?last_id=9")))).await;
        assert_eq!(answer.status.code(), Code::Ok, "{timeout}: {}", answer.status);
    }
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_for_its_reader_ends_at_its_deadline_with_its_generators() {
    let server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut open = server.activity.open_streams();
    let mut client = RawClient::connect(server.address).await;
    let headers = [("content-type", "application/grpc"), ("grpc-timeout", "500m")];
    let answer = client.send(Method::POST, DO_GET, &headers, body(framed(0, &ticket("usage_daily")))).await;
    soon(open.wait_for(|&open| open == 1)).await.unwrap();
    // Nobody reads the answer.
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    let blocks = server.activity.blocks();
    let metrics = server.activity.to_open_metrics().unwrap();
    assert!(metrics.contains("saasgen_blocks_held 0"), "{metrics}");
    // The client can still read the frames that were sent before, and then the status.
    let answer = soon(Answer::of(answer)).await;
    assert!(!answer.body.is_empty());
    assert_eq!(answer.status.code(), Code::DeadlineExceeded, "{}", answer.status);
    assert_eq!(server.activity.blocks(), blocks, "no block is generated after the deadline");
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_timeout_is_refused() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = RawClient::connect(server.address).await;
    for timeout in ["", "soon", "5", "S", "-1S", "+5S", "0.001S", "1 S", "1s", "000000000S", "\u{e4}S"] {
        for (path, request) in requests() {
            let refused = client.call(path, &[("grpc-timeout", timeout)], body(framed(0, &request))).await.status;
            assert_eq!(refused.code(), Code::InvalidArgument, "{path} {timeout:?}: {refused}");
            let parts = [&*format!("grpc-timeout is {timeout:?}"), "1 to 8 digits and a unit"];
            assert!(parts.iter().all(|part| refused.message().contains(part)), "{path}: {refused}");
        }
    }
    drop(client);
    server.stop().await;
}
