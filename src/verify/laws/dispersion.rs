//! Whether customers are active on each day on their own.

use super::retention::Activity;
use crate::verify::facts::PlanFacts;
use crate::verify::statistics::{Outcome, TOO_FEW, normal};

/// Signup days of a plan that are taken together for what customers share, at most: it varies slowly with the day.
const GROUPS: usize = 50;

/// Customers of a plan who signed up on neighbouring days.
struct Group<'a> {
    plan: &'a PlanFacts,
    signup: usize,
    customers: f64,
    /// The variance of the rows of each.
    variance: f64,
}

impl Activity<'_> {
    /// The squared deviations of the customers' rows from their means, over their variances: 1 in the mean.
    ///
    /// Customers are not independent, for they share the days' loss rates. With `e` the deviation of a day's share
    /// from its mean, a customer's term moves by `e x (q - 2 m q^2) / v`, and by the square of the sum of `e x q` over
    /// v; the variances of both, over the customers together, are added.
    pub fn customer_dispersion(&self) -> Outcome {
        let days = self.facts.days();
        let (mut sum, mut own, mut customers) = (0.0, 0.0, 0.0);
        for (index, plan) in self.facts.plans.iter().enumerate() {
            let (mut mean, mut variance, mut fourth) = (vec![0.0], vec![0.0], vec![0.0]);
            for (age, probability) in plan.active.iter().enumerate() {
                let row = probability * self.survival.mean;
                let spread = row * (1.0 - row);
                mean.push(mean[age] + row);
                variance.push(variance[age] + spread);
                fourth.push(fourth[age] + spread * (1.0 - 6.0 * spread));
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
        let mut of_day = vec![0.0; self.facts.days()];
        for group in &groups {
            let days = of_day[group.signup..].iter_mut().zip(&group.plan.active);
            for (sum, active) in days {
                *sum += group.customers * (active - 2.0 * mean * active * active) / group.variance;
            }
        }
        let linear: f64 = of_day.iter().map(|sum| sum * sum).sum();
        let mut square = 0.0;
        for one in &groups {
            for other in &groups {
                let first = one.signup.max(other.signup);
                let pairs =
                    one.plan.active[first - one.signup..].iter().zip(&other.plan.active[first - other.signup..]);
                let product: f64 = pairs.take(self.facts.days() - first).map(|(a, b)| a * b).sum();
                square += one.customers * other.customers * product * product / (one.variance * other.variance);
            }
        }
        sd * sd * linear + 2.0 * sd.powi(4) * square
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let days = self.facts.days();
        let width = days.div_ceil(GROUPS);
        let mut groups = Vec::new();
        for (index, plan) in self.facts.plans.iter().enumerate() {
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
