//! Charts of leaving, with its causes.

use super::survival;
use crate::error::Result;
use crate::models::saas_v2::{REASONS, SUBSCRIPTIONS};
use crate::verify::report::{Chart, rate_chart};
use crate::verify::saas_v2::aggregates::Scores;
use crate::verify::saas_v2::derived_model::STATES;
use crate::verify::saas_v2::report_data::ReportData;

/// Charts the ends by engagement, problem tickets and reason. Survival is charted here if no subscriptions were read.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, truth) = (&data.model, &data.aggregates.truth);
    let tickets = ["0", "1", "2", "3 or more"];
    let mut charts = vec![
        rates("Ends by engagement", &model.engagement_names(), &truth.ends_by_engagement)?,
        rates("Ends by problem tickets", &tickets, &truth.ends_by_tickets)?,
        rates("Ends by plan", &model.plan_names(), &truth.ends_by_plan)?,
        reasons(&truth.reasons)?,
    ];
    if !data.has_read(SUBSCRIPTIONS) {
        charts.extend(survival::charts(model, &truth.ends)?);
    }
    Ok(charts)
}

fn rates(title: &str, names: &[&str], scores: &Scores) -> Result<Chart> {
    let (observed, expected): (Vec<f64>, Vec<f64>) = (0..names.len()).map(|stratum| scores.shares(stratum)).unzip();
    rate_chart(title, "share of decisions to leave", names, &observed, &expected)
}

/// Charts the reasons of the decisions to leave, on all plans together.
fn reasons(scores: &Scores) -> Result<Chart> {
    let (mut observed, mut expected) = ([0.0; STATES], [0.0; STATES]);
    for (index, (happened, mean)) in scores.happened().zip(scores.expected()).enumerate() {
        observed[index % STATES] += happened as f64;
        expected[index % STATES] += mean;
    }
    let shares = |sums: [f64; STATES]| sums.map(|sum| sum / sums.iter().sum::<f64>().max(1.0));
    let (observed, expected) = (shares(observed), shares(expected));
    rate_chart("Reasons to leave", "share of decisions", &REASONS[..STATES], &observed, &expected)
}
