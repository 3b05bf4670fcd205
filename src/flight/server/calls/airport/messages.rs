//! The msgpack messages of the Airport extension (Query-farm/airport, `airport_catalog_api.hpp` and `airport_rpc.cpp`).
//!
//! The extension packs byte strings as msgpack str, whatever their bytes, and reads str and bin alike.

use crate::error::{Error, Result};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use std::fmt;

/// Reads the body of `action`, which must be a map.
pub(super) fn read<'a, T: Deserialize<'a>>(action: &str, body: &'a [u8]) -> Result<T> {
    let refused = |why: &dyn fmt::Display| {
        Error::Misuse(format!("the body of action {action:?} is not the msgpack map that it takes: {why}"))
    };
    // rmp_serde would also accept an array of the values.
    if !matches!(body.first(), Some(0x80..=0x8F | 0xDE | 0xDF)) {
        return Err(refused(&"it is not a map"));
    }
    rmp_serde::from_slice(body).map_err(|error| refused(&error))
}

pub(super) fn write(message: &impl Serialize) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(message).map_err(|error| Error::Internal(format!("encoding msgpack: {error}")))
}

/// The columns that are read, by their index in the schema. Indices beyond any schema (a row id, `count(*)`) are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<u64>")]
pub(super) struct ColumnIds(u64);

impl ColumnIds {
    pub const ALL: Self = Self(u64::MAX);

    pub fn has(self, column: usize) -> bool {
        column < 64 && self.0 >> column & 1 == 1
    }
}

impl From<Vec<u64>> for ColumnIds {
    fn from(ids: Vec<u64>) -> Self {
        Self(ids.into_iter().filter(|&id| id < 64).fold(0, |all, id| all | 1 << id))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct EndpointsRequest<'a> {
    /// A serialized FlightDescriptor.
    #[serde(borrow)]
    pub descriptor: &'a Bytes,
    #[serde(borrow)]
    pub parameters: EndpointsParameters<'a>,
}

/// Reads the descriptor from the first bytes of an [`EndpointsRequest`]: the extension writes it first.
pub(super) fn descriptor_of_prefix(body: &[u8]) -> Option<&[u8]> {
    struct First<'a, 'de>(&'a mut Option<&'de [u8]>);

    impl<'de> Visitor<'de> for First<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
            if map.next_key::<&str>()? == Some("descriptor") {
                *self.0 = Some(map.next_value::<&Bytes>()?);
            }
            Ok(())
        }
    }

    let mut descriptor = None;
    // Always an error, as the map is not read to its end.
    let _ = rmp_serde::Deserializer::from_read_ref(body).deserialize_map(First(&mut descriptor));
    descriptor
}

#[derive(Debug, Deserialize)]
pub(super) struct EndpointsParameters<'a> {
    /// Empty if there is no filter.
    #[serde(borrow)]
    pub json_filters: &'a Bytes,
    pub column_ids: ColumnIds,
}

#[derive(Debug, Deserialize)]
pub(super) struct CatalogRequest<'a> {
    /// The name that the client gave the catalogue.
    pub catalog_name: &'a str,
}

/// The requested time (`at_unit`, `at_value`) is ignored: the data set never changes.
#[derive(Debug, Deserialize)]
pub(super) struct FlightInfoRequest<'a> {
    #[serde(borrow)]
    pub descriptor: &'a Bytes,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatisticsRequest<'a> {
    #[serde(borrow)]
    pub flight_descriptor: &'a Bytes,
    pub column_name: &'a str,
    /// DuckDB's name of the type, which follows from the schema.
    #[serde(rename = "type")]
    pub _type: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct CatalogVersion {
    pub catalog_version: u64,
    pub is_fixed: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Transaction {
    /// None: reading a data set that never changes needs no transaction.
    pub identifier: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Catalog {
    pub contents: Contents,
    pub schemas: Vec<Schema>,
    pub version_info: CatalogVersion,
}

/// Contents by URL, or in the message itself. This server sends them in the message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Contents {
    /// The hash of `serialized` in lower-case hex; empty if it is not to be checked.
    pub sha256: String,
    pub url: Option<String>,
    pub serialized: Option<ByteBuf>,
}

#[derive(Debug, Serialize)]
pub(super) struct Schema {
    pub name: &'static str,
    pub description: &'static str,
    pub tags: std::collections::BTreeMap<String, String>,
    pub contents: Contents,
    pub is_default: bool,
}

/// The `app_metadata` of the FlightInfo of a table.
#[derive(Debug, Serialize)]
pub(super) struct TableMetadata<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub catalog: &'a str,
    pub schema: &'static str,
    pub name: &'static str,
    pub comment: &'static str,
    pub input_schema: Option<ByteBuf>,
    pub action_name: Option<String>,
    pub description: Option<String>,
    pub extra_data: Option<ByteBuf>,
}
