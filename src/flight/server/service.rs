//! The calls of FlightService: decode, call, encode. What they mean is in the modules beside this one.

use super::caller::Caller;
use super::drain::{self, Drain};
use super::flights::Flights;
use super::pool::Pool;
use super::refusal::{Cause, Refusal};
use super::requests::Received;
use super::stream::OpenStream;
use super::stream_log::{Record, Watched};
use super::wire::Encoder;
use super::{Activity, Limits, actions, stream};
use crate::flight::location::Location;
use crate::tables::{DataSet, Table};
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self as streams, BoxStream, Stream, StreamExt};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// What a client that offers credentials is given to send with its calls: none are asked for.
const BEARER: &str = "Bearer anybody";

/// The service: stateless but for what all streams share.
#[derive(Debug, Clone)]
pub(super) struct Service {
    flights: Flights,
    limits: Limits,
    pool: Pool,
    activity: Arc<Activity>,
    drain: Drain,
}

impl Service {
    pub fn new(data_set: DataSet, pool: Pool, activity: Arc<Activity>, drain: Drain) -> Self {
        let limits = Limits::default();
        let flights = Flights::of(data_set, &limits);
        Self { flights, limits, pool, activity, drain }
    }

    pub fn with_replicas(mut self, replicas: Vec<Location>) -> Self {
        self.flights.replicas = replicas.into();
        self
    }

    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.flights.max_customers = limits.customers;
        self.limits = limits;
        self
    }

    pub fn with_idle(self, give_memory_back: fn()) -> Self {
        self.pool.set_give_back(give_memory_back);
        self
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Counts a call that is refused.
    pub fn refused(&self, refusal: &Refusal) {
        self.activity.metrics.refused(refusal.cause);
    }

    /// The one result of an action.
    pub fn act(&self, received: &Received) -> Result<arrow_flight::Result, Status> {
        Ok(arrow_flight::Result::new(actions::answer(&self.flights, received)?))
    }

    /// What DoGet sends for `ticket`, which `caller` asked for at `asked`.
    pub fn messages(&self, ticket: &Ticket, caller: Caller, asked: Instant) -> Result<Watched, Refusal> {
        let scan = self.flights.of_ticket(ticket).map_err(Status::from)?;
        let open = OpenStream::new(&self.activity, &self.limits, caller.name.as_ref())
            .map_err(|error| Refusal::new(Cause::Streams, error))?;
        // The stream is counted by now: a server that begins to drain waits for it, or it is refused.
        self.drain.check()?;
        let stopping = self.drain.over();
        let encoder = match caller.is_cpp {
            true => Encoder::new(&scan).stretching(&scan),
            false => Encoder::new(&scan),
        };
        let messages = stream::messages(scan.clone(), encoder, self.pool.clone(), open).map_err(Status::from)?;
        let record = Record::new(caller, &scan, asked, self.activity(), stopping.clone());
        Ok(Watched::new(until_stopped(messages.map(|message| Ok(message?)), stopping), record))
    }
}

/// Ends `messages` with UNAVAILABLE when the server stops.
fn until_stopped<T>(
    messages: impl Stream<Item = Result<T, Status>>,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> {
    let stopped = stopping.clone();
    let word = streams::once(async move { stopped.is_cancelled().then(|| Err(drain::stopping())) });
    messages.take_until(stopping.cancelled_owned()).chain(word.filter_map(std::future::ready))
}

type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>(call: &str, instead: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("{call} is not implemented: {instead}")))
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn list_flights(&self, request: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        let expression = request.into_inner().expression;
        let wanted = std::str::from_utf8(&expression)
            .map_err(|_| Status::invalid_argument("the criteria are not UTF-8; they must be part of a table's name"))?;
        let is_wanted = |table: &Table| matches!(wanted, "" | "NULL") || table.name().contains(wanted);
        let infos: Vec<_> =
            Table::ALL.into_iter().filter(is_wanted).map(|table| Ok(self.flights.listed(table)?)).collect();
        Ok(Response::new(streams::iter(infos).boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        Ok(Response::new(self.flights.info(request.into_inner())?))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        Ok(Response::new(self.flights.schema(&request.into_inner())?))
    }

    /// `WireService` answers DoGet before it comes here.
    async fn do_get(&self, _: Request<Ticket>) -> Answer<Self::DoGetStream> {
        not_here("DoGet by the customary encoder", "the server answers it on the wire")
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<Self::ListActionsStream> {
        Ok(Response::new(streams::iter(actions::list().into_iter().map(Ok)).boxed()))
    }

    /// `WireService` answers DoAction before it comes here.
    async fn do_action(&self, _: Request<Action>) -> Answer<Self::DoActionStream> {
        not_here("DoAction by tonic", "the server answers it on the wire")
    }

    /// Whoever comes this far may call: each message is answered, and the token for calls to come is the one that was
    /// offered as credentials, or anybody's where none are asked for.
    async fn handshake(&self, request: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        let token = request.extensions().get::<Caller>().and_then(|caller| caller.token.clone());
        let bearer = token.map_or_else(|| BEARER.to_string(), |token| format!("Bearer {token}"));
        let payload = bytes::Bytes::from(bearer.clone());
        let answers = request.into_inner().map(move |offered| {
            let offered = offered.map_err(|error| Status::invalid_argument(error.message()))?;
            Ok(HandshakeResponse { protocol_version: offered.protocol_version, payload: payload.clone() })
        });
        let mut response = Response::new(answers.boxed());
        let bearer = bearer.parse().map_err(|_| Status::internal("the token can't be sent as a header"))?;
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    /// Complete at once: there is nothing to wait for, so nothing to poll again.
    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<PollInfo> {
        let info = self.flights.info(request.into_inner())?;
        Ok(Response::new(PollInfo { info: Some(info), progress: Some(1.0), ..PollInfo::default() }))
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        not_here("DoPut", "the data set is generated, not stored")
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        not_here("DoExchange", "the data set is generated, not stored; read it with DoGet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::Batches;
    use crate::flight::server::crowd::Crowd;
    use crate::flight::server::wire::Message;
    use crate::model::Model;
    use crate::tables::Laws;
    use arrow::array::RecordBatch;
    use arrow::datatypes::SchemaRef;
    use arrow_flight::decode::FlightRecordBatchStream;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
    use arrow_flight::error::FlightError;
    use bytes::Buf;
    use futures::TryStreamExt;
    use prometheus_client::metrics::gauge::Gauge;
    use prost::Message as _;

    fn service() -> Service {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 3_000).unwrap();
        Service::new(data_set, Pool::new(2, Crowd::new(9), Gauge::default()), Arc::default(), Drain::default())
    }

    fn messages(service: &Service, ticket: &Ticket) -> Watched {
        service.messages(ticket, Caller::default(), Instant::now()).unwrap()
    }

    async fn decoded(
        data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> (SchemaRef, Vec<RecordBatch>) {
        let mut stream = FlightRecordBatchStream::new_from_flight_data(data.map_err(FlightError::from));
        let mut batches = Vec::new();
        while let Some(batch) = stream.try_next().await.unwrap() {
            batches.push(batch);
        }
        (Arc::clone(stream.schema().unwrap()), batches)
    }

    /// What arrow-flight's own encoder makes of the scan.
    fn reference(service: &Service, ticket: &Ticket) -> impl Stream<Item = Result<FlightData, Status>> + use<> {
        let batches = Batches::new(service.flights.of_ticket(ticket).unwrap());
        let rows: Vec<_> = batches.iter().map(|batch| Ok(batch.unwrap())).collect();
        FlightDataEncoderBuilder::new()
            .with_schema(batches.schema())
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(streams::iter(rows))
            .map_err(Status::from)
    }

    /// Reads back a gRPC message as the protobuf message that it is on the wire.
    fn unframed(message: Message) -> FlightData {
        let [mut bytes, _] = message.into_pieces();
        assert_eq!(bytes.get_u8(), 0, "not compressed");
        assert_eq!(bytes.get_u32() as usize, bytes.len());
        FlightData::decode(bytes).unwrap()
    }

    #[tokio::test]
    async fn answers_on_the_wire_are_those_of_the_customary_encoder() {
        let service = service();
        for text in [
            "customers",
            "usage_daily?columns=date,customer_id",
            "usage_truth",
            "billing?strings=dictionary",
            "support?first_id=7&last_id=6",
            "retention_curves",
            "billing?compression=zstd",
            "support?compression=lz4&strings=dictionary",
        ] {
            let ticket = Ticket::new(text);
            let wire = messages(&service, &ticket).map_ok(unframed);
            assert_eq!(decoded(wire).await, decoded(reference(&service, &ticket)).await, "{text}");
        }
    }
}
