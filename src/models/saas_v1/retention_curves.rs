//! `retention_curves`: the probability of activity, by plan and age.

use super::seeded_laws::SeededLaws;
use crate::models::{Column, ColumnSet};
use std::ops::Range;

/// Returns the curves of the plans with these numbers, which start at 1.
pub(super) fn rows(seeded: &SeededLaws, plans: Range<u64>, columns: ColumnSet) -> Vec<Column> {
    let days = seeded.window().days as usize;
    let plans = plans.start as usize - 1..plans.end as usize - 1;
    let column = |index| match index {
        0 => Column::Text(plans.clone().flat_map(|plan| std::iter::repeat_n(plan as u8, days)).collect()),
        1 => Column::Int32(plans.clone().flat_map(|_| 0..days as i32).collect()),
        _ => Column::Float64(
            seeded.laws().plans[plans.clone()].iter().flat_map(|plan| &plan.retention).copied().collect(),
        ),
    };
    columns.indices().map(column).collect()
}
