//! Counts of what was read: all that the laws and the report are judged by.
//!
//! Everything is a whole number, so counts taken by several threads add up to the same whatever the split.

use super::facts::Facts;

/// A table of counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    columns: usize,
    counts: Vec<u64>,
}

impl Grid {
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { columns, counts: vec![0; rows * columns] }
    }

    pub fn add(&mut self, row: usize, column: usize, count: u64) {
        self.counts[row * self.columns + column] += count;
    }

    pub fn row(&self, row: usize) -> &[u64] {
        &self.counts[row * self.columns..(row + 1) * self.columns]
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks(self.columns.max(1))
    }

    /// The sum of each column.
    pub fn column_sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.columns];
        for row in self.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}

/// What the rows of `usage_daily`, or of `usage_truth`, add up to.
#[derive(Debug, Clone)]
pub(super) struct UsageTally {
    pub rows: u64,
    /// Rows by plan and age in days.
    pub by_age: Grid,
    /// Rows by plan and day of the window.
    pub by_day: Grid,
    /// Rows by signup month and age in days.
    pub by_cohort: Grid,
    /// By plan: sums over customers of their rows and of the squares of their rows, by signup day.
    pub customer_rows: Grid,
    pub customer_squares: Grid,
    /// Rows by plan and value; the last column takes what lies beyond.
    pub sessions: Grid,
    pub minutes: Grid,
    pub events: Grid,
    /// Rows by sessions and feature events, all plans.
    pub joint: Joint,
    /// By plan: sums of sessions x feature events and of sessions x minutes.
    pub products: Grid,
    /// Sums of sessions, and of minutes, by plan and month of the window.
    pub sessions_by_month: Grid,
    pub minutes_by_month: Grid,
    /// By plan, over rows that follow each other in a customer: their number, the sums of the sessions of the first
    /// and of the second, and of the products of both.
    pub neighbours: Grid,
    /// Rows by region.
    pub by_region: Grid,
}

/// Counts by sessions and feature events, each number of sessions with as many columns as it needs.
#[derive(Debug, Clone)]
pub(super) struct Joint {
    starts: Vec<usize>,
    counts: Vec<u64>,
}

/// The values up to which a law with this mean and variance is counted one by one; beyond lies under 1e-30 of it.
fn reach(mean: f64, variance: f64) -> usize {
    (mean + 12.0 * variance.sqrt() + 40.0) as usize
}

impl Joint {
    fn new(most_sessions: usize, events_per_session: f64) -> Self {
        let mut starts = vec![0];
        for sessions in 0..=most_sessions {
            let mean = events_per_session * sessions as f64;
            starts.push(starts[sessions] + reach(mean, mean) + 1);
        }
        Self { counts: vec![0; starts[most_sessions + 1]], starts }
    }

    fn add(&mut self, sessions: usize, events: usize) {
        let (start, end) = (self.starts[sessions], self.starts[sessions + 1]);
        self.counts[(start + events).min(end - 1)] += 1;
    }

    /// Counts of feature events by sessions; the last of each takes what lies beyond.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.starts.windows(2).map(|bounds| &self.counts[bounds[0]..bounds[1]])
    }
}

impl UsageTally {
    fn new(facts: &Facts) -> Self {
        let (plans, days) = (facts.plans.len(), facts.days());
        let per_session = facts.model.parameters().usage.events_per_session;
        let most = |mean: fn(&super::facts::PlanFacts) -> f64| facts.plans.iter().map(mean).fold(0.0, f64::max);
        let sessions = most(|plan| plan.mean_sessions);
        let most_sessions = reach(sessions, sessions);
        let most_minutes = facts.plans.iter().map(|plan| plan.minutes_limits.1).max().unwrap_or(0) as usize + 1;
        let events = per_session * sessions;
        let most_events = reach(events, events + events * per_session);
        Self {
            rows: 0,
            by_age: Grid::new(plans, days),
            by_day: Grid::new(plans, days),
            by_cohort: Grid::new(facts.month_count(), days),
            customer_rows: Grid::new(plans, days),
            customer_squares: Grid::new(plans, days),
            sessions: Grid::new(plans, most_sessions + 1),
            minutes: Grid::new(plans, most_minutes + 1),
            events: Grid::new(plans, most_events + 1),
            joint: Joint::new(most_sessions, per_session),
            products: Grid::new(plans, 2),
            sessions_by_month: Grid::new(plans, facts.month_count()),
            minutes_by_month: Grid::new(plans, facts.month_count()),
            neighbours: Grid::new(plans, 4),
            by_region: Grid::new(1, facts.model.parameters().regions.len()),
        }
    }

    /// Takes in what a customer of `plan` did on an active day, `before` being the sessions of the active day before
    /// it, and returns the sessions. Numbers that the law can't give are counted as the nearest that are counted: the
    /// negative ones are a violation of their own.
    pub fn add_values(&mut self, plan: usize, [sessions, minutes, events]: [i32; 3], before: Option<u64>) -> u64 {
        let within = |value: i32, grid: &Grid| (value.max(0) as usize).min(grid.columns - 1);
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

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (grid, more) in [
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
            grid.merge(more);
        }
        self.joint.counts.iter_mut().zip(&other.joint.counts).for_each(|(count, more)| *count += more);
    }
}

/// Sums of probabilities are kept in whole parts of it, so that they too add up to the same in any order.
pub(super) const FIXED_POINT: f64 = 1024.0;

/// Parts of the window that signups of neighbouring customers are compared by.
pub(super) const SIGNUP_PARTS: usize = 5;

/// Parts of equal length into which a ticket's customer's time is cut.
pub(super) const TENURE_PARTS: usize = 50;

/// The most tickets of a customer that are told apart.
pub(super) const MOST_TICKETS: usize = 999;

/// What all rows add up to.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Customers by plan and signup day.
    pub signups: Grid,
    /// Customers by plan and region.
    pub regions: Grid,
    /// Customers by region and signup day.
    pub regions_by_day: Grid,
    /// Customers by plan, by region and by part of the window of the one before them and their own.
    pub plan_pairs: Grid,
    pub region_pairs: Grid,
    pub signup_pairs: Grid,
    /// By region: the customers' probabilities of being active summed over their days, and the squares of those, in
    /// units of 1 / [`FIXED_POINT`].
    pub region_activity: Grid,
    pub usage_daily: UsageTally,
    /// Of a generated truth, days alone are counted.
    pub usage_truth: UsageTally,
    pub invoices: u64,
    /// Invoices by days early or late, from -jitter on; those that the window's end can't have cut off.
    pub jitter: Grid,
    /// Invoices by the jitter of the one before and their own.
    pub jitter_pairs: Grid,
    /// Invoices by day of the window and status.
    pub statuses: Grid,
    /// Invoices by the status of the one before and their own.
    pub status_pairs: Grid,
    /// Invoices by plan and status.
    pub statuses_by_plan: Grid,
    pub tickets: u64,
    /// Tickets by signup day of the customer.
    pub tickets_by_signup: Grid,
    /// Customers by their number of tickets.
    pub ticket_counts: Grid,
    /// Tickets by part of their customer's time.
    pub ticket_parts: Grid,
    /// Tickets by day of the window.
    pub tickets_by_day: Grid,
    /// Tickets by category and priority.
    pub topics: Grid,
    /// Tickets by plan, by region, and by plan with category and priority.
    pub tickets_by_plan: Grid,
    pub tickets_by_region: Grid,
    pub categories_by_plan: Grid,
    pub priorities_by_plan: Grid,
}

impl Tally {
    pub fn new(facts: &Facts) -> Self {
        let parameters = facts.model.parameters();
        let (plans, days) = (facts.plans.len(), facts.days());
        let statuses = parameters.billing.status.len();
        let jitters = 2 * facts.jitter_days as usize + 1;
        Self {
            signups: Grid::new(plans, days),
            regions: Grid::new(plans, parameters.regions.len()),
            regions_by_day: Grid::new(parameters.regions.len(), days),
            plan_pairs: Grid::new(plans, plans),
            region_pairs: Grid::new(parameters.regions.len(), parameters.regions.len()),
            signup_pairs: Grid::new(SIGNUP_PARTS, SIGNUP_PARTS),
            region_activity: Grid::new(2, parameters.regions.len()),
            usage_daily: UsageTally::new(facts),
            usage_truth: UsageTally::new(facts),
            invoices: 0,
            jitter: Grid::new(1, jitters),
            jitter_pairs: Grid::new(jitters, jitters),
            statuses: Grid::new(days, statuses),
            status_pairs: Grid::new(statuses, statuses),
            statuses_by_plan: Grid::new(plans, statuses),
            tickets: 0,
            tickets_by_signup: Grid::new(1, days),
            ticket_counts: Grid::new(1, MOST_TICKETS + 2),
            ticket_parts: Grid::new(1, TENURE_PARTS),
            tickets_by_day: Grid::new(1, days),
            topics: Grid::new(parameters.support.category.len(), parameters.support.priority.len()),
            tickets_by_plan: Grid::new(1, plans),
            tickets_by_region: Grid::new(1, parameters.regions.len()),
            categories_by_plan: Grid::new(plans, parameters.support.category.len()),
            priorities_by_plan: Grid::new(plans, parameters.support.priority.len()),
        }
    }

    pub fn customers(&self) -> u64 {
        self.signups.total()
    }

    pub fn merge(&mut self, other: &Self) {
        self.usage_daily.merge(&other.usage_daily);
        self.usage_truth.merge(&other.usage_truth);
        self.invoices += other.invoices;
        self.tickets += other.tickets;
        for (grid, more) in [
            (&mut self.signups, &other.signups),
            (&mut self.regions, &other.regions),
            (&mut self.regions_by_day, &other.regions_by_day),
            (&mut self.plan_pairs, &other.plan_pairs),
            (&mut self.region_pairs, &other.region_pairs),
            (&mut self.signup_pairs, &other.signup_pairs),
            (&mut self.tickets_by_region, &other.tickets_by_region),
            (&mut self.region_activity, &other.region_activity),
            (&mut self.statuses_by_plan, &other.statuses_by_plan),
            (&mut self.tickets_by_plan, &other.tickets_by_plan),
            (&mut self.categories_by_plan, &other.categories_by_plan),
            (&mut self.priorities_by_plan, &other.priorities_by_plan),
            (&mut self.jitter, &other.jitter),
            (&mut self.jitter_pairs, &other.jitter_pairs),
            (&mut self.statuses, &other.statuses),
            (&mut self.status_pairs, &other.status_pairs),
            (&mut self.tickets_by_signup, &other.tickets_by_signup),
            (&mut self.ticket_counts, &other.ticket_counts),
            (&mut self.ticket_parts, &other.ticket_parts),
            (&mut self.tickets_by_day, &other.tickets_by_day),
            (&mut self.topics, &other.topics),
        ] {
            grid.merge(more);
        }
    }
}
