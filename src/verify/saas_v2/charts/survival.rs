//! Charts of survival by plan and term, with its exact curve.

use crate::error::Result;
use crate::models::saas_v2::{PlanTerm, lives};
use crate::verify::report::{Axis, Chart, EXPECTED, Marks, Role, percent, percentages, short};
use crate::verify::saas_v2::aggregates::LifeEnds;
use crate::verify::saas_v2::derived_model::DerivedModel;
use crate::verify::saas_v2::terms::plan_term_name;

/// Charts the share of customers who are still there at the start of each cycle, on each plan and term with customers.
pub fn charts(model: &DerivedModel, ends: &LifeEnds) -> Result<Vec<Chart>> {
    let charts = PlanTerm::ALL.into_iter().enumerate().filter_map(|(index, of)| {
        let observed = observed(ends, index, model.months());
        (observed.len() > 1).then(|| chart(model, of, observed))
    });
    charts.collect()
}

fn chart(model: &DerivedModel, of: PlanTerm, observed: Vec<f64>) -> Result<Chart> {
    let name = plan_term_name(model.plan_names(), of);
    let exact: Vec<f64> = lives(&model.laws, of).iter().map(|odds| odds.starts).collect();
    let points = |values: &[f64]| (0..).map(f64::from).zip(values.iter().copied()).collect::<Vec<(f64, f64)>>();
    let last = observed.len() - 1;
    let text = format!(
        "Share of customers on {name} who are still there by cycle. After {last} cycles it is {}. The model expects {}",
        percent(observed[last]),
        percent(exact.get(last).copied().unwrap_or(0.0))
    );
    let axes = [
        Axis { title: "cycle", from: 0.0, to: exact.len() as f64, labels: 6, label: &short },
        percentages("share still there", 1.0),
    ];
    let marks = [Marks::Line(Role::Model, points(&exact)), Marks::Dots(Role::Data, points(&observed))];
    let legend = [(Role::Data, "observed (Kaplan-Meier)"), EXPECTED];
    Ok(Chart::new(format!("Survival, {name}"), text, axes, &marks)?.with_legend(&legend))
}

/// Returns the product of the shares who stay from cycle to cycle, among the customers of whom the window shows the
/// whole cycle (E. Kaplan, P. Meier, 1958).
fn observed(ends: &LifeEnds, plan_term: usize, months: usize) -> Vec<f64> {
    let kinds = ends.kinds();
    let mut at_risk = vec![0; months];
    let mut ended = vec![0; months];
    for (horizon, counts) in ends.of(plan_term) {
        let mut there = counts.iter().sum::<u64>();
        for cycle in 0..horizon.whole_cycles.min(months) {
            let ends: u64 = counts[cycle * kinds..(cycle + 1) * kinds].iter().sum();
            at_risk[cycle] += there;
            ended[cycle] += ends;
            there -= ends;
        }
    }
    let mut survival = vec![1.0];
    for (at_risk, ended) in at_risk.into_iter().zip(ended).take_while(|(at_risk, _)| *at_risk > 0) {
        let before = survival.last().copied().unwrap_or(1.0);
        survival.push(before * (1.0 - ended as f64 / at_risk as f64));
    }
    survival
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::saas_v2::derived_model::Horizon;

    #[test]
    fn survival_counts_only_customers_whose_cycle_the_window_shows() {
        let mut ends = LifeEnds::new(3, 2);
        let horizon = |whole_cycles| Horizon { whole_cycles, shows_grace: false };
        for _ in 0..3 {
            ends.add(1, horizon(2), None);
        }
        ends.add(1, horizon(2), Some((0, 1)));
        ends.add(1, horizon(1), None);
        ends.add(1, horizon(1), Some((0, 0)));
        ends.add(1, horizon(2), Some((1, 0)));
        let found = observed(&ends, 1, 3);
        let expected = [1.0, 5.0 / 7.0, 5.0 / 7.0 * 3.0 / 4.0];
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    }
}
