//! saasgen: realistic, deterministic SaaS customer data of any size, streamed over Arrow Flight as it is generated.
//!
//! ```text
//! model ─▶ random ─▶ tables ─▶ scan ─▶ batches ─┬─▶ flight ────────▶ cli
//! (what)   (bits)    (values)  (which) (Arrow)  └─▶ parquet_files ─▶ cli
//! ```
//!
//! Data flows one way, and a module uses only what stands to its left, and [`error`]. What all rests on: **a value is
//! a pure function of its address** (model, seed, table, customer, item, purpose). So any range of customers or dates
//! starts at once, every split, order and number of threads gives the same rows, and memory is flat at any size.
//!
//! The sixth invoice of customer 10^12 minus 1, without any other:
//!
//! ```
//! use saasgen::batches::Batches;
//! use saasgen::model::Model;
//! use saasgen::scan::{Naming, Scan, ScanRequest};
//! use saasgen::tables::{DataSet, Laws};
//! use std::sync::Arc;
//!
//! let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1()?)), 42, 1_000_000_000_000)?;
//! let request = ScanRequest::from_text("billing?first_id=999999999999&last_id=999999999999")?;
//! let (scan, _) = Scan::resolve(&data_set, &request, Naming::Ticket)?;
//! let invoices = Batches::new(scan).iter().next().transpose()?;
//! assert!(invoices.is_none_or(|rows| rows.num_rows() > 5));
//! # Ok::<(), saasgen::error::Error>(())
//! ```

pub mod batches;
pub mod cli;
pub mod error;
pub mod flight;
pub mod model;
pub mod parquet_files;
pub mod random;
pub mod scan;
pub mod tables;
