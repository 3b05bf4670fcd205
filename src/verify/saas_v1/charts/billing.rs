//! Charts of invoices.

use crate::error::Result;
use crate::verify::report::{Axis, Bar, Chart, Marks, Role, counts, month, share_chart, share_chart_of, short};
use crate::verify::saas_v1::report_data::ReportData;

/// Charts invoices by week, by status and by days early or late.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let statuses = &model.parameters.billing.status;
    let days: Vec<&[u64]> = aggregates.statuses.rows().collect();
    let weeks = days.chunks(7).filter(|week| week.len() == 7);
    let mut stacks: Vec<Vec<Bar>> = vec![Vec::new(); statuses.len()];
    let mut most: f64 = 0.0;
    for (week, days) in weeks.enumerate() {
        let mut height = 0.0;
        for (status, stack) in stacks.iter_mut().enumerate() {
            let count = days.iter().map(|day| day[status]).sum::<u64>() as f64;
            let x = (week * 7) as f64;
            stack.push(Bar { x: (x + 0.5, x + 6.5), y: (height, height + count) });
            height += count;
        }
        most = most.max(height);
    }
    // Shades of one colour, the first one darkest, so that a stack is readable without colour vision.
    let opacity = |status: usize| 1.0 - 0.75 * status as f64 / (statuses.len().max(2) - 1) as f64;
    let marks: Vec<Marks> =
        stacks.into_iter().enumerate().map(|(status, stack)| Marks::Bars(Role::Data, opacity(status), stack)).collect();
    let names: Vec<&str> = statuses.keys().map(String::as_str).collect();
    let text = format!(
        "Invoices per week. The number grows with the paying customers to {}. From the bottom up: {}",
        short(most),
        names.join(", ")
    );
    let axes = [
        Axis { title: "week", from: 0.0, to: model.days() as f64, labels: 5, label: &|day| month(model.window, day) },
        counts("invoices per week", most),
    ];
    let shades = names.iter().enumerate().map(|(status, name)| (Role::Data, opacity(status), name.to_string()));
    Ok(vec![
        Chart::new("Invoices by week", text, axes, &marks)?.with_shades(shades),
        share_chart_of("Invoices by status", "share of invoices", statuses, &aggregates.statuses.column_sums())?,
        jitter(data)?,
    ])
}

/// Charts invoices by days early or late.
fn jitter(data: &ReportData) -> Result<Chart> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let names: Vec<String> = (-model.jitter_days..=model.jitter_days)
        .map(|days| if days == 0 { "0".into() } else { format!("{days:+}") })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let even = vec![1.0 / names.len() as f64; names.len()];
    share_chart("Days early (-) or late (+)", "share of invoices", &names, aggregates.jitter.row(0), &even)
}
