//! A server in the test's own process, with a client.

use crate::support::{concat, rows};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use saasgen::batches::Batches;
use saasgen::error::Result;
use saasgen::flight::server::{Activity, Limits, Server};
use saasgen::models::DataSet;
use saasgen::scan::{BatchMark, Scan};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A server on a free port, and a client that is connected to it.
pub struct Fixture {
    pub address: SocketAddr,
    pub client: FlightServiceClient<Channel>,
    pub channel: Channel,
    pub activity: Arc<Activity>,
    pub stop: oneshot::Sender<()>,
    pub served: JoinHandle<Result<()>>,
}

impl Fixture {
    /// Starts a server with the default limits.
    pub async fn start(data_set: DataSet) -> Self {
        Self::with_limits(data_set, Limits::default()).await
    }

    /// Starts a server with `limits`.
    pub async fn with_limits(data_set: DataSet, limits: Limits) -> Self {
        Self::of(Server::bind("127.0.0.1:0", data_set).await.unwrap().with_limits(limits)).await
    }

    /// Starts `server`, and connects a client.
    pub async fn of(server: Server) -> Self {
        let address = server.local_addr().unwrap();
        let activity = server.activity();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self { address, client: FlightServiceClient::new(channel.clone()), channel, activity, stop, served }
    }

    /// Stops the server, and waits until it has ended without an error.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        drop((self.client, self.channel));
        self.served.await.unwrap().unwrap();
    }

    /// Opens the stream of a ticket.
    pub async fn stream(&mut self, ticket: impl Into<Vec<u8>>) -> std::result::Result<FlightDataDecoder, Status> {
        let data = self.client.do_get(Ticket::new(ticket.into())).await?.into_inner();
        Ok(FlightDataDecoder::new(data.map_err(FlightError::from)))
    }

    /// Reads the stream of a ticket to its end. Returns the schema, and each batch with the customer to resume at.
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

    /// Calls GetFlightInfo.
    pub async fn info(&mut self, descriptor: FlightDescriptor) -> std::result::Result<FlightInfo, Status> {
        Ok(self.client.get_flight_info(descriptor).await?.into_inner())
    }

    /// Returns the status with which the server refuses a ticket.
    pub async fn refusal(&mut self, ticket: impl Into<Vec<u8>>) -> Status {
        match self.stream(ticket).await {
            Ok(_) => panic!("the ticket was accepted"),
            Err(status) => status,
        }
    }
}

/// Asserts that `read`, which [`Fixture::read`] returned for `ticket`, has the rows of `scan`.
pub fn assert_same_rows(scan: Scan, read: Vec<(RecordBatch, u64)>, ticket: &str) {
    let batches = Batches::new(scan.clone());
    let read = concat(&batches, read.into_iter().map(|(batch, _)| batch));
    assert!(read == rows(scan), "{ticket}: other rows");
}

/// Waits for `future`, for at most 30 seconds.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it took more than 30 seconds")
}

/// Opens a stream of 10^12 customers on its own connection, and reads only its schema. Dropping the returned value ends
/// the stream.
pub async fn open_unread_stream(uri: &str) -> impl Sized + use<> {
    let endpoint = Endpoint::from_shared(uri.to_string()).unwrap();
    let channel = endpoint.initial_stream_window_size(65_535).connect().await.unwrap();
    let ticket = Ticket::new("usage_daily?customers=1000000000000");
    let mut stream = FlightServiceClient::new(channel).do_get(ticket).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    stream
}
