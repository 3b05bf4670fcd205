//! The calls of FlightService: decode, call, encode. What they mean is in the modules beside this one.

use super::pool::Pool;
use super::wire::Message;
use super::{Activity, actions, stream};
use crate::batches::schema;
use crate::error::{Error, Result};
use crate::flight::location::Location;
use crate::scan::{Naming, Partitions, Scan, ScanRequest};
use crate::tables::{DataSet, Table};
use arrow::error::ArrowError;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use futures::stream::{self as streams, BoxStream, Stream, StreamExt};
use prost::Message as _;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// The service: stateless but for what all streams share.
#[derive(Debug, Clone)]
pub(super) struct Service {
    data_set: DataSet,
    /// Where else the same is served.
    replicas: Arc<[Location]>,
    pool: Pool,
    activity: Arc<Activity>,
    stopping: CancellationToken,
}

impl Service {
    pub fn new(data_set: DataSet, pool: Pool, activity: Arc<Activity>, stopping: CancellationToken) -> Self {
        Self { data_set, replicas: Arc::default(), pool, activity, stopping }
    }

    pub fn with_replicas(self, replicas: Vec<Location>) -> Self {
        Self { replicas: replicas.into(), ..self }
    }

    pub fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Cancelled when running streams are to end.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// What DoGet sends for `ticket`.
    pub fn messages(&self, ticket: &Ticket) -> Result<impl Stream<Item = Result<Message, Status>> + use<>, Status> {
        let scan = self.scan(&ticket.ticket, Naming::Ticket)?.0;
        let messages = stream::messages(scan, self.pool.clone(), self.activity())?.map(|message| Ok(message?));
        Ok(until_stopped(messages, self.stopping()))
    }

    fn scan(&self, request: &[u8], naming: Naming) -> Result<(Scan, Partitions)> {
        Scan::resolve(&self.data_set, &ScanRequest::from_bytes(request)?, naming)
    }

    fn described(&self, descriptor: &FlightDescriptor) -> Result<(Scan, Partitions)> {
        match (descriptor.r#type(), descriptor.path.as_slice()) {
            (DescriptorType::Cmd, _) => self.scan(&descriptor.cmd, Naming::Descriptor),
            (DescriptorType::Path, [table]) => {
                let request = ScanRequest { table: table.clone(), ..ScanRequest::default() };
                Scan::resolve(&self.data_set, &request, Naming::Descriptor)
            }
            (DescriptorType::Path, path) => Err(Error::Misuse(format!(
                "the descriptor's path has {} parts; it must be one, a table's name",
                path.len()
            ))),
            (DescriptorType::Unknown, _) => {
                Err(Error::Misuse("the descriptor has no type; it must be a path or a command".into()))
            }
        }
    }

    fn flight_info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let (scan, partitions) = self.described(&descriptor)?;
        let endpoints = scan.partitions(partitions).into_iter().enumerate().map(|(index, ids)| {
            let ticket = scan.for_ids(ids).to_request().encode_to_vec();
            let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket));
            let (before, from) = self.replicas.split_at(index % self.replicas.len().max(1));
            from.iter().chain(before).fold(endpoint, |endpoint, replica| endpoint.with_location(replica.to_string()))
        });
        Ok(FlightInfo::new()
            .try_with_schema(&schema(&scan))
            .map_err(encoding)?
            .with_endpoints(endpoints.collect())
            .with_descriptor(descriptor)
            .with_total_records(scan.exact_rows().and_then(|rows| i64::try_from(rows).ok()).unwrap_or(-1))
            .with_total_bytes(-1)
            .with_ordered(true))
    }
}

/// Ends `messages` with UNAVAILABLE when the server stops.
fn until_stopped<T>(
    messages: impl Stream<Item = Result<T, Status>>,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> {
    let stopped = stopping.clone();
    let word = streams::once(async move {
        let again = "the server is stopping: read again from another, or when it is back";
        stopped.is_cancelled().then(|| Err(Status::unavailable(again)))
    });
    messages.take_until(stopping.cancelled_owned()).chain(word.filter_map(std::future::ready))
}

fn encoding(error: ArrowError) -> Error {
    Error::Internal(format!("encoding a schema: {error}"))
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
        let infos: Vec<_> = Table::ALL
            .into_iter()
            .filter(is_wanted)
            .map(|table| Ok(self.flight_info(FlightDescriptor::new_path(vec![table.name().to_string()]))?))
            .collect();
        Ok(Response::new(streams::iter(infos).boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        Ok(Response::new(self.flight_info(request.into_inner())?))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        let (scan, _) = self.described(&request.into_inner())?;
        let schema = schema(&scan);
        let options = IpcWriteOptions::default();
        Ok(Response::new(SchemaAsIpc::new(&schema, &options).try_into().map_err(encoding)?))
    }

    /// `WireService` answers DoGet before it comes here.
    async fn do_get(&self, _: Request<Ticket>) -> Answer<Self::DoGetStream> {
        not_here("DoGet by the customary encoder", "the server answers it on the wire")
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<Self::ListActionsStream> {
        Ok(Response::new(streams::iter(actions::list().into_iter().map(Ok)).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<Self::DoActionStream> {
        let action = request.into_inner().r#type;
        if action != actions::DESCRIBE {
            let there = actions::list().into_iter().map(|action| action.r#type).collect::<Vec<_>>().join(", ");
            return Err(Status::unimplemented(format!("there is no action {action:?}; there are: {there}")));
        }
        let description = actions::describe(&self.data_set)?;
        Ok(Response::new(streams::iter([Ok(arrow_flight::Result::new(description))]).boxed()))
    }

    async fn handshake(&self, _: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        not_here("Handshake", "this server asks for no credentials; call without")
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Answer<PollInfo> {
        not_here("PollFlightInfo", "GetFlightInfo answers at once")
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
    use crate::model::Model;
    use crate::tables::Laws;
    use arrow::array::RecordBatch;
    use arrow::datatypes::SchemaRef;
    use arrow_flight::decode::FlightRecordBatchStream;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
    use arrow_flight::error::FlightError;
    use bytes::{Buf, Bytes};
    use futures::TryStreamExt;

    fn service() -> Service {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 3_000).unwrap();
        Service::new(data_set, Pool::new(2), Arc::default(), CancellationToken::new())
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
        let batches = Batches::new(service.scan(&ticket.ticket, Naming::Ticket).unwrap().0);
        let rows: Vec<_> = batches.iter().map(|batch| Ok(batch.unwrap())).collect();
        FlightDataEncoderBuilder::new()
            .with_schema(batches.schema())
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(streams::iter(rows))
            .map_err(Status::from)
    }

    /// Reads back the pieces of a gRPC message as the protobuf message that they are on the wire.
    fn unframed(message: Message) -> FlightData {
        let mut bytes: Bytes = message.into_pieces().into_iter().flatten().collect();
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
            let wire = service.messages(&ticket).unwrap().map_ok(unframed);
            assert_eq!(decoded(wire).await, decoded(reference(&service, &ticket)).await, "{text}");
        }
    }

    #[tokio::test]
    async fn buffers_are_sent_as_they_lie_in_memory() {
        let messages: Vec<_> = service()
            .messages(&Ticket::new("usage_daily?first_id=1&last_id=900"))
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let [_, batch] = <[Message; 2]>::try_from(messages).unwrap();
        // Five columns, each behind the padding of the one before: the ids' buffer is the first long piece.
        let pieces = batch.into_pieces();
        let long = pieces.iter().filter(|piece| piece.len() > 10_000).count();
        assert_eq!(long, 5, "{:?}", pieces.iter().map(Bytes::len).collect::<Vec<_>>());
        assert!(pieces.iter().map(Bytes::len).sum::<usize>() < 2 << 20);
    }
}
