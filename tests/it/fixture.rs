//! A server within the test's process, and a client of it.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use saasgen::error::Result;
use saasgen::flight::server::{Activity, Limits, Server};
use saasgen::scan::BatchMark;
use saasgen::tables::DataSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A server on a port of its own, and a client of it.
pub struct Fixture {
    pub client: FlightServiceClient<Channel>,
    pub channel: Channel,
    pub activity: Arc<Activity>,
    pub stop: oneshot::Sender<()>,
    pub served: JoinHandle<Result<()>>,
}

impl Fixture {
    pub async fn start(data_set: DataSet) -> Self {
        Self::with_limits(data_set, Limits::default()).await
    }

    pub async fn with_limits(data_set: DataSet, limits: Limits) -> Self {
        Self::of(Server::bind("127.0.0.1:0", data_set).await.unwrap().with_limits(limits)).await
    }

    pub async fn of(server: Server) -> Self {
        let uri = format!("http://{}", server.local_addr().unwrap());
        let activity = server.activity();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        Self { client: FlightServiceClient::new(channel.clone()), channel, activity, stop, served }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        drop((self.client, self.channel));
        self.served.await.unwrap().unwrap();
    }

    pub async fn stream(&mut self, ticket: impl Into<Vec<u8>>) -> std::result::Result<FlightDataDecoder, Status> {
        let data = self.client.do_get(Ticket::new(ticket.into())).await?.into_inner();
        Ok(FlightDataDecoder::new(data.map_err(FlightError::from)))
    }

    /// The schema that DoGet sends, the batches, and the customer each says to resume at.
    pub async fn read(&mut self, ticket: impl Into<Vec<u8>>) -> (Schema, Vec<(RecordBatch, u64)>) {
        let decoded: Vec<_> = self.stream(ticket).await.unwrap().try_collect().await.unwrap();
        let mut decoded = decoded.into_iter();
        let DecodedPayload::Schema(schema) = decoded.next().unwrap().payload else { panic!("the schema comes first") };
        let batches = decoded
            .filter_map(|data| match data.payload {
                DecodedPayload::RecordBatch(batch) => {
                    Some((batch, BatchMark::decode(data.inner.app_metadata).unwrap().next_id))
                }
                _ => None,
            })
            .collect();
        (schema.as_ref().clone(), batches)
    }

    pub async fn info(&mut self, descriptor: FlightDescriptor) -> std::result::Result<FlightInfo, Status> {
        Ok(self.client.get_flight_info(descriptor).await?.into_inner())
    }

    pub async fn refusal(&mut self, ticket: impl Into<Vec<u8>>) -> Status {
        match self.stream(ticket).await {
            Ok(_) => panic!("the ticket is taken"),
            Err(status) => status,
        }
    }
}

/// Waits for what must come; a test that waits longer has failed.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("this takes no 30 seconds")
}

/// A stream of more rows than anybody reads, on a connection of its own, whose reader has read nothing but the schema.
pub async fn stalled(uri: &str) -> impl Sized + use<> {
    let endpoint = Endpoint::from_shared(uri.to_string()).unwrap();
    let channel = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
    let ticket = Ticket::new("usage_daily?customers=1000000000000");
    let mut stream = FlightServiceClient::new(channel).do_get(ticket).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    stream
}
