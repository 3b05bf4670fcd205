//! The report: one HTML file with everything in it, readable without a network or a script.

mod chart;
mod customers;
mod events;
mod page;
mod usage;

pub use page::{GENERATOR, html};

use super::checks::Material;
use super::figures::grouped;
use crate::model::date_of;
use chart::{Axis, Bar};

/// An axis of counts from 0.
fn counts<'a>(title: &'a str, most: f64) -> Axis<'a> {
    Axis { title, from: 0.0, to: (most * 1.05).max(1e-9), labels: 5, label: &short }
}

/// An axis of shares from 0.
fn percentages<'a>(title: &'a str, most: f64) -> Axis<'a> {
    let label = if most < 0.1 { &tenths_of_percent as &dyn Fn(f64) -> String } else { &percent };
    Axis { title, from: 0.0, to: (most * 1.05).max(1e-9), labels: 5, label }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn tenths_of_percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count in the space that an axis has.
fn short(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{}M", trimmed(count / 1e6)),
        count if count >= 1e4 => format!("{}k", trimmed(count / 1e3)),
        count if count >= 10.0 || count.fract() == 0.0 => grouped(count.round() as u64),
        count => trimmed(count),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The month of a day of the window.
fn month(material: &Material, day: f64) -> String {
    let date = date_of(material.facts.window.first + day as i32).to_string();
    date[..7].to_string()
}

/// A bar for each height, of width 0.8 about 0, 1, 2, …
fn bars(heights: impl Iterator<Item = f64>) -> Vec<Bar> {
    heights
        .enumerate()
        .map(|(index, height)| Bar { x: (index as f64 - 0.4, index as f64 + 0.4), y: (0.0, height) })
        .collect()
}

/// The names at whole numbers, nothing between them.
fn name_at(names: &[&str], position: f64) -> String {
    let index = position.round();
    let is_whole = (position - index).abs() < 1e-6 && index >= 0.0;
    names.get(index as usize).filter(|_| is_whole).map(|name| shortened(name)).unwrap_or_default()
}

/// Names of other models may be long.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 12 { name.to_string() } else { name.chars().take(11).chain(['…']).collect() }
}
