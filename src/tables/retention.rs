//! `retention_curves`: the probability of being active, by plan and age.

use super::laws::active_probability;
use super::{Column, ColumnSet, DataSet};

pub(super) fn rows(data_set: &DataSet, columns: ColumnSet) -> Vec<Column> {
    let model = data_set.model();
    let days = model.window().days;
    let (mut plan, mut day, mut probability) = (Vec::new(), Vec::new(), Vec::new());
    for (index, law) in model.parameters().plans.values().enumerate() {
        for age in 0..days {
            plan.push(index as u8);
            day.push(age as i32);
            probability.push(active_probability(model, law, age));
        }
    }
    let all = [Column::Text(plan), Column::Int32(day), Column::Float64(probability)];
    columns.select(all)
}
