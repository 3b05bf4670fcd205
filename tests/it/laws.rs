//! The default data set follows the laws of its model, compared with closed forms and with `statrs`.
//!
//! Seeds are fixed. A single figure must be within 4 standard deviations (p = 6e-5), one of hundreds within 5
//! (p = 6e-7). Chi-square tests have a significance of 1e-6 on each side.

use crate::statistics::{assert_chi_square, assert_p_value, assert_poisson, assert_within, histogram, moments};
use crate::support::{data_set, dates, int32, int64, text, whole};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use saasgen::models::saas_v1;
use statrs::distribution::{ContinuousCDF, Discrete, Normal, Poisson};
use std::collections::HashMap;

const CUSTOMERS: usize = 100_000;
const FIRST_DAY: i32 = 19_539;
const DAYS: i32 = 550;
const LAST_DAY: i32 = FIRST_DAY + DAYS - 1;

/// The plans of saas-v1, independent of the program: name, share, activity on the signup day, mean sessions, mean usage
/// minutes, price in hundredths, expected rows of `usage_daily`.
const PLANS: [(&str, f64, f64, f64, f64, i128, f64); 4] = [
    ("Free", 0.40, 0.22, 2.0, 15.0, 0, 1_045_136.0),
    ("Basic", 0.35, 0.35, 8.0, 60.0, 2_900, 1_454_876.0),
    ("Pro", 0.20, 0.50, 25.0, 180.0, 9_900, 1_187_654.0),
    ("Enterprise", 0.05, 0.70, 60.0, 480.0, 29_900, 415_679.0),
];

/// The properties of a customer that other laws depend on.
struct Customer {
    signup: i32,
    plan: usize,
}

struct Data {
    customers: Vec<Customer>,
    customer_rows: RecordBatch,
    truth: RecordBatch,
    billing: RecordBatch,
    support: RecordBatch,
}

impl Data {
    fn new(seed: u64) -> Self {
        let data_set = data_set(seed, CUSTOMERS as u64);
        let customer_rows = whole(&data_set, saas_v1::CUSTOMERS);
        let plans = text(&customer_rows, "plan");
        let customers = dates(&customer_rows, "signup_date")
            .iter()
            .zip(plans)
            .map(|(&signup, plan)| Customer { signup, plan: PLANS.iter().position(|entry| entry.0 == plan).unwrap() })
            .collect();
        Self {
            customers,
            customer_rows,
            truth: whole(&data_set, saas_v1::USAGE_TRUTH),
            billing: whole(&data_set, saas_v1::BILLING),
            support: whole(&data_set, saas_v1::SUPPORT),
        }
    }

    fn customer(&self, id: i64) -> &Customer {
        &self.customers[id as usize - 1]
    }

    fn check(&self) {
        self.customers_table();
        self.usage_structure();
        self.usage_sizes();
        self.retention();
        self.sessions_and_events();
        self.minutes();
        self.losses();
        self.invoices();
        self.tickets();
    }

    fn customers_table(&self) {
        let ids = int64(&self.customer_rows, "customer_id");
        assert!(ids.iter().copied().eq(1..=CUSTOMERS as i64));
        let mut signups = vec![0.0; DAYS as usize];
        for customer in &self.customers {
            signups[(customer.signup - FIRST_DAY) as usize] += 1.0;
        }
        let uniform = vec![CUSTOMERS as f64 / f64::from(DAYS); DAYS as usize];
        assert_chi_square("signup days", &signups, &uniform, 1);

        let regions = [("NA", 0.35), ("EU", 0.30), ("APAC", 0.25), ("LATAM", 0.10)];
        let mut cells = vec![0.0; 16];
        for (customer, region) in self.customers.iter().zip(text(&self.customer_rows, "region")) {
            cells[customer.plan * 4 + regions.iter().position(|entry| entry.0 == region).unwrap()] += 1.0;
        }
        let expected: Vec<f64> =
            PLANS.iter().flat_map(|plan| regions.iter().map(|region| plan.1 * region.1 * CUSTOMERS as f64)).collect();
        assert_chi_square("plans by regions", &cells, &expected, 1);
    }

    fn usage_structure(&self) {
        let (ids, days) = (int64(&self.truth, "customer_id"), dates(&self.truth, "date"));
        let rows = ids.iter().zip(days);
        assert!(rows.clone().is_sorted_by(|a, b| a < b), "keys must be sorted and unique");
        assert!(rows.clone().all(|(&id, day)| (self.customer(id).signup..=LAST_DAY).contains(day)));
        let (sessions, events) = (int32(&self.truth, "sessions"), int32(&self.truth, "feature_events"));
        assert!(sessions.iter().zip(events).all(|(&sessions, &events)| sessions > 0 || events == 0));
        assert!(sessions.iter().zip(events).all(|(&sessions, &events)| sessions >= 0 && events >= 0));
        let limits = [(2, 28), (6, 114), (18, 342), (48, 912)];
        let mut seen = [(i32::MAX, i32::MIN); 4];
        for (&id, &minutes) in ids.iter().zip(int32(&self.truth, "usage_minutes")) {
            let seen = &mut seen[self.customer(id).plan];
            *seen = (seen.0.min(minutes), seen.1.max(minutes));
        }
        assert_eq!(seen, limits, "usage minutes must reach their limits and stay within them");
    }

    fn usage_sizes(&self) {
        let mut rows = vec![0.0; CUSTOMERS];
        let logged = self.truth.column_by_name("logged").unwrap().as_boolean();
        let ids = int64(&self.truth, "customer_id");
        for (&id, is_logged) in ids.iter().zip(logged.values()) {
            rows[id as usize - 1] += f64::from(u8::from(is_logged));
        }
        assert_within("rows of usage_daily", rows.iter().sum(), 4_103_345.0, 7_700.0, 4.0);
        assert_within("rows of usage_truth", ids.len() as f64, 4_827_464.0, 8_950.0, 4.0);
        for (index, plan) in PLANS.iter().enumerate() {
            let own: Vec<f64> = rows
                .iter()
                .zip(&self.customers)
                .map(|(&rows, customer)| if customer.plan == index { rows } else { 0.0 })
                .collect();
            let total: f64 = own.iter().sum();
            let squares: f64 = own.iter().map(|rows| rows * rows).sum();
            let sd = (squares - total * total / CUSTOMERS as f64).sqrt();
            assert_within(&format!("usage of {}", plan.0), total, plan.6, sd, 4.0);
        }
        let without = rows.iter().filter(|&&rows| rows == 0.0).count() as f64;
        assert_within("customers without usage", without, 530.0, 23.0, 4.0);
    }

    fn retention(&self) {
        for (index, plan) in PLANS.iter().enumerate() {
            let mut active = vec![0.0; DAYS as usize];
            for (&id, day) in int64(&self.truth, "customer_id").iter().zip(dates(&self.truth, "date")) {
                let customer = self.customer(id);
                if customer.plan == index {
                    active[(day - customer.signup) as usize] += 1.0;
                }
            }
            for age in [0, 1, 2, 3, 5, 7, 14, 21, 30, 31, 32, 60, 90, 120, 180, 220, 300, 365, 440, 520] {
                let is_observed = |customer: &&Customer| customer.plan == index && customer.signup + age <= LAST_DAY;
                let customers = self.customers.iter().filter(is_observed).count() as f64;
                let probability = plan.2 * (-f64::from(age) / 220.0).exp();
                let sd = (customers * probability * (1.0 - probability)).sqrt();
                let name = format!("{} active at age {age}", plan.0);
                assert_within(&name, active[age as usize], customers * probability, sd, 4.0);
            }
        }
    }

    fn sessions_and_events(&self) {
        let (sessions, events) = (int32(&self.truth, "sessions"), int32(&self.truth, "feature_events"));
        let plan_of: Vec<usize> = int64(&self.truth, "customer_id").iter().map(|&id| self.customer(id).plan).collect();
        for (index, &(name, _, _, lambda, ..)) in PLANS.iter().enumerate() {
            let own: Vec<(i32, i32)> = sessions
                .iter()
                .zip(events)
                .zip(&plan_of)
                .filter(|&(_, &plan)| plan == index)
                .map(|((&sessions, &events), _)| (sessions, events))
                .collect();
            let by_sessions = histogram(own.iter().map(|row| row.0));
            assert_poisson(&format!("sessions of {name}"), &by_sessions, lambda, own.len() as f64);
            let (mut statistic, mut freedom) = (0.0, 0.0);
            for (given, &count) in by_sessions.iter().enumerate().filter(|&(_, &count)| count >= 500.0).skip(1) {
                let by_events = histogram(own.iter().filter(|row| row.0 == given as i32).map(|row| row.1));
                let poisson = Poisson::new(1.5 * given as f64).unwrap();
                let (mut rest, mut rest_expected) = (count, count);
                for (value, observed) in by_events.iter().enumerate() {
                    let expected = count * poisson.pmf(value as u64);
                    if expected >= 10.0 {
                        statistic += (observed - expected).powi(2) / expected;
                        freedom += 1.0;
                        rest -= observed;
                        rest_expected -= expected;
                    }
                }
                statistic += (rest - rest_expected).powi(2) / rest_expected;
            }
            assert_p_value(&format!("feature events of {name}, given sessions"), statistic, freedom);

            let x: Vec<f64> = own.iter().map(|row| f64::from(row.0)).collect();
            let y: Vec<f64> = own.iter().map(|row| f64::from(row.1)).collect();
            let (n, [mx, my, vx, vy, cov]) = (own.len() as f64, moments(&x, &y));
            let root = n.sqrt();
            assert_within(
                &format!("correlation in {name}"),
                cov / (vx * vy).sqrt(),
                1.5 / 3.75_f64.sqrt(),
                0.8 / root,
                4.0,
            );
            // The standard deviation of var/mean of a Poisson distribution is about sqrt(2 / n), and larger for small
            // means.
            let wide = (2.0 + 1.0 / lambda).sqrt() / root;
            assert_within(&format!("var/mean of sessions in {name}"), vx / mx, 1.0, wide, 4.0);
            assert_within(&format!("var/mean of events in {name}"), vy / my, 2.5, 2.5 * wide * 1.5, 4.0);
        }
    }

    fn minutes(&self) {
        for (index, &(name, _, _, _, mean, ..)) in PLANS.iter().enumerate() {
            let own = int64(&self.truth, "customer_id").iter().zip(int32(&self.truth, "usage_minutes"));
            let own = own.filter(|(id, _)| self.customer(**id).plan == index).map(|(_, &minutes)| minutes);
            let observed = histogram(own);
            let total: f64 = observed.iter().sum();
            let normal = Normal::new(mean, 0.3 * mean).unwrap();
            let lowest = observed.iter().position(|&count| count > 0.0).unwrap();
            let highest = observed.len() - 1;
            let expected: Vec<f64> = (0..observed.len())
                .map(|minutes| {
                    let from = if minutes <= lowest { 0.0 } else { normal.cdf(minutes as f64 - 0.5) };
                    let to = if minutes == highest { 1.0 } else { normal.cdf(minutes as f64 + 0.5) };
                    if minutes < lowest { 0.0 } else { total * (to - from) }
                })
                .collect();
            assert_chi_square(&format!("minutes of {name}"), &observed, &expected, 1);
        }
    }

    fn losses(&self) {
        let logged = self.truth.column_by_name("logged").unwrap().as_boolean().values();
        let mut days = vec![(0.0, 0.0); DAYS as usize];
        let mut plans = [(0.0, 0.0); 4];
        let keys = int64(&self.truth, "customer_id").iter().zip(dates(&self.truth, "date"));
        for ((&id, day), is_logged) in keys.zip(logged) {
            for (all, lost) in [&mut days[(day - FIRST_DAY) as usize], &mut plans[self.customer(id).plan]] {
                *all += 1.0;
                *lost += f64::from(u8::from(!is_logged));
            }
        }
        let (mut rates, mut noise) = (Vec::new(), 0.0);
        for (day, (all, lost)) in days.iter().enumerate() {
            let (rate, sd) = (lost / all, (0.15_f64 * 0.85 / all).sqrt());
            assert!((0.12 - 5.0 * sd..=0.18 + 5.0 * sd).contains(&rate), "day {day} lost {rate} of {all}");
            if *all > 1_000.0 {
                rates.push(rate);
                noise += sd * sd;
            }
        }
        let n = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / n;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let uniform = 0.06_f64.powi(2) / 12.0;
        assert_within("mean of the daily loss rates", mean, 0.15, (uniform / n).sqrt(), 4.0);
        // The relative standard deviation of the sample variance of a uniform distribution is sqrt(0.8 / n).
        assert_within(
            "variance of the daily loss rates",
            variance,
            uniform + noise / n,
            uniform * (0.8 / n).sqrt(),
            4.0,
        );
        let overall = plans.iter().map(|plan| plan.1).sum::<f64>() / plans.iter().map(|plan| plan.0).sum::<f64>();
        for ((all, lost), plan) in plans.iter().zip(PLANS) {
            let sd = (all * overall * (1.0 - overall)).sqrt();
            assert_within(&format!("logs lost of {}", plan.0), *lost, all * overall, sd, 4.0);
        }
    }

    fn invoices(&self) {
        let rows = &self.billing;
        assert_within("rows of billing", rows.num_rows() as f64, 1_239_382.0, 4_400.0, 4.0);
        let (invoice_ids, ids) = (int64(rows, "invoice_id"), int64(rows, "customer_id"));
        let amounts = rows.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>().values();
        let names = ["paid", "late", "failed"];
        let statuses: Vec<usize> = text(rows, "payment_status")
            .iter()
            .map(|status| names.iter().position(|name| name == status).unwrap())
            .collect();
        let (mut jitters, mut by_status, mut pairs) = ([0.0; 5], [0.0; 3], [0.0; 9]);
        let mut before: Option<(i64, i32, usize)> = None;
        let mut number = 0;
        for (row, (&id, &date)) in ids.iter().zip(dates(rows, "bill_date")).enumerate() {
            let customer = self.customer(id);
            number = if before.is_some_and(|before| before.0 == id) { number + 1 } else { 1 };
            assert_eq!(invoice_ids[row], id * 1_000 + number);
            assert!(amounts[row] > 0 && amounts[row] == PLANS[customer.plan].5);
            assert!((customer.signup..=LAST_DAY).contains(&date));
            match before.filter(|before| before.0 == id) {
                Some((_, earlier, status)) => {
                    assert!((9..=17).contains(&(date - earlier)));
                    pairs[status * 3 + statuses[row]] += 1.0;
                }
                None => assert!((11..=15).contains(&(date - customer.signup))),
            }
            // Near the end of the window, only early invoices are in it.
            let middle = customer.signup + 13 * number as i32;
            if middle + 2 <= LAST_DAY {
                jitters[(date - middle + 2) as usize] += 1.0;
            }
            by_status[statuses[row]] += 1.0;
            before = Some((id, date, statuses[row]));
        }
        let n = ids.len() as f64;
        let shares = [0.75, 0.15, 0.10];
        assert_chi_square("statuses", &by_status, &shares.map(|share| share * n), 1);
        // The status of an invoice is independent of the status before it.
        let expected: Vec<f64> =
            pairs.chunks(3).flat_map(|row| shares.map(|share| row.iter().sum::<f64>() * share)).collect();
        assert_chi_square("statuses, given the one before", &pairs, &expected, 3);
        let even = [jitters.iter().sum::<f64>() / 5.0; 5];
        assert_chi_square("jitter", &jitters, &even, 1);
        let paid = self.customers.iter().filter(|customer| customer.plan > 0 && customer.signup + 15 <= LAST_DAY);
        let billed: std::collections::HashSet<i64> = ids.iter().copied().collect();
        assert!(
            billed.len() >= paid.count(),
            "every customer on a plan with a price must have an invoice after 15 days"
        );
    }

    fn tickets(&self) {
        let rows = &self.support;
        assert_within("rows of support", rows.num_rows() as f64, 385_369.0, 935.0, 4.0);
        let (ticket_ids, ids) = (int64(rows, "ticket_id"), int64(rows, "customer_id"));
        let days = dates(rows, "ticket_date");
        let mut counts = vec![0.0; CUSTOMERS];
        let mut by_day: HashMap<i32, f64> = HashMap::new();
        let mut tenths = [0.0; 10];
        let (mut number, mut before) = (0, (0, 0));
        for (row, (&id, &day)) in ids.iter().zip(days).enumerate() {
            number = if before.0 == id { number + 1 } else { 1 };
            assert_eq!(ticket_ids[row], id * 1_000 + number);
            assert!(before.0 < id || before.1 <= day, "tickets must be numbered by date");
            before = (id, day);
            let signup = self.customer(id).signup;
            assert!((signup..=LAST_DAY).contains(&day));
            counts[id as usize - 1] += 1.0;
            *by_day.entry(day).or_default() += 1.0;
            let tenure = LAST_DAY - signup + 1;
            if tenure % 10 == 0 {
                tenths[((day - signup) * 10 / tenure) as usize] += 1.0;
            }
        }
        let busiest = by_day.values().copied().fold(0.0, f64::max) / ids.len() as f64;
        assert!(busiest <= 0.006, "one day has {busiest} of all tickets");
        let even = [tenths.iter().sum::<f64>() / 10.0; 10];
        assert_chi_square("tickets over tenure", &tenths, &even, 1);
        // Counts are Poisson given the tenure, so (count - mean)^2 / mean sums to the number of customers.
        let (mut dispersion, mut variance) = (0.0, 0.0);
        for (count, customer) in counts.iter().zip(&self.customers) {
            let mean = 0.42 * (f64::from(LAST_DAY - customer.signup) / 30.0).clamp(1.0, 18.0);
            dispersion += (count - mean).powi(2) / mean;
            variance += 2.0 + 1.0 / mean;
        }
        assert_within("dispersion of tickets", dispersion, CUSTOMERS as f64, variance.sqrt(), 4.0);
        let laws = [
            ("category", [("billing", 0.25), ("technical", 0.60), ("onboarding", 0.15)]),
            ("priority", [("low", 0.55), ("medium", 0.40), ("high", 0.05)]),
        ];
        for (column, shares) in laws {
            let mut observed = [0.0; 3];
            for value in text(rows, column) {
                observed[shares.iter().position(|share| share.0 == value).unwrap()] += 1.0;
            }
            assert_chi_square(column, &observed, &shares.map(|share| share.1 * ids.len() as f64), 1);
        }
    }
}

#[test]
fn the_default_data_set_follows_its_laws() {
    Data::new(42).check();
}

#[test]
fn a_data_set_with_another_seed_follows_its_laws() {
    Data::new(7).check();
}

#[test]
fn a_data_set_with_a_seed_of_64_bits_follows_its_laws() {
    Data::new((1 << 63) + 9).check();
}

#[test]
fn retention_curves_equal_their_closed_form() {
    let curves = whole(&data_set(42, 1), saas_v1::RETENTION_CURVES);
    let probabilities = curves.column_by_name("retention_probability").unwrap();
    let probabilities = probabilities.as_primitive::<arrow::datatypes::Float64Type>().values();
    let rows = text(&curves, "plan").into_iter().zip(int32(&curves, "day").to_vec());
    let expected = PLANS.iter().flat_map(|plan| (0..DAYS).map(move |day| (plan.0.to_string(), day)));
    assert!(rows.clone().eq(expected));
    for ((plan, day), probability) in rows.zip(probabilities) {
        let base = PLANS.iter().find(|entry| entry.0 == plan).unwrap().2;
        assert!((probability - base * (-f64::from(day) / 220.0).exp()).abs() < 1e-15);
    }
}
