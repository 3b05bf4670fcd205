//! Reading the Parquet files of a table, whatever program wrote them.
//!
//! The parquet crate allocates memory for the sizes that a file claims, and a few bytes can claim any size. This module
//! checks the claims against the number of rows before the crate decodes a page.

mod checked_row_group;
mod delta_lengths;
mod footer;
mod page_size_limit;
mod parquet_table;
mod table_files;
mod thrift;
mod thrift_structs;
mod unreadable_file;
mod varint;

pub use parquet_table::{ParquetFile, ParquetTable};
pub use table_files::skipped_files;
