//! Charts of sizes, plans and regions.

use super::chart::{Axis, Bar, Chart, Ink, Marks};
use super::{bars, name_at, percentages};
use crate::error::Result;
use crate::model::Shares;
use crate::verify::checks::{Evidence, Material, Verification};
use crate::verify::figures::{figure, grouped};
use crate::verify::statistics::interval_reach;

const OBSERVED: (Ink, &str) = (Ink::Data, "observed");
const EXPECTED: (Ink, &str) = (Ink::Model, "the model");

/// How far each table's number of rows is from what is expected, in standard deviations.
pub(super) fn sizes(verification: &Verification) -> Result<Option<Chart>> {
    let rows = verification.checks.iter().filter(|check| check.name == "rows");
    let sizes: Vec<(&str, f64, f64, f64)> = rows
        .filter_map(|check| match &check.evidence {
            Evidence::Law(measured) => {
                let sd = (measured.interval[1] - measured.interval[0]) / (2.0 * interval_reach());
                Some((check.table, (measured.observed - measured.expected) / sd, measured.observed, measured.expected))
            }
            _ => None,
        })
        .collect();
    if sizes.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = sizes.iter().map(|size| size.0).collect();
    let reach = sizes.iter().map(|size| size.1.abs()).fold(3.5, f64::max) * 1.1;
    let text = sizes.iter().map(|(name, z, observed, expected)| {
        format!("{name} has {} rows, {} expected, {z:.1} sd off", grouped(*observed as u64), grouped(*expected as u64))
    });
    let top = sizes.len() as f64 - 0.5;
    let axes = [
        Axis {
            title: "rows - expected, in standard deviations",
            from: -reach,
            to: reach,
            labels: 7,
            label: &|z| format!("{z:.0}"),
        },
        Axis {
            title: "",
            from: -0.5,
            to: top,
            labels: 2 * sizes.len() + 1,
            label: &|row| name_at(&names, row).replace("usage_", ""),
        },
    ];
    let band = Marks::Bars(Ink::Band, 0.25, vec![Bar { x: (-interval_reach(), interval_reach()), y: (-0.5, top) }]);
    let dots = sizes.iter().enumerate().map(|(row, size)| (size.1, row as f64)).collect();
    let chart = Chart::new(
        "Rows of each table",
        text.collect::<Vec<_>>().join("; "),
        axes,
        &[band, Marks::Dots(Ink::Data, dots)],
    )?;
    Ok(Some(chart.with_legend(&[OBSERVED, (Ink::Band, "where 99 of 100 right data sets lie")])))
}

/// Shares of counts, beside the model's.
pub(super) fn mix(title: &str, unit: &str, names: &[&str], counts: &[u64], shares: &[f64]) -> Result<Chart> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let observed: Vec<f64> = counts.iter().map(|&count| count as f64 / total).collect();
    let most = observed.iter().chain(shares).copied().fold(0.0, f64::max);
    let text = names.iter().zip(&observed).zip(shares).map(|((name, observed), share)| {
        format!("{name} {} % ({} % expected)", figure(observed * 100.0), figure(share * 100.0))
    });
    let axes = [
        Axis {
            title: "",
            from: -0.5,
            to: names.len() as f64 - 0.5,
            labels: 2 * names.len() + 1,
            label: &|x| name_at(names, x),
        },
        percentages(unit, most),
    ];
    let expected = shares.iter().enumerate().map(|(index, &share)| (index as f64, share));
    let strokes =
        expected.map(|(x, share)| Bar { x: (x - 0.45, x + 0.45), y: (share - most * 0.006, share + most * 0.006) });
    let marks =
        [Marks::Bars(Ink::Data, 0.7, bars(observed.iter().copied())), Marks::Bars(Ink::Model, 1.0, strokes.collect())];
    Ok(Chart::new(title, text.collect::<Vec<_>>().join(", "), axes, &marks)?.with_legend(&[OBSERVED, EXPECTED]))
}

/// Shares of counts beside those of a list of the model.
pub(super) fn mix_of(title: &str, unit: &str, list: &Shares, counts: &[u64]) -> Result<Chart> {
    let names: Vec<&str> = list.keys().map(String::as_str).collect();
    mix(title, unit, &names, counts, &list.values().copied().collect::<Vec<_>>())
}

/// Customers by plan and by region.
pub(super) fn charts(material: &Material) -> Result<Vec<Chart>> {
    let (facts, tally) = (&material.facts, &material.tally);
    let plans: Vec<&str> = facts.plans.iter().map(|plan| plan.name.as_str()).collect();
    let plan_shares: Vec<f64> = facts.plans.iter().map(|plan| plan.share).collect();
    let by_plan: Vec<u64> = tally.signups.rows().map(|row| row.iter().sum()).collect();
    Ok(vec![
        mix("Customers by plan", "share of customers", &plans, &by_plan, &plan_shares)?,
        mix_of(
            "Customers by region",
            "share of customers",
            &facts.model.parameters().regions,
            &tally.regions.column_sums(),
        )?,
    ])
}
