//! Counts and sums over all rows. The statistical tests and the report use only these.
//!
//! All are whole numbers, so the sums of several threads are the same however the rows are split.

use super::usage_aggregates::UsageAggregates;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::statistics::CountMatrix;

/// The number of units of 1 in sums of probabilities. Whole units add up to the same sum in any order.
pub const FIXED_POINT: f64 = 1024.0;

/// The number of parts of the window by which the signup days of consecutive customers are compared.
pub const SIGNUP_PARTS: usize = 5;

/// The number of equal parts into which the time from a customer's signup to the end of the window is divided.
pub const TENURE_PARTS: usize = 50;

/// The largest number of support tickets of a customer that is counted separately.
pub const MOST_TICKETS: usize = 999;

/// Counts and sums over all rows of a data set.
#[derive(Debug, Clone)]
pub struct Aggregates {
    /// Customers by plan and signup day.
    pub signups: CountMatrix,
    /// Customers by plan and region.
    pub regions: CountMatrix,
    /// Customers by region and signup day.
    pub regions_by_day: CountMatrix,
    /// Customers by plan, region or part of the window, of the customer before them and their own.
    pub plan_pairs: CountMatrix,
    pub region_pairs: CountMatrix,
    pub signup_pairs: CountMatrix,
    /// The customers' probabilities of being active, summed over their days, and the sums of their squares, by region.
    /// In units of 1 / [`FIXED_POINT`].
    pub region_activity: CountMatrix,
    pub usage_daily: UsageAggregates,
    /// If the data set has no `usage_truth`, only its rows by plan and day are counted, from regenerated rows.
    pub usage_truth: UsageAggregates,
    pub invoices: u64,
    /// Invoices by days early or late, from -jitter to jitter. Invoices that the end of the window could have cut off
    /// are not counted.
    pub jitter: CountMatrix,
    /// Invoices by the jitter of the invoice before them and their own.
    pub jitter_pairs: CountMatrix,
    /// Invoices by day of the window and status.
    pub statuses: CountMatrix,
    /// Invoices by the status of the invoice before them and their own.
    pub status_pairs: CountMatrix,
    /// Invoices by plan and status.
    pub statuses_by_plan: CountMatrix,
    pub tickets: u64,
    /// Tickets by the customer's signup day.
    pub tickets_by_signup: CountMatrix,
    /// Customers by their number of tickets.
    pub ticket_counts: CountMatrix,
    /// Tickets by part of the time since the customer's signup.
    pub ticket_parts: CountMatrix,
    /// Tickets by day of the window.
    pub tickets_by_day: CountMatrix,
    /// Tickets by category and priority.
    pub topics: CountMatrix,
    /// Tickets by plan, by region, and by plan with category and priority.
    pub tickets_by_plan: CountMatrix,
    pub tickets_by_region: CountMatrix,
    pub categories_by_plan: CountMatrix,
    pub priorities_by_plan: CountMatrix,
}

impl Aggregates {
    pub fn new(model: &DerivedModel) -> Self {
        let parameters = &model.parameters;
        let (plans, days) = (model.plans.len(), model.days());
        let statuses = parameters.billing.status.len();
        let jitters = 2 * model.jitter_days as usize + 1;
        Self {
            signups: CountMatrix::new(plans, days),
            regions: CountMatrix::new(plans, parameters.regions.len()),
            regions_by_day: CountMatrix::new(parameters.regions.len(), days),
            plan_pairs: CountMatrix::new(plans, plans),
            region_pairs: CountMatrix::new(parameters.regions.len(), parameters.regions.len()),
            signup_pairs: CountMatrix::new(SIGNUP_PARTS, SIGNUP_PARTS),
            region_activity: CountMatrix::new(2, parameters.regions.len()),
            usage_daily: UsageAggregates::new(model),
            usage_truth: UsageAggregates::new(model),
            invoices: 0,
            jitter: CountMatrix::new(1, jitters),
            jitter_pairs: CountMatrix::new(jitters, jitters),
            statuses: CountMatrix::new(days, statuses),
            status_pairs: CountMatrix::new(statuses, statuses),
            statuses_by_plan: CountMatrix::new(plans, statuses),
            tickets: 0,
            tickets_by_signup: CountMatrix::new(1, days),
            ticket_counts: CountMatrix::new(1, MOST_TICKETS + 2),
            ticket_parts: CountMatrix::new(1, TENURE_PARTS),
            tickets_by_day: CountMatrix::new(1, days),
            topics: CountMatrix::new(parameters.support.category.len(), parameters.support.priority.len()),
            tickets_by_plan: CountMatrix::new(1, plans),
            tickets_by_region: CountMatrix::new(1, parameters.regions.len()),
            categories_by_plan: CountMatrix::new(plans, parameters.support.category.len()),
            priorities_by_plan: CountMatrix::new(plans, parameters.support.priority.len()),
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
        for (matrix, more) in [
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
            matrix.merge(more);
        }
    }
}
