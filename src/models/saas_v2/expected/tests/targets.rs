//! The default model against the targets that its figures are tuned for, as far as expectations show them.

use super::super::super::laws::Laws;
use super::super::super::tables;
use super::super::lives::{CycleOdds, lives};
use super::super::plan_term::PlanTerm;
use super::super::rows::RowMoments;
use super::laws;
use std::ops::Range;

/// Returns the share of starts of these cycles that end for a reason among `reasons`.
fn ends(laws: &Laws, plan: u8, cycles: Range<usize>, reasons: Range<usize>) -> f64 {
    let odds: Vec<CycleOdds> = lives(laws, PlanTerm { plan, is_annual: false });
    let ended = odds[cycles.clone()].iter().flat_map(|odds| &odds.ends[reasons.clone()]).sum::<f64>();
    ended / odds[cycles].iter().map(|odds| odds.starts).sum::<f64>()
}

#[test]
fn churn_on_monthly_terms_is_within_its_targets() {
    let laws = laws(|_| ());
    for (plan, target) in [(0, 0.09..0.13), (1, 0.03..0.05), (2, 0.017..0.028), (3, 0.009..0.017)] {
        let [early, late] = [0..6, 6..12].map(|cycles| ends(&laws, plan, cycles, 0..4));
        println!("plan {plan}: {early:.4}, then {late:.4}");
        assert!(target.contains(&early), "plan {plan}: {early}");
        assert!(late < early, "plan {plan}: {early}, then {late}");
        assert!(plan > 0 || late < 0.065, "plan {plan}: {late}");
    }
    for (plan, target) in [(1, 0.007..0.014), (2, 0.005..0.012), (3, 0.002..0.006)] {
        let unpaid = ends(&laws, plan, 0..12, 4..5);
        println!("plan {plan}: unpaid {unpaid:.4}");
        assert!(target.contains(&unpaid), "plan {plan}: unpaid {unpaid}");
    }
}

#[test]
fn rows_of_100_000_customers_are_within_their_targets() {
    let laws = laws(|_| ());
    let days = laws.window().range();
    for (table, target) in
        [(tables::USAGE_DAILY, 3.5e6..4.2e6), (tables::BILLING, 0.32e6..0.37e6), (tables::CYCLES_TRUTH, 0.62e6..0.68e6)]
    {
        let rows = RowMoments::new(&laws, table).in_days(&laws, &days).of(100_000);
        println!("{table:?}: {rows:?}");
        assert!(target.contains(&rows.rows), "{table:?}: {rows:?}");
    }
}
