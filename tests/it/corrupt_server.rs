//! `pull` refuses a server whose streams are wrong. The error names the server, and the folder stays as it was.

use crate::program::{Serve, contents, run_in, succeed_in};
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
use saasgen::scan::{BatchMark, Scan};
use saasgen::tables::Table;
use tempfile::tempdir;
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
        let messages = (self.corrupt)(messages.try_collect().await?);
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
    let schema = schema(&Scan::whole(&crate::support::data_set(42, 1), Table::Support));
    SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).into()
}

/// The name of each corruption, the corruption, and a part of the error.
const CORRUPTIONS: [(&str, Corruption, &str); 8] = [
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
            mark(&mut messages[3], 70_002);
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
        "another schema within the stream",
        |mut messages| {
            messages.insert(2, support_schema());
            messages
        },
        "another schema",
    ),
    (
        "another schema at the end of the stream",
        |mut messages| {
            messages.push(support_schema());
            messages
        },
        "another schema",
    ),
];

async fn start(upstream: &Serve, corrupt: Corruption) -> String {
    let channel = Endpoint::from_shared(upstream.uri.replace("grpc://", "http://")).unwrap().connect().await.unwrap();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("grpc://{}", incoming.local_addr().unwrap());
    let server = CorruptServer { upstream: FlightServiceClient::new(channel), corrupt };
    tokio::spawn(Server::builder().add_service(FlightServiceServer::new(server)).serve_with_incoming(incoming));
    uri
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_stream_is_refused_and_the_folder_stays_as_it_was() {
    let folder = tempdir().unwrap();
    let upstream = Serve::start(&["--customers", CUSTOMERS]);
    succeed_in(
        folder.path(),
        &["generate", "--customers", CUSTOMERS, "--tables", "customers", "--out", "out", "--quiet"],
    );
    let before = contents(&folder.path().join("out"));
    let pull = |uri: String| {
        let path = folder.path().to_path_buf();
        tokio::task::spawn_blocking(move || {
            run_in(&path, &["pull", "--server", &uri, "--tables", "customers", "--out", "out", "--quiet"])
        })
    };
    for (what, corrupt, message) in CORRUPTIONS {
        let uri = start(&upstream, corrupt).await;
        let ran = pull(uri.clone()).await.unwrap();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(message) && ran.stderr.contains(&uri), "{what}: {}", ran.stderr);
        assert!(contents(&folder.path().join("out")) == before, "{what}: the folder has changed");
    }
    let ran = pull(start(&upstream, |messages| messages).await).await.unwrap();
    assert_eq!(ran.code, Some(0), "without a corruption: {}", ran.stderr);
    assert!(contents(&folder.path().join("out")) == before);
}
