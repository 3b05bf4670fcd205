//! `retention_curves`: the probability of being active, by plan and age.

use super::laws::active_probability;
use super::{Column, ColumnSet, DataSet};
use std::ops::Range;

/// The curves of the plans with these numbers, the first being 1.
pub(super) fn rows(data_set: &DataSet, plans: Range<u64>, columns: ColumnSet) -> Vec<Column> {
    let model = data_set.model();
    let days = model.window().days;
    let rows: Vec<(usize, u32)> = plans.flat_map(|plan| (0..days).map(move |age| (plan as usize - 1, age))).collect();
    let probability = |&(plan, age): &(usize, u32)| active_probability(model, &model.parameters().plans[plan], age);
    let column = |index| match index {
        0 => Column::Text(rows.iter().map(|&(plan, _)| plan as u8).collect()),
        1 => Column::Int32(rows.iter().map(|&(_, age)| age as i32).collect()),
        _ => Column::Float64(rows.iter().map(probability).collect()),
    };
    columns.indices().map(column).collect()
}
