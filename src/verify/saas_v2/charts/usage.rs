//! Charts of active days.

use crate::error::Result;
use crate::verify::report::{Axis, Bar, Chart, Marks, Role, counts, month, short};
use crate::verify::saas_v2::aggregates::UsageAggregates;
use crate::verify::saas_v2::report_data::ReportData;

/// Charts the rows by day. Days with an incident are marked if the calendar was read.
pub fn charts(data: &ReportData, usage: &UsageAggregates) -> Result<Vec<Chart>> {
    let window = data.model.window;
    let rows: Vec<u64> = usage.by_day.column_sums();
    let most = rows.iter().copied().max().unwrap_or(0) as f64;
    let days = data.aggregates.calendar.iter().enumerate().filter(|(_, day)| day.incident < 1.0);
    let incidents: Vec<Bar> =
        days.map(|(day, _)| Bar { x: (day as f64 - 0.5, day as f64 + 0.5), y: (0.0, most * 1.05) }).collect();
    let text = format!(
        "Rows per day, at most {}. Weekends and holidays have fewer. {} days had an incident",
        short(most),
        incidents.len()
    );
    let axes = [
        Axis { title: "day", from: 0.0, to: rows.len() as f64, labels: 5, label: &|day| month(window, day) },
        counts("rows", most),
    ];
    let dots = rows.iter().enumerate().map(|(day, &count)| (day as f64, count as f64)).collect();
    let marks = [Marks::Bars(Role::Band, 0.4, incidents), Marks::Dots(Role::Data, dots)];
    let legend = [(Role::Data, "observed, one dot per day"), (Role::Band, "incident, if the calendar was read")];
    Ok(vec![Chart::new("Active days by date", text, axes, &marks)?.with_legend(&legend)])
}
