//! The variance of the number of rows between customers.

use super::retention::Activity;
use crate::verify::saas_v1::derived_model::DerivedPlan;
use crate::verify::statistics::{Outcome, TOO_FEW, normal};

/// The largest number of groups of signup days of a plan for the shared variance, which varies slowly with the day.
const GROUPS: usize = 50;

/// Customers of a plan who signed up on neighbouring days.
struct Group<'a> {
    plan: &'a DerivedPlan,
    signup: usize,
    customers: f64,
    /// The variance of each customer's number of rows.
    variance: f64,
}

impl Activity<'_> {
    /// Tests the mean over customers of the squared deviation of the number of rows, divided by its variance. The
    /// expected value is 1.
    ///
    /// Customers are not independent, because they share the loss rate of each day. Let `e` be the deviation of a day's
    /// survival rate from its mean `m`, `q` a customer's probability of being active and `v` the variance of its rows.
    /// Then the customer's term changes by the sum over days of `e (q - 2 m q^2) / v`, and by the square of the sum of
    /// `e q`, over `v`. The variances of both, over all customers together, are added.
    pub fn customer_dispersion(&self) -> Outcome {
        let days = self.model.days();
        let (mut sum, mut own, mut customers) = (0.0, 0.0, 0.0);
        for (index, plan) in self.model.plans.iter().enumerate() {
            let (mut mean, mut variance, mut fourth) = (vec![0.0], vec![0.0], vec![0.0]);
            for (age, probability) in plan.active.iter().enumerate() {
                let row = probability * self.survival.mean;
                let row_variance = row * (1.0 - row);
                mean.push(mean[age] + row);
                variance.push(variance[age] + row_variance);
                fourth.push(fourth[age] + row_variance * (1.0 - 6.0 * row_variance));
            }
            for (signup, &count) in self.signups.row(index).iter().enumerate() {
                let ages = days - signup;
                if count == 0 || variance[ages] <= 0.0 {
                    continue;
                }
                let count = count as f64;
                let rows = self.usage.customer_rows.row(index)[signup] as f64;
                let squares = self.usage.customer_squares.row(index)[signup] as f64;
                sum += (squares - 2.0 * mean[ages] * rows + count * mean[ages] * mean[ages]) / variance[ages];
                own += count * (2.0 + fourth[ages] / (variance[ages] * variance[ages]));
                customers += count;
            }
        }
        if customers < 100.0 {
            return Err(TOO_FEW.to_string());
        }
        Ok(normal(sum / customers, 1.0, (own + self.shared_variance()).sqrt() / customers))
    }

    fn shared_variance(&self) -> f64 {
        let (mean, sd) = (self.survival.mean, self.survival.sd);
        if sd == 0.0 {
            return 0.0;
        }
        let groups = self.groups();
        let mut day_sums = vec![0.0; self.model.days()];
        for group in &groups {
            let days = day_sums[group.signup..].iter_mut().zip(&group.plan.active);
            for (sum, active) in days {
                *sum += group.customers * (active - 2.0 * mean * active * active) / group.variance;
            }
        }
        let linear: f64 = day_sums.iter().map(|sum| sum * sum).sum();
        let mut square = 0.0;
        for one in &groups {
            for other in &groups {
                let first = one.signup.max(other.signup);
                let pairs =
                    one.plan.active[first - one.signup..].iter().zip(&other.plan.active[first - other.signup..]);
                let product: f64 = pairs.take(self.model.days() - first).map(|(a, b)| a * b).sum();
                square += one.customers * other.customers * product * product / (one.variance * other.variance);
            }
        }
        sd * sd * linear + 2.0 * sd.powi(4) * square
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let days = self.model.days();
        let width = days.div_ceil(GROUPS);
        let mut groups = Vec::new();
        for (index, plan) in self.model.plans.iter().enumerate() {
            for (chunk, counts) in self.signups.row(index).chunks(width).enumerate() {
                let customers = counts.iter().sum::<u64>() as f64;
                let signup = chunk * width + counts.len() / 2;
                let [active, squares] = plan.active_sums[days - signup];
                let variance = self.survival.variance(active, squares);
                if customers > 0.0 && variance > 0.0 {
                    groups.push(Group { plan, signup, customers, variance });
                }
            }
        }
        groups
    }
}
