//! The report: one HTML file that needs no network and no script.

mod axes;
mod billing;
mod chart;
mod customers;
mod model_parts;
mod overview;
mod page;
mod shares;
mod support;
mod usage;

pub use page::{GENERATOR, html};
