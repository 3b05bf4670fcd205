//! Realistic, deterministic SaaS customer data of any size, generated as it is streamed over Arrow Flight.
//!
//! ```text
//! random ─▶ models ─▶ scan ─▶ batches ─┬─▶ flight ────────┬─▶ cli
//! (bits)    (values)  (which) (Arrow)  ├─▶ parquet_files ─┤
//!                                      └─▶ verify ────────┘
//! ```
//!
//! Data flows one way: a module uses only the modules to its left, and [`error`].
//!
//! **A value is a pure function of its address**: model, seed, table, customer, item and purpose. So generation can
//! start at any customer and any date. Every split, every order and every number of threads gives the same rows. Memory
//! does not grow with the data set.
//!
//! This example generates January of the last ten of 10^12 customers, and nothing else:
//!
//! ```
//! use saasgen::batches::Batches;
//! use saasgen::models::{DataSet, Model};
//! use saasgen::scan::{RequestKind, Scan, ScanRequest};
//!
//! let data_set = DataSet::new(Model::saas_v1()?, 42, 1_000_000_000_000)?;
//! let request = ScanRequest::from_text("usage_daily?first_id=999999999991&from=2024-01-01&to=2024-01-31")?;
//! let (scan, _) = Scan::resolve(&data_set, &request, RequestKind::Ticket)?;
//! let january = Batches::new(scan).iter().next().transpose()?;
//! assert!(january.is_some_and(|rows| rows.num_rows() <= 10 * 31));
//! # Ok::<(), saasgen::error::Error>(())
//! ```

pub mod batches;
pub mod cli;
pub mod error;
pub mod flight;
pub mod models;
pub mod parquet_files;
pub mod plain_file;
pub mod random;
pub mod scan;
pub mod verify;
pub mod workers;
