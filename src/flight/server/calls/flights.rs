//! The flights: descriptors and tickets, resolved to scans of the data set, and their FlightInfo.

use crate::batches::schema;
use crate::error::{Error, Result};
use crate::flight::location::Location;
use crate::flight::server::limits::Limits;
use crate::models::{DataSet, MAX_CUSTOMERS, Table};
use crate::scan::{Partitions, RequestKind, Scan, ScanRequest};
use arrow::error::ArrowError;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, SchemaAsIpc, SchemaResult, Ticket};
use prost::Message as _;
use std::sync::Arc;

/// About the most bytes of locations in one answer. If many endpoints would list many replicas, each lists fewer. Answers
/// then stay under 4 MiB, the smallest limit of the known clients.
const MAX_LOCATION_BYTES: usize = 1 << 20;

/// The tables of a data set as flights.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct Flights {
    pub data_set: DataSet,
    /// The most customers of a data set that a request may name.
    pub max_customers: u64,
    /// The servers that endpoints list. If there are none, endpoints are read from this server.
    pub replicas: Arc<[Location]>,
}

impl Flights {
    /// Returns the tables of `data_set`, without replicas.
    pub fn new(data_set: DataSet, limits: &Limits) -> Self {
        Self { data_set, max_customers: limits.customers, replicas: Arc::default() }
    }

    /// Resolves a ticket to a scan.
    pub fn of_ticket(&self, ticket: &Ticket) -> Result<Scan> {
        Ok(self.scan(&ticket.ticket, RequestKind::Ticket)?.0)
    }

    /// Resolves a descriptor to a scan and its partitions.
    pub fn of_descriptor(&self, descriptor: &FlightDescriptor) -> Result<(Scan, Partitions)> {
        match (descriptor.r#type(), descriptor.path.as_slice()) {
            (DescriptorType::Cmd, _) => self.scan(&descriptor.cmd, RequestKind::Descriptor),
            (DescriptorType::Path, [table]) => {
                let request = ScanRequest { table: table.clone(), ..ScanRequest::default() };
                self.resolve(&request, RequestKind::Descriptor)
            }
            (DescriptorType::Path, path) => Err(Error::Misuse(format!(
                "the descriptor's path has {} parts; it must have one, the name of a table",
                path.len()
            ))),
            (DescriptorType::Unknown, _) => {
                Err(Error::Misuse("the descriptor has no type; its type must be PATH or CMD".into()))
            }
        }
    }

    fn scan(&self, request: &[u8], kind: RequestKind) -> Result<(Scan, Partitions)> {
        self.resolve(&ScanRequest::from_bytes(request)?, kind)
    }

    fn resolve(&self, request: &ScanRequest, kind: RequestKind) -> Result<(Scan, Partitions)> {
        let customers = request.customers.unwrap_or(0);
        if customers > self.max_customers && customers <= MAX_CUSTOMERS {
            return Err(Error::Limit(format!(
                "`customers` is {customers}; this server's --max-customers allows data sets of up to {}",
                self.max_customers
            )));
        }
        Scan::resolve(&self.data_set, request, kind)
    }

    /// Returns the FlightInfo of a descriptor: its schema and its endpoints.
    pub fn info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let (scan, partitions) = self.of_descriptor(&descriptor)?;
        self.info_of(&scan, partitions, descriptor)
    }

    /// Returns the FlightInfo of a whole table for ListFlights, with one endpoint: Airport accepts no more in a list.
    pub fn listed(&self, table: Table) -> Result<FlightInfo> {
        let path = FlightDescriptor::new_path(vec![table.name().to_string()]);
        self.info_of(&Scan::whole(&self.data_set, table), Partitions::AtMost(1), path)
    }

    fn info_of(&self, scan: &Scan, partitions: Partitions, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let tickets: Vec<Ticket> = tickets(scan, partitions).collect();
        let bytes_of_all: usize = self.replicas.iter().map(|replica| replica.to_string().len()).sum();
        let endpoints_with_all = MAX_LOCATION_BYTES / bytes_of_all.max(1);
        let listed = (self.replicas.len() * endpoints_with_all / tickets.len().max(1)).max(1);
        let endpoints = tickets.into_iter().enumerate().map(|(index, ticket)| {
            let (before, from) = self.replicas.split_at(index % self.replicas.len().max(1));
            let endpoint = FlightEndpoint::new().with_ticket(ticket);
            let locations = from.iter().chain(before).take(listed);
            locations.fold(endpoint, |endpoint, replica| endpoint.with_location(replica.to_string()))
        });
        Ok(FlightInfo::new()
            .try_with_schema(&schema(scan))
            .map_err(encoding)?
            .with_endpoints(endpoints.collect())
            .with_descriptor(descriptor)
            .with_total_records(total_records(scan))
            .with_total_bytes(-1)
            .with_ordered(true))
    }

    /// Returns the schema of a descriptor.
    pub fn schema(&self, descriptor: &FlightDescriptor) -> Result<SchemaResult> {
        let (scan, _) = self.of_descriptor(descriptor)?;
        SchemaAsIpc::new(&schema(&scan), &IpcWriteOptions::default()).try_into().map_err(encoding)
    }
}

/// Returns a ticket for each partition of `scan`, in order.
pub(super) fn tickets(scan: &Scan, partitions: Partitions) -> impl Iterator<Item = Ticket> + '_ {
    let partitions = scan.partitions(partitions).into_iter();
    partitions.map(|ids| Ticket::new(scan.for_ids(ids).to_request().encode_to_vec()))
}

/// Returns the number of rows, or -1 if only generating them would tell.
pub(super) fn total_records(scan: &Scan) -> i64 {
    scan.exact_rows().and_then(|rows| i64::try_from(rows).ok()).unwrap_or(-1)
}

/// The schema can't be encoded, which is a fault of this program.
pub(super) fn encoding(error: ArrowError) -> Error {
    Error::Internal(format!("encoding a schema: {error}"))
}
