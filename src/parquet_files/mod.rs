//! Tables as Parquet files: written the same byte for byte whether their batches come from a scan or over Flight, and
//! read whoever wrote them.

mod commit;
mod cover;
mod encode;
mod folder;
mod in_progress;
mod layout;
mod manifest;
mod properties;
mod read;
mod write;

pub use folder::Folder;
pub use in_progress::write_whole;
pub use manifest::{MANIFEST_FILE, Manifest, ScanRange, TableEntry};
pub use properties::Compression;
pub use read::ParquetTable;
pub use write::{Progress, WriteOptions, write_table};
