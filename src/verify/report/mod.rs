//! The report: one HTML file that needs no network and no script.

mod axes;
mod chart;
mod model_report;
mod overview;
mod page;
mod shares;

pub(in crate::verify) use axes::{
    EXPECTED, OBSERVED, bars, counts, month, percent, percentages, short, tenths_of_percent,
};
pub(in crate::verify) use chart::{Axis, Bar, Chart, Marks, Role};
pub(in crate::verify) use model_report::{Curves, CustomerGroups, ModelReport};
pub use page::{GENERATOR, html};
pub(in crate::verify) use shares::{rate_chart, share_chart, share_chart_of};
