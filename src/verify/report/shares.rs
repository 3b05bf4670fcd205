//! Bar charts of shares beside the model's shares.

use super::axes::{EXPECTED, OBSERVED, bars, name_at, percentages};
use super::chart::{Axis, Bar, Chart, Marks, Role};
use crate::error::Result;
use crate::verify::verdicts::significant;
use indexmap::IndexMap;

/// Draws the shares of `counts` beside the shares of the model.
pub fn share_chart(title: &str, unit: &str, names: &[&str], counts: &[u64], shares: &[f64]) -> Result<Chart> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let observed: Vec<f64> = counts.iter().map(|&count| count as f64 / total).collect();
    rate_chart(title, unit, names, &observed, shares)
}

/// Draws observed rates, which need not sum to 1, beside the rates of the model.
pub fn rate_chart(title: &str, unit: &str, names: &[&str], observed: &[f64], expected: &[f64]) -> Result<Chart> {
    let most = observed.iter().chain(expected).copied().fold(0.0, f64::max);
    let text = names.iter().zip(observed).zip(expected).map(|((name, observed), share)| {
        format!("{name} {} % ({} % expected)", significant(observed * 100.0), significant(share * 100.0))
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
    let expected = expected.iter().enumerate().map(|(index, &share)| (index as f64, share));
    let strokes =
        expected.map(|(x, share)| Bar { x: (x - 0.45, x + 0.45), y: (share - most * 0.006, share + most * 0.006) });
    let marks = [
        Marks::Bars(Role::Data, 0.7, bars(observed.iter().copied())),
        Marks::Bars(Role::Model, 1.0, strokes.collect()),
    ];
    Ok(Chart::new(title, text.collect::<Vec<_>>().join(", "), axes, &marks)?.with_legend(&[OBSERVED, EXPECTED]))
}

/// Draws the shares of `counts` beside the shares of a list of the model.
pub fn share_chart_of(title: &str, unit: &str, list: &IndexMap<String, f64>, counts: &[u64]) -> Result<Chart> {
    let names: Vec<&str> = list.keys().map(String::as_str).collect();
    share_chart(title, unit, &names, counts, &list.values().copied().collect::<Vec<_>>())
}
