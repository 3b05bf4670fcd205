//! Parquet files of tables.
//!
//! The writer gives the same bytes whether the rows are generated or come over Arrow Flight. The reader takes files of
//! any writer.

mod commit;
mod compression;
mod encode;
mod expected_bytes;
mod file_format;
mod file_names;
mod file_properties;
mod manifest;
mod manifest_check;
mod output_folder;
mod read;
mod write;

pub use commit::write_atomically;
pub use compression::Compression;
pub use expected_bytes::expected_bytes;
pub use file_format::FileFormat;
pub use file_names::MANIFEST_FILE;
pub use manifest::{Manifest, ScanRange, TableEntry};
pub use manifest_check::{FileStatements, ManifestCheck};
pub use output_folder::OutputFolder;
pub use read::{ParquetFile, ParquetTable, skipped_files};
pub use write::{Progress, TableOutput, WriteOptions, write_table};
