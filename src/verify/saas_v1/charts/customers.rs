//! Charts of plans, regions and signups.

use crate::error::Result;
use crate::verify::report::{
    Axis, Chart, Marks, OBSERVED, Role, bars, counts, month, share_chart, share_chart_of, short,
};
use crate::verify::saas_v1::report_data::ReportData;

/// Charts customers by plan, by region and by signup month.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let plans: Vec<&str> = model.plans.iter().map(|plan| plan.name.as_str()).collect();
    let plan_shares: Vec<f64> = model.plans.iter().map(|plan| plan.share).collect();
    Ok(vec![
        share_chart("Customers by plan", "share of customers", &plans, &by_plan(data), &plan_shares)?,
        share_chart_of(
            "Customers by region",
            "share of customers",
            &model.parameters.regions,
            &aggregates.regions.column_sums(),
        )?,
        signups(data)?,
    ])
}

/// Returns the number of customers of each plan.
pub fn by_plan(data: &ReportData) -> Vec<u64> {
    data.aggregates.signups.rows().map(|row| row.iter().sum()).collect()
}

/// Charts customers by signup month.
fn signups(data: &ReportData) -> Result<Chart> {
    let model = &data.model;
    let months = model.by_month(&data.aggregates.signups.column_sums());
    let first_day = |month: usize| model.months.iter().position(|&own| own == month).unwrap_or(0) as f64;
    let most = months.iter().copied().max().unwrap_or(0) as f64;
    let text =
        format!("Customers by signup month, over {} months. At most {} signed up in one", months.len(), short(most));
    let last = months.len() as f64 - 0.5;
    let label = |x: f64| {
        if (x - x.round()).abs() < 1e-6 && x >= 0.0 {
            month(model.window, first_day(x as usize))
        } else {
            String::new()
        }
    };
    let axes =
        [Axis { title: "signup month", from: -0.5, to: last, labels: 5, label: &label }, counts("customers", most)];
    let marks = [Marks::Bars(Role::Data, 0.7, bars(months.iter().map(|&count| count as f64)))];
    Ok(Chart::new("Customers by signup month", text, axes, &marks)?.with_legend(&[OBSERVED]))
}
