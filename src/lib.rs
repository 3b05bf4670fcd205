pub mod batches;
pub mod error;
pub mod model;
pub mod parquet_files;
pub mod random;
pub mod scan;
pub mod tables;
