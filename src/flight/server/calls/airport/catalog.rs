//! The catalogue of an `ATTACH`: one schema with all tables.

use super::messages::{Catalog, CatalogVersion, Contents, Schema, TableMetadata, write};
use crate::batches::schema;
use crate::error::{Error, Result};
use crate::flight::server::calls::flights::{Flights, encoding, total_records};
use crate::models::Table;
use crate::scan::Scan;
use arrow::datatypes::Schema as ArrowSchema;
use arrow_flight::{FlightDescriptor, FlightInfo};
use prost::Message as _;
use serde::Serialize;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The schema of the tables. It is not `main`, which some versions of the extension refuse to look up.
const SCHEMA: &str = "saasgen";

/// Returns the version of the catalogue, which never changes.
pub(super) fn version() -> CatalogVersion {
    CatalogVersion { catalog_version: 1, is_fixed: true }
}

/// Answers `list_schemas`, for a client that calls the catalogue `name`.
pub(super) fn list_schemas(flights: &Flights, name: &str) -> Result<Vec<u8>> {
    let tables = flights.data_set.model().tables().iter();
    let tables = tables.map(|&table| Ok(ByteBuf::from(info(flights, name, table)?.encode_to_vec())));
    let serialized = compressed(&tables.collect::<Result<Vec<_>>>()?)?;
    let sha256 = Sha256::digest(&serialized).iter().map(|byte| format!("{byte:02x}")).collect();
    let schema = Schema {
        name: SCHEMA,
        description: "the customers of a SaaS company, and the truth behind the data",
        tags: BTreeMap::new(),
        contents: Contents { sha256, url: None, serialized: Some(ByteBuf::from(serialized)) },
        is_default: true,
    };
    compressed(&Catalog { contents: Contents::default(), schemas: vec![schema], version_info: version() })
}

/// Returns a table of the catalogue. Its schema announces that the table has statistics.
fn info(flights: &Flights, catalog: &str, table: Table) -> Result<FlightInfo> {
    let metadata = TableMetadata {
        kind: "table",
        catalog,
        schema: SCHEMA,
        name: table.name(),
        comment: table.summary(),
        input_schema: None,
        action_name: None,
        description: None,
        extra_data: None,
    };
    let scan = Scan::whole(&flights.data_set, table);
    let mut schema = ArrowSchema::clone(&schema(&scan));
    schema.metadata.insert("can_produce_statistics".to_string(), "1".to_string());
    Ok(FlightInfo::new()
        .try_with_schema(&schema)
        .map_err(encoding)?
        .with_descriptor(FlightDescriptor::new_path(vec![table.name().to_string()]))
        .with_app_metadata(write(&metadata)?)
        .with_total_records(total_records(&scan))
        .with_total_bytes(-1))
}

/// Compresses `message` to msgpack `[length, zstd]`, where the length is the uncompressed one. The extension checks it.
fn compressed(message: &impl Serialize) -> Result<Vec<u8>> {
    let plain = write(message)?;
    let failed = |error: std::io::Error| Error::Internal(format!("compressing the catalogue: {error}"));
    let packed = zstd::bulk::compress(&plain, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(failed)?;
    write(&(plain.len() as u32, ByteBuf::from(packed)))
}
