//! `expected_curves`: what to expect of a customer who started, by plan, term and cycle.

use super::super::expected::{CurvePoint, expected_curves};
use super::super::laws::Laws;
use crate::models::{Column, ColumnSet};

pub(super) fn rows(laws: &Laws, columns: ColumnSet) -> Vec<Column> {
    let points = expected_curves(laws);
    let text = |value: fn(&CurvePoint) -> u8| Column::Text(points.iter().map(value).collect());
    let float = |value: &dyn Fn(&CurvePoint) -> f64| Column::Float64(points.iter().map(value).collect());
    let column = |index| match index {
        0 => text(|point| point.of.plan),
        1 => text(|point| u8::from(point.of.is_annual)),
        2 => Column::Int32(points.iter().map(|point| point.cycle as i32).collect()),
        3 => float(&|point| point.survival),
        4 => float(&|point| point.hazard),
        5..10 => float(&|point| point.incidence[index - 5]),
        10 => float(&|point| point.active_days),
        _ => float(&|point| point.mrr),
    };
    columns.indices().map(column).collect()
}
