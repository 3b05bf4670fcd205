//! Charts of row counts, plans and regions.

use super::axes::{OBSERVED, name_at};
use super::chart::{Axis, Bar, Chart, Marks, Role};
use super::shares::{share_chart, share_chart_of};
use crate::error::Result;
use crate::verify::statistics::interval_reach;
use crate::verify::verdicts::{Evidence, ReportData, Verification, grouped};

/// Charts how far the number of rows of each table is from the expected number, in standard deviations.
pub fn row_counts(verification: &Verification) -> Result<Option<Chart>> {
    let rows = verification.checks.iter().filter(|check| check.name == "rows");
    let deviations: Vec<(&str, f64, f64, f64)> = rows
        .filter_map(|check| match &check.evidence {
            Evidence::Law(measured) => {
                let sd = (measured.interval[1] - measured.interval[0]) / (2.0 * interval_reach());
                Some((check.table, (measured.observed - measured.expected) / sd, measured.observed, measured.expected))
            }
            _ => None,
        })
        .collect();
    if deviations.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = deviations.iter().map(|deviation| deviation.0).collect();
    let reach = deviations.iter().map(|deviation| deviation.1.abs()).fold(3.5, f64::max) * 1.1;
    let text = deviations.iter().map(|(name, z, observed, expected)| {
        format!(
            "{name} has {} rows, {} are expected, the difference is {z:.1} standard deviations",
            grouped(*observed as u64),
            grouped(*expected as u64)
        )
    });
    let top = deviations.len() as f64 - 0.5;
    let axes = [
        Axis {
            title: "difference from expected, in standard deviations",
            from: -reach,
            to: reach,
            labels: 7,
            label: &|z| format!("{z:.0}"),
        },
        Axis {
            title: "",
            from: -0.5,
            to: top,
            labels: 2 * deviations.len() + 1,
            label: &|row| name_at(&names, row).replace("usage_", ""),
        },
    ];
    let band = Marks::Bars(Role::Band, 0.25, vec![Bar { x: (-interval_reach(), interval_reach()), y: (-0.5, top) }]);
    let dots = deviations.iter().enumerate().map(|(row, deviation)| (deviation.1, row as f64)).collect();
    let chart = Chart::new(
        "Rows of each table",
        text.collect::<Vec<_>>().join("; "),
        axes,
        &[band, Marks::Dots(Role::Data, dots)],
    )?;
    Ok(Some(chart.with_legend(&[OBSERVED, (Role::Band, "99 % interval")])))
}

/// Charts customers by plan and by region.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let plans: Vec<&str> = model.plans.iter().map(|plan| plan.name.as_str()).collect();
    let plan_shares: Vec<f64> = model.plans.iter().map(|plan| plan.share).collect();
    let by_plan: Vec<u64> = aggregates.signups.rows().map(|row| row.iter().sum()).collect();
    Ok(vec![
        share_chart("Customers by plan", "share of customers", &plans, &by_plan, &plan_shares)?,
        share_chart_of(
            "Customers by region",
            "share of customers",
            &model.parameters().regions,
            &aggregates.regions.column_sums(),
        )?,
    ])
}
