//! Pulls from a server that says what isn't so: refused with its name, and the folder is left as it was.

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

/// Of one endpoint and three batches of customers, which end before 32,769, 65,537 and 70,001.
const CUSTOMERS: &str = "70000";

/// What becomes of the messages of a stream: the schema, then the batches.
type Lie = fn(Vec<FlightData>) -> Vec<FlightData>;

/// A server that passes on what another one says, but for its streams.
struct Liar {
    honest: FlightServiceClient<Channel>,
    lie: Lie,
}

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = BoxStream<'static, Result<T, Status>>;

fn not_asked<T>() -> Answer<T> {
    Err(Status::unimplemented("pull doesn't ask for it"))
}

#[tonic::async_trait]
impl FlightService for Liar {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        self.honest.clone().get_flight_info(request.into_inner()).await
    }

    async fn do_get(&self, request: Request<Ticket>) -> Answer<Self::DoGetStream> {
        let messages = self.honest.clone().do_get(request.into_inner()).await?.into_inner();
        let messages = (self.lie)(messages.try_collect().await?);
        Ok(Response::new(stream::iter(messages.into_iter().map(Ok)).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<Self::DoActionStream> {
        Ok(Response::new(self.honest.clone().do_action(request.into_inner()).await?.into_inner().boxed()))
    }

    async fn handshake(&self, _: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        not_asked()
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        not_asked()
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Answer<PollInfo> {
        not_asked()
    }

    async fn get_schema(&self, _: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        not_asked()
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        not_asked()
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        not_asked()
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<Self::ListActionsStream> {
        not_asked()
    }
}

fn mark(message: &mut FlightData, next_id: u64) {
    message.app_metadata = BatchMark { next_id, ..BatchMark::default() }.encode_to_vec().into();
}

/// A second schema, of another table.
fn schema_of_support() -> FlightData {
    let schema = schema(&Scan::whole(&crate::support::data_set(42, 1), Table::Support));
    SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).into()
}

const LIES: [(&str, Lie, &str); 8] = [
    (
        "a mark that goes back",
        |mut messages| {
            mark(&mut messages[2], 100);
            messages
        },
        "marks a batch with customer 100 to resume at, after one with 32769",
    ),
    (
        "a mark that stays",
        |mut messages| {
            mark(&mut messages[2], 32_769);
            messages
        },
        "marks a batch with customer 32769 to resume at, after one with 32769",
    ),
    (
        "a mark past the end",
        |mut messages| {
            mark(&mut messages[3], 70_002);
            messages
        },
        "marks a batch with customer 70002 to resume at, where 70001 ends it",
    ),
    (
        "a mark before the last of its rows",
        |mut messages| {
            mark(&mut messages[1], 32_768);
            messages
        },
        "has the customers 1 to 32768 in a batch that is marked as 1 to 32767",
    ),
    (
        "a batch that comes again",
        |mut messages| {
            let mut again = messages[1].clone();
            mark(&mut again, 40_000);
            messages.insert(2, again);
            messages
        },
        "has the customers 1 to 32768 in a batch that is marked as 32769 to 39999",
    ),
    (
        "batches in another order",
        |mut messages| {
            messages.swap(2, 3);
            mark(&mut messages[2], 65_537);
            mark(&mut messages[3], 70_001);
            messages
        },
        "has the customers 65537 to 70000 in a batch that is marked as 32769 to 65536",
    ),
    (
        "another schema in mid-stream",
        |mut messages| {
            messages.insert(2, schema_of_support());
            messages
        },
        "another schema",
    ),
    (
        "another schema at the end",
        |mut messages| {
            messages.push(schema_of_support());
            messages
        },
        "another schema",
    ),
];

async fn start(honest: &Serve, lie: Lie) -> String {
    let channel = Endpoint::from_shared(honest.uri.replace("grpc://", "http://")).unwrap().connect().await.unwrap();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("grpc://{}", incoming.local_addr().unwrap());
    let liar = FlightServiceServer::new(Liar { honest: FlightServiceClient::new(channel), lie });
    tokio::spawn(Server::builder().add_service(liar).serve_with_incoming(incoming));
    uri
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_is_held_against_what_it_sends() {
    let folder = tempdir().unwrap();
    let honest = Serve::start(&["--customers", CUSTOMERS]);
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
    for (what, lie, message) in LIES {
        let uri = start(&honest, lie).await;
        let ran = pull(uri.clone()).await.unwrap();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(message) && ran.stderr.contains(&uri), "{what}: {}", ran.stderr);
        assert!(contents(&folder.path().join("out")) == before, "{what}: the folder is as it was");
    }
    let ran = pull(start(&honest, |messages| messages).await).await.unwrap();
    assert_eq!(ran.code, Some(0), "without a lie: {}", ran.stderr);
    assert!(contents(&folder.path().join("out")) == before);
}
