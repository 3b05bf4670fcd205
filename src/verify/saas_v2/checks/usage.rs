//! Checks of `usage_daily` and `usage_truth`.

use super::customer::{Customer, CustomerRows};
use super::cycle_rows::CycleRow;
use crate::models::saas_v2::USAGE_DAILY;
use crate::verify::rules::Rule;
use crate::verify::saas_v2::aggregates::{ActiveClass, Aggregates, UsageAggregates};
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};
use crate::verify::saas_v2::rules;
use crate::verify::violations::Violations;

/// What the usage of one customer is checked against.
pub struct Usage<'a> {
    pub model: &'a DerivedModel,
    pub customer: &'a Customer,
    pub cycles: Option<&'a [CycleRow]>,
    /// The last day of service, if it is known.
    pub service_end: Option<i32>,
    /// The class of intensity, if it is known.
    pub class: Option<usize>,
}

impl Usage<'_> {
    /// Counts the rows and records violations.
    pub fn check(&self, part: &CustomerRows<'_>, aggregates: &mut UsageAggregates, violations: &mut Violations) {
        let (model, table) = (self.model, part.table);
        let (dates, sessions) = (table.dates(1), table.int32(2));
        let (minutes, events) = (table.int32(3), table.int32(4));
        let plan = usize::from(self.customer.terms.plan);
        let mut before = None;
        let (mut rows, mut sum) = (0, 0);
        let mut cycles = self.cycles.unwrap_or(&[]).iter().peekable();
        let mut engagement = None;
        for row in part.rows() {
            let mut record = |rule| violations.record(table.table(), rule, || table.describe(row, &model.source));
            if before.replace(dates[row]) == Some(dates[row]) {
                record(Rule::UniqueKeys);
                continue;
            }
            let is_valid = match self.fault(sessions[row], minutes[row]) {
                Some(rule) => {
                    record(rule);
                    false
                }
                None => true,
            };
            if events[row] < 0 {
                record(rules::FEATURE_EVENTS);
            } else if is_valid {
                aggregates.add_values(plan, self.class, [sessions[row], minutes[row], events[row]]);
                rows += 1;
                sum += sessions[row] as u64;
            }
            let day = model.day(dates[row]);
            if !model.is_since(self.customer.signup, day) {
                record(rules::DATES);
                continue;
            }
            if self.service_end.is_some_and(|end| day > end) {
                record(rules::SERVICE);
                continue;
            }
            aggregates.by_day.add(plan, day as usize, 1);
            while let Some(cycle) = cycles.next_if(|cycle| cycle.first <= day) {
                engagement = Some(cycle.engagement);
            }
            if let Some(engagement) = engagement.filter(|_| self.class.is_some()) {
                aggregates.by_cell.add(plan * STATES + engagement, day as usize, 1);
            }
        }
        if rows > 0 {
            aggregates.add_customer(plan, rows, sum);
        }
    }

    /// Returns the rule that sessions and minutes violate.
    fn fault(&self, sessions: i32, minutes: i32) -> Option<Rule> {
        if sessions < 1 {
            return Some(rules::SESSIONS);
        }
        if minutes < sessions {
            return Some(rules::MINUTES_AT_LEAST);
        }
        let minutes_laws = &self.model.laws.minutes;
        let most = minutes_laws.normal.last().copied().unwrap_or(0);
        let law = minutes_laws.plans[usize::from(self.customer.terms.plan)];
        let limits = law.of(sessions, -i32::from(most))..=law.of(sessions, i32::from(most));
        (!limits.contains(&minutes)).then_some(rules::MINUTES)
    }
}

/// Counts the days of service by all that the chance to be active depends on.
pub fn count_service(customer: &Customer, cycles: &[CycleRow], intensity: usize, aggregates: &mut Aggregates) {
    let truth = &mut aggregates.truth;
    let days = truth.service_starts.columns() as i32 - 1;
    for cycle in cycles.iter().filter(|cycle| (0..days).contains(&cycle.first)) {
        let stop = cycle.last.saturating_add(1);
        if (cycle.first..=days).contains(&stop) {
            let plan = usize::from(customer.terms.plan);
            let class = ActiveClass { plan, engagement: cycle.engagement, intensity }.index();
            truth.service_starts.add(class, cycle.first as usize, 1);
            truth.service_stops.add(class, stop as usize, 1);
        }
    }
}

/// Records the differences between the rows of `usage_daily` and the logged rows of `usage_truth`.
pub fn check_logged(
    model: &DerivedModel,
    daily: &CustomerRows<'_>,
    truth: &CustomerRows<'_>,
    violations: &mut Violations,
) {
    let source = &model.source;
    let (logs, active) = (daily.table, truth.table);
    let mut record = |text: String| violations.record(USAGE_DAILY, rules::LOGGED_TRUTH, || text);
    let mut logged = truth.rows().filter(|&row| active.booleans(5)[row]).peekable();
    for row in daily.rows() {
        let date = logs.dates(1)[row];
        while let Some(missing) = logged.next_if(|&other| active.dates(1)[other] < date) {
            record(format!("logged in usage_truth, but missing here: {}", active.describe(missing, source)));
        }
        match logged.next_if(|&other| active.dates(1)[other] == date) {
            None => record(format!("not logged in usage_truth: {}", logs.describe(row, source))),
            Some(other) if [2, 3, 4].iter().any(|&column| logs.int32(column)[row] != active.int32(column)[other]) => {
                record(format!("{}; in usage_truth {}", logs.describe(row, source), active.describe(other, source)));
            }
            Some(_) => {}
        }
    }
    for missing in logged {
        record(format!("logged in usage_truth, but missing here: {}", active.describe(missing, source)));
    }
}
