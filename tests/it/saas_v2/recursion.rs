//! The figures of [`super::targets`] as the exact recursion over lives gives them, without a row.

use super::counted::is_weekend;
use super::targets::{CUSTOMERS, Figure, SNAPSHOT};
use crate::support::scan;
use saasgen::models::saas_v2::{self, CycleOdds, FREE, Laws, PlanTerm, SeededLaws, lives};
use saasgen::models::{DataSet, Day, Model, date_of, day_of};

/// The standard deviation of the weekend to weekday activity of 10,000 customers: half from the incidents and the losses
/// of the days, which all customers share, half from the customers.
const WEEKEND_SD: f64 = 0.003;

/// Hits and trials of a random customer.
#[derive(Default, Clone, Copy)]
struct Odds {
    hits: f64,
    trials: f64,
}

impl Odds {
    fn add(&mut self, weight: f64, hits: f64, trials: f64) {
        self.hits += weight * hits;
        self.trials += weight * trials;
    }

    fn percent(self) -> Figure {
        Figure::exactly(100.0 * self.hits / self.trials)
    }
}

/// A cycle of the customers who sign up on one day.
struct CycleDays {
    /// The first day.
    first: u32,
    /// The day after the last day of service, and of service without a payment.
    end: u32,
    unpaid_end: u32,
}

#[derive(Default)]
struct Sums {
    voluntary: [[Odds; 3]; 4],
    unpaid: [Odds; 4],
    unpaid_of_ends: Odds,
    invoices: [Odds; 3],
    snapshot: Odds,
    /// Days of customers: on weekdays, and at weekends.
    customer_days: [f64; 2],
}

impl Sums {
    /// Adds the lives of customers on one plan and term who signed up on day `signup`.
    fn add(&mut self, laws: &Laws, of: PlanTerm, odds: &[CycleOdds], signup: u32, weight: f64) {
        let window_days = laws.cycles.days();
        let (snapshot, tenure, days) = SNAPSHOT;
        let snapshot = (day_of(snapshot.parse().unwrap()) - laws.window().first) as u32;
        let is_in_snapshot = of.plan != FREE && signup + tenure < snapshot;
        let mut there = 1.0;
        for (number, (days_of_cycle, odds)) in cycles_of(laws, signup).zip(odds).enumerate() {
            let CycleDays { first, end, unpaid_end } = days_of_cycle;
            let is_whole = one_if(end <= window_days);
            let leaves: f64 = is_whole * odds.ends[..4].iter().sum::<f64>();
            let unpaid: f64 = odds.unpaid.iter().sum();
            let ends_unpaid = one_if(unpaid_end <= window_days) * unpaid;
            let plan = usize::from(of.plan);
            if !of.is_annual {
                self.voluntary[plan][(number / 6).min(2)].add(weight, leaves, is_whole * odds.decides);
                self.unpaid[plan].add(weight, ends_unpaid, is_whole * (odds.starts - unpaid) + ends_unpaid);
            }
            for (share, attempts) in self.invoices.iter_mut().zip(odds.attempts) {
                share.add(weight, attempts, odds.attempts.iter().sum());
            }
            if of.plan != FREE {
                self.unpaid_of_ends.add(weight, ends_unpaid, leaves + ends_unpaid);
            }
            for (ending, end) in [(leaves, end), (ends_unpaid, unpaid_end)] {
                if end <= snapshot + 1 {
                    there -= ending;
                } else if is_in_snapshot && end <= snapshot + 1 + days {
                    self.snapshot.add(weight, ending, 0.0);
                }
            }
            for (served, end) in [(odds.starts - unpaid, end), (unpaid, unpaid_end)] {
                for day in first..end.min(window_days) {
                    let date = laws.window().first + day as Day;
                    self.customer_days[usize::from(is_weekend(date))] += weight * served;
                }
            }
        }
        if is_in_snapshot {
            self.snapshot.add(weight, 0.0, there);
        }
    }
}

/// Returns the cycles that begin in the window.
fn cycles_of(laws: &Laws, signup: u32) -> impl Iterator<Item = CycleDays> {
    let grace = laws.parameters().billing.grace as u32;
    let of = laws.cycles.signup(signup);
    let cycles = (0..=laws.cycles.cycle_of(of, laws.cycles.days() - 1)).map(move |number| {
        let [first, end] = [number, number + 1].map(|number| laws.cycles.anniversary(of, number));
        CycleDays { first, end, unpaid_end: first + grace + 1 }
    });
    cycles.filter(|days| days.first < laws.cycles.days())
}

/// Returns the figures of the default model, in the order of the targets.
pub fn figures(data_set: &SeededLaws) -> Vec<Figure> {
    let laws = data_set.laws();
    let mut sums = Sums::default();
    for of in PlanTerm::ALL {
        let odds = lives(laws, of);
        for (signup, weight) in (0..).zip(&laws.signup_weights) {
            sums.add(laws, of, &odds, signup, weight * of.share(laws));
        }
    }
    let shares = sums.voluntary.iter().flatten().chain(&sums.unpaid[1..]);
    let shares = shares.chain([&sums.unpaid_of_ends]).chain(&sums.invoices);
    let mut figures: Vec<Figure> = shares.map(|share| share.percent()).collect();
    let expectations = DataSet::new(Model::saas_v2().unwrap(), 1, CUSTOMERS).unwrap();
    let mut rows = [0.0; 2];
    for day in laws.window().range() {
        let date = date_of(day);
        let of_day = scan(&expectations, &format!("usage_daily?from={date}&to={date}")).expected_rows();
        rows[usize::from(is_weekend(day))] += of_day.rows;
    }
    let [weekdays, weekends] = [0, 1].map(|part| rows[part] / sums.customer_days[part]);
    figures.push(Figure { value: weekends / weekdays, sd: WEEKEND_SD });
    figures.push(sums.snapshot.percent());
    let tables = [saas_v2::USAGE_DAILY, saas_v2::BILLING, saas_v2::CYCLES_TRUTH, saas_v2::SUBSCRIPTIONS];
    figures.extend(tables.map(|table| {
        let expected = expectations.expected_rows(table);
        Figure { value: expected.rows / 1e6, sd: expected.sd / 1e6 }
    }));
    figures
}

fn one_if(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
