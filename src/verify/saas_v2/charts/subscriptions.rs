//! Charts of subscriptions: survival and recurring revenue.

use super::customers::month_label;
use super::survival;
use crate::error::Result;
use crate::verify::report::{Axis, Chart, Marks, OBSERVED, Role, bars, counts, short};
use crate::verify::saas_v2::report_data::ReportData;

/// Charts the recurring revenue by month, and survival on each plan with a price.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let mut charts = vec![revenue(data)?];
    charts.extend(survival::charts(&data.model, &data.aggregates.ends)?);
    Ok(charts)
}

/// Charts the monthly recurring revenue at the end of each month.
fn revenue(data: &ReportData) -> Result<Chart> {
    let changes = &data.aggregates.mrr_changes;
    let mut cents = 0.0;
    let months: Vec<f64> = changes
        .row(0)
        .iter()
        .zip(changes.row(1))
        .map(|(&gained, &lost)| {
            cents += gained as f64 - lost as f64;
            cents / 100.0
        })
        .collect();
    let most = months.iter().copied().fold(0.0, f64::max);
    let text = format!("Monthly recurring revenue at the end of each month. It grows to at most {}", short(most));
    let label = |x: f64| month_label(data, x);
    let axes = [
        Axis { title: "month", from: -0.5, to: months.len() as f64 - 0.5, labels: 5, label: &label },
        counts("recurring revenue a month", most),
    ];
    let marks = [Marks::Bars(Role::Data, 0.7, bars(months.into_iter()))];
    Ok(Chart::new("Recurring revenue by month", text, axes, &marks)?.with_legend(&[OBSERVED]))
}
