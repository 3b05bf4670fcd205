//! Counts and sums over the rows of a usage table.

use crate::verify::saas_v1::derived_model::{DerivedModel, DerivedPlan};
use crate::verify::statistics::CountMatrix;

/// Counts and sums over the rows of `usage_daily` or `usage_truth`.
#[derive(Debug, Clone)]
pub struct UsageAggregates {
    pub rows: u64,
    /// Rows by plan and age in days.
    pub by_age: CountMatrix,
    /// Rows by plan and day of the window.
    pub by_day: CountMatrix,
    /// Rows by signup month and age in days.
    pub by_cohort: CountMatrix,
    /// Rows by plan and signup day.
    pub customer_rows: CountMatrix,
    /// The square of each customer's number of rows, summed by plan and signup day.
    pub customer_squares: CountMatrix,
    /// Rows by plan and value. The last column has all larger values.
    pub sessions: CountMatrix,
    pub minutes: CountMatrix,
    pub events: CountMatrix,
    /// Rows by sessions and feature events, over all plans.
    pub joint: Joint,
    /// Sums of sessions x feature events and of sessions x minutes, by plan.
    pub products: CountMatrix,
    /// Sums of sessions, and of minutes, by plan and month of the window.
    pub sessions_by_month: CountMatrix,
    pub minutes_by_month: CountMatrix,
    /// By plan, over pairs of consecutive rows of a customer: the number of pairs, and the sums of the first row's
    /// sessions, of the second row's sessions, and of their product.
    pub neighbours: CountMatrix,
    /// Rows by region.
    pub by_region: CountMatrix,
}

/// Counts by sessions and feature events. Each number of sessions has as many columns as its feature events need.
#[derive(Debug, Clone)]
pub struct Joint {
    starts: Vec<usize>,
    counts: Vec<u64>,
}

/// Returns the largest value to count separately for a distribution with this mean and variance. Larger values have a
/// probability below 1e-30.
fn largest_value(mean: f64, variance: f64) -> usize {
    (mean + 12.0 * variance.sqrt() + 40.0) as usize
}

impl Joint {
    fn new(most_sessions: usize, events_per_session: f64) -> Self {
        let mut starts = vec![0];
        for sessions in 0..=most_sessions {
            let mean = events_per_session * sessions as f64;
            starts.push(starts[sessions] + largest_value(mean, mean) + 1);
        }
        Self { counts: vec![0; starts[most_sessions + 1]], starts }
    }

    fn add(&mut self, sessions: usize, events: usize) {
        let (start, end) = (self.starts[sessions], self.starts[sessions + 1]);
        self.counts[(start + events).min(end - 1)] += 1;
    }

    /// Returns the counts by feature events for each number of sessions. The last count of each has all larger values.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.starts.windows(2).map(|bounds| &self.counts[bounds[0]..bounds[1]])
    }
}

impl UsageAggregates {
    pub fn new(model: &DerivedModel) -> Self {
        let (plans, days) = (model.plans.len(), model.days());
        let per_session = model.parameters.usage.events_per_session;
        let most = |mean: fn(&DerivedPlan) -> f64| model.plans.iter().map(mean).fold(0.0, f64::max);
        let sessions = most(|plan| plan.mean_sessions);
        let most_sessions = largest_value(sessions, sessions);
        let most_minutes = model.plans.iter().map(|plan| plan.minutes_limits.1).max().unwrap_or(0) as usize + 1;
        let events = per_session * sessions;
        let most_events = largest_value(events, events + events * per_session);
        Self {
            rows: 0,
            by_age: CountMatrix::new(plans, days),
            by_day: CountMatrix::new(plans, days),
            by_cohort: CountMatrix::new(model.month_count(), days),
            customer_rows: CountMatrix::new(plans, days),
            customer_squares: CountMatrix::new(plans, days),
            sessions: CountMatrix::new(plans, most_sessions + 1),
            minutes: CountMatrix::new(plans, most_minutes + 1),
            events: CountMatrix::new(plans, most_events + 1),
            joint: Joint::new(most_sessions, per_session),
            products: CountMatrix::new(plans, 2),
            sessions_by_month: CountMatrix::new(plans, model.month_count()),
            minutes_by_month: CountMatrix::new(plans, model.month_count()),
            neighbours: CountMatrix::new(plans, 4),
            by_region: CountMatrix::new(1, model.parameters.regions.len()),
        }
    }

    /// Counts the values of one row of a customer of `plan` and returns its sessions. `before` are the sessions of the
    /// customer's row before it. Values outside the counted range count as the nearest value in it. Negative values
    /// also violate a rule.
    pub fn add_values(&mut self, plan: usize, [sessions, minutes, events]: [i32; 3], before: Option<u64>) -> u64 {
        let within = |value: i32, matrix: &CountMatrix| (value.max(0) as usize).min(matrix.columns() - 1);
        let (sessions, minutes, events) =
            (within(sessions, &self.sessions), within(minutes, &self.minutes), within(events, &self.events));
        self.sessions.add(plan, sessions, 1);
        self.minutes.add(plan, minutes, 1);
        self.events.add(plan, events, 1);
        self.joint.add(sessions, events);
        self.products.add(plan, 0, (sessions * events) as u64);
        self.products.add(plan, 1, (sessions * minutes) as u64);
        if let Some(before) = before {
            let sums = [1, before, sessions as u64, before * sessions as u64];
            sums.into_iter().enumerate().for_each(|(index, sum)| self.neighbours.add(plan, index, sum));
        }
        sessions as u64
    }

    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (matrix, more) in [
            (&mut self.by_age, &other.by_age),
            (&mut self.by_day, &other.by_day),
            (&mut self.by_cohort, &other.by_cohort),
            (&mut self.customer_rows, &other.customer_rows),
            (&mut self.customer_squares, &other.customer_squares),
            (&mut self.sessions, &other.sessions),
            (&mut self.minutes, &other.minutes),
            (&mut self.events, &other.events),
            (&mut self.products, &other.products),
            (&mut self.sessions_by_month, &other.sessions_by_month),
            (&mut self.minutes_by_month, &other.minutes_by_month),
            (&mut self.neighbours, &other.neighbours),
            (&mut self.by_region, &other.by_region),
        ] {
            matrix.merge(more);
        }
        self.joint.counts.iter_mut().zip(&other.joint.counts).for_each(|(count, more)| *count += more);
    }
}
