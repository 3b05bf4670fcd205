//! Axes, labels and legends that several charts share.

use super::chart::{Axis, Bar, Role};
use crate::models::{Window, date_of};
use crate::verify::verdicts::grouped;

/// Legend entries of observed values and of the model.
pub const OBSERVED: (Role, &str) = (Role::Data, "observed");
pub const EXPECTED: (Role, &str) = (Role::Model, "model");

/// Returns an axis of counts that starts at 0.
pub fn counts<'a>(title: &'a str, most: f64) -> Axis<'a> {
    Axis { title, from: 0.0, to: (most * 1.05).max(1e-9), labels: 5, label: &short }
}

/// Returns an axis of shares that starts at 0.
pub fn percentages<'a>(title: &'a str, most: f64) -> Axis<'a> {
    let label = if most < 0.1 { &tenths_of_percent as &dyn Fn(f64) -> String } else { &percent };
    Axis { title, from: 0.0, to: (most * 1.05).max(1e-9), labels: 5, label }
}

pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

pub fn tenths_of_percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Returns a count as a short label: `12.5k`.
pub fn short(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{}M", trimmed(count / 1e6)),
        count if count >= 1e4 => format!("{}k", trimmed(count / 1e3)),
        count if count >= 10.0 || count.fract() == 0.0 => grouped(count.round() as u64),
        count => trimmed(count),
    }
}

pub fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Returns the month of a day of the window: `2024-01`.
pub fn month(window: Window, day: f64) -> String {
    let date = date_of(window.first + day as i32).to_string();
    date[..7].to_string()
}

/// Returns a bar for each height. Bars are 0.8 wide and centred at 0, 1, 2, …
pub fn bars(heights: impl Iterator<Item = f64>) -> Vec<Bar> {
    heights
        .enumerate()
        .map(|(index, height)| Bar { x: (index as f64 - 0.4, index as f64 + 0.4), y: (0.0, height) })
        .collect()
}

/// Returns the label of a position: a name at each whole number, and nothing between them.
pub fn name_at(names: &[&str], position: f64) -> String {
    let index = position.round();
    let is_whole = (position - index).abs() < 1e-6 && index >= 0.0;
    names.get(index as usize).filter(|_| is_whole).map(|name| shortened(name)).unwrap_or_default()
}

/// Shortens a name to 12 characters. The names of a model can be long.
pub fn shortened(name: &str) -> String {
    if name.chars().count() <= 12 { name.to_string() } else { name.chars().take(11).chain(['…']).collect() }
}
