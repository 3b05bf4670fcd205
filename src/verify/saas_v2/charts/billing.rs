//! Charts of invoices.

use super::customers::month_label;
use crate::error::Result;
use crate::verify::report::{Axis, Bar, Chart, Marks, Role, counts, short};
use crate::verify::saas_v2::report_data::ReportData;

const STATUSES: [&str; 4] = ["paid", "late", "failed", "open"];

/// Charts invoices by month and status.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let mut stacks: [Vec<Bar>; STATUSES.len()] = Default::default();
    let mut most: f64 = 0.0;
    for (month, statuses) in data.aggregates.statuses.rows().enumerate() {
        let mut height = 0.0;
        for (stack, &count) in stacks.iter_mut().zip(statuses) {
            let x = (month as f64 - 0.4, month as f64 + 0.4);
            stack.push(Bar { x, y: (height, height + count as f64) });
            height += count as f64;
        }
        most = most.max(height);
    }
    // Shades of one colour, the first one darkest, so that a stack is readable without colour vision.
    let opacity = |status: usize| 1.0 - 0.25 * status as f64;
    let marks: Vec<Marks> =
        stacks.into_iter().enumerate().map(|(status, stack)| Marks::Bars(Role::Data, opacity(status), stack)).collect();
    let (most_text, names) = (short(most), STATUSES.join(", "));
    let text = format!("Invoices per month, at most {most_text}. From the bottom up: {names}");
    let label = |x: f64| month_label(data, x);
    let last = data.model.months() as f64 - 0.5;
    let axes = [Axis { title: "month", from: -0.5, to: last, labels: 5, label: &label }, counts("invoices", most)];
    let shades = STATUSES.iter().enumerate().map(|(status, name)| (Role::Data, opacity(status), name.to_string()));
    Ok(vec![Chart::new("Invoices by month and status", text, axes, &marks)?.with_shades(shades)])
}
