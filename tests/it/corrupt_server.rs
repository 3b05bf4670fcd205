//! `pull` resumes a stream that is wrong. If every stream is wrong, it gives up with the fault that it saw, and the folder
//! stays as it was.

use crate::program::{Ran, Serve, contents, run_in, succeed_in};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use saasgen::batches::schema;
use saasgen::models::saas_v1;
use saasgen::scan::{BatchMark, Scan};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use tempfile::{TempDir, tempdir};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

/// Their table has one endpoint and three batches, which end before the customers 32,769, 65,537 and 70,001.
const CUSTOMERS: &str = "70000";

/// Corrupts the messages of a stream: the schema, then the batches.
type Corruption = fn(Vec<FlightData>) -> Vec<FlightData>;

/// A server that passes the answers of another one on, and corrupts its streams.
struct CorruptServer {
    upstream: FlightServiceClient<Channel>,
    corrupt: Corruption,
    /// The number of streams that it corrupts still.
    left: AtomicUsize,
}

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = BoxStream<'static, Result<T, Status>>;

fn unimplemented<T>() -> Answer<T> {
    Err(Status::unimplemented("pull does not make this call"))
}

#[tonic::async_trait]
impl FlightService for CorruptServer {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        self.upstream.clone().get_flight_info(request.into_inner()).await
    }

    async fn do_get(&self, request: Request<Ticket>) -> Answer<Self::DoGetStream> {
        let messages = self.upstream.clone().do_get(request.into_inner()).await?.into_inner();
        let messages = messages.try_collect().await?;
        let is_left = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        let messages = if is_left { (self.corrupt)(messages) } else { messages };
        Ok(Response::new(stream::iter(messages.into_iter().map(Ok)).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<Self::DoActionStream> {
        Ok(Response::new(self.upstream.clone().do_action(request.into_inner()).await?.into_inner().boxed()))
    }

    async fn handshake(&self, _: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        unimplemented()
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        unimplemented()
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Answer<PollInfo> {
        unimplemented()
    }

    async fn get_schema(&self, _: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        unimplemented()
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        unimplemented()
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        unimplemented()
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<Self::ListActionsStream> {
        unimplemented()
    }
}

fn mark(message: &mut FlightData, next_id: u64) {
    message.app_metadata = BatchMark { next_id, ..BatchMark::default() }.encode_to_vec().into();
}

/// Returns the schema of another table.
fn support_schema() -> FlightData {
    let schema = schema(&Scan::whole(&crate::support::data_set(42, 1), saas_v1::SUPPORT));
    SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).into()
}

/// The name of each corruption, the corruption, and a part of the error.
const CORRUPTIONS: [(&str, Corruption, &str); 9] = [
    (
        "a mark below the previous one",
        |mut messages| {
            mark(&mut messages[2], 100);
            messages
        },
        "sent the resume mark 100 after 32769",
    ),
    (
        "a mark equal to the previous one",
        |mut messages| {
            mark(&mut messages[2], 32_769);
            messages
        },
        "sent the resume mark 32769 after 32769",
    ),
    (
        "a mark past the end of the endpoint",
        |mut messages| {
            let last = messages.len() - 1;
            mark(&mut messages[last], 70_002);
            messages
        },
        "sent the resume mark 70002, which is past the endpoint's end at 70001",
    ),
    (
        "a mark before the last row of its batch",
        |mut messages| {
            mark(&mut messages[1], 32_768);
            messages
        },
        "sent the customers 1 to 32768 in a batch that is marked as 1 to 32767",
    ),
    (
        "a repeated batch",
        |mut messages| {
            let mut repeated = messages[1].clone();
            mark(&mut repeated, 40_000);
            messages.insert(2, repeated);
            messages
        },
        "sent the customers 1 to 32768 in a batch that is marked as 32769 to 39999",
    ),
    (
        "batches in the wrong order",
        |mut messages| {
            messages.swap(2, 3);
            mark(&mut messages[2], 65_537);
            mark(&mut messages[3], 70_001);
            messages
        },
        "sent the customers 65537 to 70000 in a batch that is marked as 32769 to 65536",
    ),
    (
        "a mark past its batch, which is noticed only at the next one",
        |mut messages| {
            mark(&mut messages[1], 40_000);
            messages
        },
        "sent the customers 32769 to 65536 in a batch that is marked as 40000 to 65536",
    ),
    (
        "another schema within the stream",
        |mut messages| {
            messages.insert(1, support_schema());
            messages
        },
        "another schema",
    ),
    (
        "another schema before the last batch",
        |mut messages| {
            messages.insert(messages.len() - 1, support_schema());
            messages
        },
        "another schema",
    ),
];

/// Starts a server that corrupts the first `streams` streams.
async fn start(upstream: &Serve, corrupt: Corruption, streams: usize) -> String {
    let channel = Endpoint::from_shared(upstream.uri.replace("grpc://", "http://")).unwrap().connect().await.unwrap();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("grpc://{}", incoming.local_addr().unwrap());
    let left = AtomicUsize::new(streams);
    let server = CorruptServer { upstream: FlightServiceClient::new(channel), corrupt, left };
    tokio::spawn(Server::builder().add_service(FlightServiceServer::new(server)).serve_with_incoming(incoming));
    uri
}

/// A folder with the files of the table, and a server of it.
struct Pulled {
    folder: TempDir,
    upstream: Serve,
    before: Vec<(String, Vec<u8>)>,
}

impl Pulled {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let args = ["generate", "--customers", CUSTOMERS, "--tables", "customers", "--out", "out", "--quiet"];
        succeed_in(folder.path(), &args);
        let before = contents(&folder.path().join("out"));
        Self { folder, upstream: Serve::start(&["--customers", CUSTOMERS]), before }
    }

    /// Pulls from `uri`. The folder must have the files of the table in any case.
    async fn pull(&self, uri: &str, what: &str) -> Ran {
        let (folder, uri) = (self.folder.path().to_path_buf(), uri.to_string());
        let pull = move || {
            let to = ["pull", "--tables", "customers", "--out", "out", "--quiet", "--retries", "1", "--server", &uri];
            run_in(&folder, &to)
        };
        let ran = tokio::task::spawn_blocking(pull).await.unwrap();
        assert!(contents(&self.folder.path().join("out")) == self.before, "{what}: the folder has changed");
        ran
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_from_corrupt_streams_gives_up_and_the_folder_stays_as_it_was() {
    let pulled = Pulled::new();
    for (what, corrupt, message) in CORRUPTIONS {
        let uri = start(&pulled.upstream, corrupt, usize::MAX).await;
        let ran = pulled.pull(&uri, what).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{what}: {}", ran.stderr);
        for part in [message, &uri, "gave up after"] {
            assert!(ran.stderr.contains(part), "{what}: {}", ran.stderr);
        }
    }
    let ran = pulled.pull(&start(&pulled.upstream, |messages| messages, 0).await, "without a corruption").await;
    assert_eq!(ran.code, Some(0), "without a corruption: {}", ran.stderr);
}

/// A mark that is too high leaves a gap, which no other stream can fill.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_corrupt_once_is_resumed() {
    let pulled = Pulled::new();
    for (what, corrupt, message) in CORRUPTIONS {
        let uri = start(&pulled.upstream, corrupt, 1).await;
        let ran = pulled.pull(&uri, what).await;
        if what.starts_with("a mark past its batch") {
            assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
            assert!(ran.stderr.contains("but an earlier stream cut one at 40000"), "{what}: {}", ran.stderr);
        } else {
            assert_eq!(ran.code, Some(0), "{what}, {message}: {}", ran.stderr);
        }
    }
}
