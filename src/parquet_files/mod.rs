//! Tables as Parquet files: the same bytes whether their batches come from a scan or over Flight.

mod folder;
mod in_progress;
mod manifest;
mod properties;
mod scan_source;
mod write;

pub use folder::Folder;
pub use manifest::{MANIFEST_FILE, Manifest, ScanRange, TableEntry};
pub use properties::Compression;
pub use scan_source::ScanSource;
pub use write::{Progress, TableSource, WriteOptions};
