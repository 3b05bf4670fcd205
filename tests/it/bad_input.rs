//! Arbitrary bytes as tickets, commands, paths, criteria and bodies of actions.
//!
//! The server refuses each with one of the [`ALLOWED`] codes, and goes on. A refusal costs less than 10 ms of processor
//! time and 1 MiB of memory. The server has its own thread, whose time and allocations are measured.

use crate::raw_client::{Answer, body, gzipped};
use crate::support::data_set;
use arrow_flight::FlightDescriptor;
use cpu_time::ThreadTime;
use http::uri::PathAndQuery;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost::Message;
use saasgen::flight::server::{Limits, Server};
use std::cell::Cell;
use std::future::poll_fn;
use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, thread};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// The processor time and the memory that one request may cost.
const MAX_TIME: Duration = Duration::from_millis(10);
const MAX_BYTES: u64 = 1 << 20;

/// A FlightDescriptor whose path may be any bytes.
#[derive(Clone, PartialEq, Message)]
struct RawDescriptor {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(bytes, tag = "2")]
    command: Vec<u8>,
    #[prost(bytes, repeated, tag = "3")]
    path: Vec<Vec<u8>>,
}

/// An Action, a Ticket or a Criteria, whose first field may be any bytes.
#[derive(Clone, PartialEq, Message)]
struct RawMessage {
    #[prost(bytes, tag = "1")]
    first: Vec<u8>,
    #[prost(bytes, tag = "2")]
    body: Vec<u8>,
}

/// A call and its request.
#[derive(Clone)]
enum Input {
    Descriptor(&'static str, RawDescriptor),
    Other(&'static str, RawMessage),
}

impl Input {
    fn method(&self) -> &'static str {
        match self {
            Self::Descriptor(method, _) | Self::Other(method, _) => method,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Descriptor(_, message) => message.encode_to_vec(),
            Self::Other(_, message) => message.encode_to_vec(),
        }
    }
}

impl fmt::Debug for Input {
    /// Shows the first bytes. An input has up to a million.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        write!(f, "{} with {} bytes, {:?}…", self.method(), bytes.len(), &bytes[..bytes.len().min(200)])
    }
}

const ACTIONS: [&str; 8] = [
    "Describe",
    "CancelFlightInfo",
    "endpoints",
    "list_schemas",
    "catalog_version",
    "create_transaction",
    "flight_info",
    "column_statistics",
];

/// Valid requests, which the test corrupts.
fn valid_requests() -> Vec<Vec<u8>> {
    let descriptor = FlightDescriptor::new_cmd("usage_daily?from=2024-01-01").encode_to_vec();
    let text = |bytes: &[u8]| [&[0xd9, bytes.len() as u8][..], bytes].concat();
    let key = |name: &str| [&[0xa0 | name.len() as u8][..], name.as_bytes()].concat();
    let filters = br#"{"filters":[{"type":"COMPARE_EQUAL","children":[]}],"column_binding_names_by_index":["a"]}"#;
    let parameters = [
        vec![0x82],
        key("json_filters"),
        text(filters),
        key("column_ids"),
        vec![0x92, 0, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255],
    ];
    vec![
        b"customers".to_vec(),
        b"usage_daily?customers=1000&seed=7&first_id=2&last_id=9&from=2024-01-01&columns=date,sessions\
          &strings=dictionary"
            .to_vec(),
        b"billing?partitions=7&compression=zstd".to_vec(),
        saasgen::scan::ScanRequest::from_text("support?first_id=3&columns=category").unwrap().encode_to_vec(),
        [vec![0x81], key("catalog_name"), key("saas")].concat(),
        [vec![0x82], key("descriptor"), text(&descriptor), key("parameters"), parameters.concat()].concat(),
        [
            vec![0x83],
            key("flight_descriptor"),
            text(&descriptor),
            key("column_name"),
            key("date"),
            key("type"),
            key("DATE"),
        ]
        .concat(),
    ]
}

/// Corrupted requests, random bytes, random text, and long inputs.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let corrupted = (
        prop::sample::select(valid_requests()),
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    let corrupted = corrupted.prop_map(|(mut bytes, edits, end, is_cut)| {
        for (position, byte) in edits {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if is_cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    });
    prop_oneof![
        4 => corrupted,
        2 => vec(any::<u8>(), 0..300),
        1 => "[a-z_]{0,12}\\?([a-z_]{1,10}=[^&]{0,12}&?){0,4}".prop_map(String::into_bytes),
        // A valid request, with more bytes after it.
        1 => (prop::sample::select(valid_requests()), any::<u8>(), 0..1_200_000_usize)
            .prop_map(|(request, byte, length)| [request, vec![byte; length]].concat()),
        // The same byte many times. Some are MessagePack arrays nested in each other.
        1 => (any::<u8>(), 0..1_200_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        // A MessagePack array, map, string or binary whose length is at least 4,278,190,080.
        1 => (prop::sample::select(vec![0xdd_u8, 0xdf, 0xdb, 0xc6]), vec(any::<u8>(), 4..40))
            .prop_map(|(byte, rest)| [vec![byte, 0xff], rest].concat()),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let descriptor = |kind: i32, command: Vec<u8>, path: Vec<Vec<u8>>| RawDescriptor { kind, command, path };
    let method = || prop::sample::select(vec!["GetFlightInfo", "GetSchema", "PollFlightInfo"]);
    let other = |first: Vec<u8>| RawMessage { first, body: Vec::new() };
    prop_oneof![
        bytes().prop_map(move |ticket| Input::Other("DoGet", other(ticket))),
        bytes().prop_map(move |expression| Input::Other("ListFlights", other(expression))),
        (method(), bytes())
            .prop_map(move |(method, command)| Input::Descriptor(method, descriptor(2, command, Vec::new()))),
        (method(), vec(bytes(), 0..3))
            .prop_map(move |(method, path)| Input::Descriptor(method, descriptor(1, Vec::new(), path))),
        (method(), any::<i32>(), bytes())
            .prop_map(move |(method, kind, command)| Input::Descriptor(method, descriptor(kind, command, Vec::new()))),
        (prop::sample::select(&ACTIONS[..]), bytes())
            .prop_map(|(action, body)| Input::Other("DoAction", RawMessage { first: action.into(), body })),
        bytes().prop_map(move |action| Input::Other("DoAction", other(action))),
    ]
}

/// An answer, and the processor time and the memory that the server used for it.
struct Cost {
    status: Status,
    time: Duration,
    bytes: u64,
}

/// A client, and a server on a thread that runs only while it is measured.
struct MeasuredServer {
    runtime: Runtime,
    channel: Channel,
    /// Lets the server run until the sent receiver completes.
    work: mpsc::Sender<oneshot::Receiver<()>>,
    /// The cost of each run.
    costs: mpsc::Receiver<(Duration, u64)>,
}

impl MeasuredServer {
    fn start() -> Self {
        let (address, addresses) = mpsc::channel();
        let (work, orders) = mpsc::channel::<oneshot::Receiver<()>>();
        let (cost, costs) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let server = runtime.block_on(Server::bind("127.0.0.1:0", data_set(42, 1_000))).unwrap();
            address.send(server.local_addr().unwrap()).unwrap();
            runtime.spawn(server.serve(std::future::pending()));
            for mut until in orders {
                let start = ThreadTime::now();
                let allocated = allocation_counter::measure(|| {
                    let _ = runtime.block_on(&mut until);
                });
                cost.send((start.elapsed(), allocated.bytes_max)).unwrap();
            }
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", addresses.recv().unwrap())).unwrap();
        let channel = {
            let (done, until) = oneshot::channel();
            work.send(until).unwrap();
            let channel = runtime.block_on(endpoint.connect()).unwrap();
            done.send(()).unwrap();
            costs.recv().unwrap();
            channel
        };
        Self { runtime, channel, work, costs }
    }

    /// Makes a call, and measures the server meanwhile.
    fn send(&self, input: &Input) -> Cost {
        self.measure(self.call(input))
    }

    /// Measures the server while `call` runs.
    fn measure(&self, call: impl Future<Output = Status>) -> Cost {
        let (done, until) = oneshot::channel();
        self.work.send(until).unwrap();
        let status = self.runtime.block_on(call);
        done.send(()).unwrap();
        let (time, bytes) = self.costs.recv().unwrap();
        Cost { status, time, bytes }
    }

    /// Returns the status of the answer's head, or of its first message.
    async fn call(&self, input: &Input) -> Status {
        let mut client = Grpc::new(self.channel.clone());
        let path = format!("/arrow.flight.protocol.FlightService/{}", input.method());
        let path = PathAndQuery::try_from(path).unwrap();
        client.ready().await.unwrap();
        let answer = match input {
            Input::Descriptor(_, message) => {
                client.server_streaming(Request::new(message.clone()), path, ProstCodec::default()).await
            }
            Input::Other(_, message) => {
                client.server_streaming(Request::new(message.clone()), path, ProstCodec::default()).await
            }
        };
        let first = match answer {
            Ok(answer) => answer.into_inner().message().await,
            Err(status) => return status,
        };
        first.map_or_else(|status| status, |_: Option<RawAnswer>| Status::ok(""))
    }
}

/// A request of 60 KB that is a thousand times as long once it is decompressed.
#[test]
fn a_decompression_bomb_costs_no_more_than_another_request() {
    let server = MeasuredServer::start();
    let bomb = gzipped(&vec![0; 60_000_000]);
    assert!(bomb.len() < Limits::default().request_bytes);
    for (path, option) in [
        ("/arrow.flight.protocol.FlightService/DoGet", "--max-request-bytes"),
        ("/arrow.flight.protocol.FlightService/DoAction", "--max-action-bytes"),
        ("/arrow.flight.protocol.FlightService/Handshake", "--max-request-bytes"),
        ("/grpc.health.v1.Health/Check", "--max-request-bytes"),
    ] {
        let call = || async {
            let mut channel = server.channel.clone();
            poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
            let request = http::Request::post(path).header("content-type", "application/grpc");
            let request = request.header("grpc-encoding", "gzip").body(body(bomb.clone())).unwrap();
            Answer::of(channel.call(request).await.unwrap()).await.status
        };
        // The first call also pays for the first use of some code.
        server.measure(call());
        let Cost { status, time, bytes } = server.measure(call());
        assert!(status.message().contains(option), "{path}: {status}");
        assert!(bytes < MAX_BYTES, "{path}: {bytes} bytes");
        assert!(time < MAX_TIME, "{path}: {time:?}");
    }
}

/// Any answer. Its fields are ignored.
#[derive(Clone, PartialEq, Message)]
struct RawAnswer {}

/// The codes of refusals.
const ALLOWED: [Code; 5] =
    [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::ResourceExhausted, Code::Unimplemented];

#[test]
fn arbitrary_bytes_are_refused_cheaply_with_a_clear_status() {
    let server = MeasuredServer::start();
    let config = Config { cases: 20_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (refused, accepted) = (Cell::new(0_u32), Cell::new(0_u32));
    runner
        .run(&input(), |input| {
            // A page fault, or the first use of some code, adds to the cost of one call. It is repeated twice at most.
            let is_cheap = |cost: &Cost| cost.time < MAX_TIME && cost.bytes < MAX_BYTES;
            let mut cost = server.send(&input);
            for _ in 0..2 {
                if !is_cheap(&cost) {
                    cost = server.send(&input);
                }
            }
            let Cost { status, time, bytes } = cost;
            if status.code() == Code::Ok {
                accepted.set(accepted.get() + 1);
                return Ok(());
            }
            refused.set(refused.get() + 1);
            prop_assert!(bytes < MAX_BYTES, "{bytes} bytes: {status}");
            prop_assert!(time < MAX_TIME, "{time:?}: {status}");
            prop_assert!(ALLOWED.contains(&status.code()), "{status}");
            prop_assert!((15..1_100).contains(&status.message().len()), "{status}");
            prop_assert!(!status.message().contains("internal"), "{status}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let (refused, accepted) = (refused.get(), accepted.get());
    assert!(refused > 10_000 && accepted > 500, "{refused} inputs were refused, {accepted} accepted");
    let valid = Input::Other("DoGet", RawMessage { first: "customers".into(), body: Vec::new() });
    assert_eq!(server.send(&valid).status.code(), Code::Ok, "the server still answers");
}
