//! Charts of plans, channels and signups.

use crate::error::Result;
use crate::verify::report::{Axis, Chart, EXPECTED, Marks, OBSERVED, Role, bars, counts, month, share_chart, short};
use crate::verify::saas_v2::laws::customers_by_plan;
use crate::verify::saas_v2::report_data::ReportData;

/// Charts customers by plan, by channel and by signup month.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let parameters = model.parameters();
    let plans = parameters.plans.values().map(|plan| plan.share);
    let channels = parameters.channels.values().map(|channel| channel.share);
    let unit = "share of customers";
    Ok(vec![
        share_chart("Customers by plan", unit, &model.plan_names(), &customers_by_plan(aggregates), &plans)?,
        share_chart(
            "Customers by channel",
            unit,
            &model.channel_names(),
            &aggregates.channels.column_sums(),
            &channels,
        )?,
        signups(data)?,
    ])
}

/// Charts customers by signup month, with the expected numbers.
fn signups(data: &ReportData) -> Result<Chart> {
    let model = &data.model;
    let customers = data.aggregates.customers() as f64;
    let mut observed = vec![0.0; model.months()];
    let mut expected = vec![0.0; model.months()];
    for (day, count) in data.aggregates.signups.column_sums().into_iter().enumerate() {
        let month = model.month_of(day as i32);
        observed[month] += count as f64;
        expected[month] += customers * model.laws.signup_weights[day];
    }
    let most = observed.iter().chain(&expected).copied().fold(0.0, f64::max);
    let text = format!("Customers by signup month, over {} months. At most {} in one", observed.len(), short(most));
    let last = observed.len() as f64 - 0.5;
    let label = |x: f64| month_label(data, x);
    let axes =
        [Axis { title: "signup month", from: -0.5, to: last, labels: 5, label: &label }, counts("customers", most)];
    let line = expected.iter().enumerate().map(|(month, &count)| (month as f64, count)).collect();
    let marks = [Marks::Bars(Role::Data, 0.7, bars(observed.into_iter())), Marks::Line(Role::Model, line)];
    Ok(Chart::new("Customers by signup month", text, axes, &marks)?.with_legend(&[OBSERVED, EXPECTED]))
}

/// Returns the label of the month with this number, which is whole.
pub fn month_label(data: &ReportData, number: f64) -> String {
    let model = &data.model;
    let is_whole = (number - number.round()).abs() < 1e-6 && number > -0.5;
    let first = is_whole.then(|| model.cycle_start(0, number.round() as usize)).flatten();
    first.map(|day| month(model.window, f64::from(day))).unwrap_or_default()
}
