//! The msgpack messages of the Airport extension (Query-farm/airport, `airport_catalog_api.hpp` and `airport_rpc.cpp`).
//!
//! It packs byte strings as msgpack str whatever their bytes, and takes str and bin alike.

use crate::error::{Error, Result};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use std::fmt;

/// Reads the body of `action`, a map.
pub(super) fn read<'a, T: Deserialize<'a>>(action: &str, body: &'a [u8]) -> Result<T> {
    let refused = |why: &dyn fmt::Display| {
        Error::Misuse(format!("the body of action {action:?} is not the msgpack that it takes: {why}"))
    };
    // The crate would also read a list of the values in order.
    if !matches!(body.first(), Some(0x80..=0x8F | 0xDE | 0xDF)) {
        return Err(refused(&"it is no map"));
    }
    rmp_serde::from_slice(body).map_err(|error| refused(&error))
}

pub(super) fn write(message: &impl Serialize) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(message).map_err(|error| Error::Internal(format!("encoding msgpack: {error}")))
}

/// Which columns are read, by their place in the schema. What is beyond any schema (a row id, `count(*)`) is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ColumnIds(u64);

impl ColumnIds {
    pub const ALL: Self = Self(u64::MAX);

    pub fn has(self, column: usize) -> bool {
        column < 64 && self.0 >> column & 1 == 1
    }
}

impl<'de> Deserialize<'de> for ColumnIds {
    /// Id by id: a list is not believed to be as long as it says.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Ids;

        impl<'de> Visitor<'de> for Ids {
            type Value = ColumnIds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of column ids")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<ColumnIds, A::Error> {
                let mut ids = ColumnIds::default();
                while let Some(id) = list.next_element::<u64>()? {
                    ids.0 |= if id < 64 { 1 << id } else { 0 };
                }
                Ok(ids)
            }
        }

        deserializer.deserialize_seq(Ids)
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

/// The descriptor of an [`EndpointsRequest`] of which only the begin is there: the extension writes it first.
pub(super) fn descriptor_of_begin(body: &[u8]) -> Option<&[u8]> {
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
    // Always an error: the map is not read to its end.
    let _ = rmp_serde::Deserializer::from_read_ref(body).deserialize_map(First(&mut descriptor));
    descriptor
}

#[derive(Debug, Deserialize)]
pub(super) struct EndpointsParameters<'a> {
    /// Empty where there is no filter.
    #[serde(borrow)]
    pub json_filters: &'a Bytes,
    pub column_ids: ColumnIds,
}

#[derive(Debug, Deserialize)]
pub(super) struct CatalogRequest<'a> {
    /// The name that the client gave the catalogue.
    pub catalog_name: &'a str,
}

/// The time that is asked for (`at_unit`, `at_value`) makes no difference: the data set is the same at any.
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
    /// DuckDB's name of the type. It comes from the schema that it was given, so it says nothing new.
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
    /// None: reading what never changes needs none.
    pub identifier: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Catalog {
    pub contents: Contents,
    pub schemas: Vec<Schema>,
    pub version_info: CatalogVersion,
}

/// Contents by reference or, as here, in the message itself.
#[derive(Debug, Default, Serialize)]
pub(super) struct Contents {
    /// Of `serialized`, in lower-case hex; empty where it is not checked.
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

/// The app_metadata of a table's FlightInfo.
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

/// The app_metadata of a batch: how far its stream is.
#[derive(Debug, Serialize)]
pub(super) struct Progress {
    /// From 0 to 1.
    pub progress: f64,
}
