//! Arrow: schemas, record batches of a scan, and the hash of their values.

mod array_converter;
mod content_hash;
mod corrupt_input;
mod record_batches;
mod schema;
mod table_source;

pub use array_converter::array_of;
pub use content_hash::ContentHash;
pub(crate) use corrupt_input::catch_decoder_panic;
pub use record_batches::Batches;
pub(crate) use record_batches::Rows;
pub use schema::{COMMENT, has_same_columns, schema, schema_of};
pub use table_source::{ScanSource, TableSource};
