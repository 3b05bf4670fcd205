//! The calls of FlightService that tonic decodes, and the messages of DoGet.

use super::actions;
use super::flights::Flights;
use super::requests::Received;
use crate::flight::server::caller::Caller;
use crate::flight::server::drain::{self, Drain};
use crate::flight::server::limits::Limits;
use crate::flight::server::streams::{Encoder, LoggedStream, Streams};
use crate::flight::server::telemetry::{Activity, Cause, Refusal, StreamRecord};
use crate::models::Table;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// The token that Handshake returns if the server asks for none.
const BEARER: &str = "Bearer anybody";

/// Answers the calls. Clones share what all streams share.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct FlightCalls {
    pub flights: Flights,
    pub limits: Limits,
    pub streams: Streams,
    pub activity: Arc<Activity>,
    pub drain: Drain,
}

impl FlightCalls {
    /// Answers an action with its one result.
    pub fn act(&self, received: &Received) -> Result<arrow_flight::Result, Status> {
        Ok(arrow_flight::Result::new(actions::answer(&self.flights, received)?))
    }

    /// Answers DoGet of `ticket`, which `caller` requested at `asked`.
    pub fn do_get_messages(&self, ticket: &Ticket, caller: Caller, asked: Instant) -> Result<LoggedStream, Refusal> {
        let scan = self.flights.of_ticket(ticket).map_err(Status::from)?;
        let open = self.activity.streams.open(&self.limits, caller.name.as_ref());
        let open = open.map_err(|error| Refusal::new(Cause::Streams, error))?;
        // The stream counts as open by now, so a server that begins to drain either waits for it or refuses it here.
        self.drain.check()?;
        let stopping = self.drain.over();
        let encoder = match caller.is_cpp {
            true => Encoder::new(&scan).with_stretched_block(&scan),
            false => Encoder::new(&scan),
        };
        let messages = self.streams.messages(scan.clone(), encoder).map_err(Status::from)?;
        let record = StreamRecord::new(caller, &scan, asked, Arc::clone(&self.activity), stopping.clone());
        Ok(LoggedStream::new(until_stopped(messages.map(|message| Ok(message?)), stopping), record, open))
    }
}

/// Ends `messages` with UNAVAILABLE once `stopping` is cancelled.
fn until_stopped<T>(
    messages: impl Stream<Item = Result<T, Status>>,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> {
    let stopped = stopping.clone();
    let status = stream::once(async move { stopped.is_cancelled().then(|| Err(drain::stopping())) });
    messages.take_until(stopping.cancelled_owned()).chain(status.filter_map(std::future::ready))
}

type Answer<T> = Result<Response<T>, Status>;

fn unimplemented<T>(call: &str, instead: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("{call} is not implemented: {instead}")))
}

#[tonic::async_trait]
impl FlightService for FlightCalls {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn list_flights(&self, request: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        let expression = request.into_inner().expression;
        let wanted = std::str::from_utf8(&expression).map_err(|_| {
            Status::invalid_argument("the criteria are not UTF-8; use a part of a table's name, or none")
        })?;
        let tables = self.flights.data_set.model().tables();
        let is_wanted = |table: &&Table| matches!(wanted, "" | "NULL") || table.name().contains(wanted);
        let infos: Vec<_> = tables.iter().filter(is_wanted).map(|&table| Ok(self.flights.listed(table)?)).collect();
        Ok(Response::new(stream::iter(infos).boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        Ok(Response::new(self.flights.info(request.into_inner())?))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        Ok(Response::new(self.flights.schema(&request.into_inner())?))
    }

    /// Never called: [`GrpcService`](super::grpc_service::GrpcService) answers DoGet.
    async fn do_get(&self, _: Request<Ticket>) -> Answer<Self::DoGetStream> {
        unimplemented("DoGet through tonic", "the server answers it before tonic")
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<Self::ListActionsStream> {
        Ok(Response::new(stream::iter(actions::list().into_iter().map(Ok)).boxed()))
    }

    /// Never called: [`GrpcService`](super::grpc_service::GrpcService) answers DoAction.
    async fn do_action(&self, _: Request<Action>) -> Answer<Self::DoActionStream> {
        unimplemented("DoAction through tonic", "the server answers it before tonic")
    }

    /// Answers each message with the bearer token for later calls: the caller's own, which admission has checked, or
    /// [`BEARER`] if the server asks for none.
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

    /// Complete at once: there is nothing to wait for.
    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<PollInfo> {
        let info = self.flights.info(request.into_inner())?;
        Ok(Response::new(PollInfo { info: Some(info), progress: Some(1.0), ..PollInfo::default() }))
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        unimplemented("DoPut", "the data set is generated, not stored")
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        unimplemented("DoExchange", "the data set is generated, not stored; read it with DoGet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::Batches;
    use crate::flight::server::streams::Message;
    use crate::models::{DataSet, Model};
    use arrow::array::RecordBatch;
    use arrow::datatypes::SchemaRef;
    use arrow_flight::decode::FlightRecordBatchStream;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
    use arrow_flight::error::FlightError;
    use bytes::Buf;
    use futures::TryStreamExt;
    use prost::Message as _;

    fn calls() -> FlightCalls {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 3_000).unwrap();
        let (limits, activity) = (Limits::default(), Arc::<Activity>::default());
        let streams = Streams::start(Arc::clone(&activity), limits.blocks, || ()).unwrap();
        FlightCalls { flights: Flights::new(data_set, &limits), limits, streams, activity, drain: Drain::default() }
    }

    fn messages(calls: &FlightCalls, ticket: &Ticket) -> LoggedStream {
        calls.do_get_messages(ticket, Caller::default(), Instant::now()).unwrap()
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

    /// Encodes the scan with arrow-flight's own encoder.
    fn reference(calls: &FlightCalls, ticket: &Ticket) -> impl Stream<Item = Result<FlightData, Status>> + use<> {
        let batches = Batches::new(calls.flights.of_ticket(ticket).unwrap());
        let rows: Vec<_> = batches.iter().map(|batch| Ok(batch.unwrap())).collect();
        FlightDataEncoderBuilder::new()
            .with_schema(batches.schema())
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(stream::iter(rows))
            .map_err(Status::from)
    }

    /// Decodes a gRPC message.
    fn unframed(message: Message) -> FlightData {
        let [mut bytes, _] = message.into_pieces();
        assert_eq!(bytes.get_u8(), 0, "not compressed");
        assert_eq!(bytes.get_u32() as usize, bytes.len());
        FlightData::decode(bytes).unwrap()
    }

    #[tokio::test]
    async fn messages_decode_to_the_batches_of_arrow_flights_own_encoder() {
        let calls = calls();
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
            let sent = messages(&calls, &ticket).map_ok(unframed);
            assert_eq!(decoded(sent).await, decoded(reference(&calls, &ticket)).await, "{text}");
        }
    }
}
