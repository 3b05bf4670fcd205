//! The figures of [`super::targets`] in the data of a seed.

use super::support::each_customer;
use super::targets::{CUSTOMERS, Figure, SNAPSHOT};
use saasgen::models::saas_v2::{self, Attempt, Laws, Life, Outcome, Reason, SeededLaws, table_rows};
use saasgen::models::{Column, ColumnSet, Day, Table, day_of};

/// Counts of hits among trials. Customers are independent, but the trials of a customer need not be.
#[derive(Default, Clone, Copy)]
struct Share {
    hits: f64,
    trials: f64,
    /// Sums over customers of the squares of their hits and of their trials, and of the products of both.
    squares: [f64; 3],
}

impl Share {
    /// Adds the hits and the trials of a customer.
    fn add(&mut self, hits: f64, trials: f64) {
        self.hits += hits;
        self.trials += trials;
        for (sum, of_customer) in self.squares.iter_mut().zip([hits * hits, hits * trials, trials * trials]) {
            *sum += of_customer;
        }
    }

    fn percent(self) -> Figure {
        let share = self.hits / self.trials;
        let [hits, both, trials] = self.squares;
        let variance = hits - 2.0 * share * both + share * share * trials;
        Figure { value: 100.0 * share, sd: 100.0 * variance.sqrt() / self.trials }
    }
}

#[derive(Default)]
struct Counts {
    /// Decisions on monthly terms, by plan: in cycles 0 to 5, 6 to 11, and later.
    voluntary: [[Share; 3]; 4],
    /// Cycles on monthly terms that end unpaid, by plan.
    unpaid: [Share; 4],
    /// Ends of paid plans: unpaid ones among all.
    unpaid_of_ends: Share,
    /// Invoices: paid, late, failed.
    invoices: [Share; 3],
    /// Paid customers of the snapshot who end soon after it.
    snapshot: Share,
    cycles: u64,
}

impl Counts {
    fn add(&mut self, laws: &Laws, life: &Life, snapshot: u32) {
        let plan = usize::from(life.profile.plan);
        self.cycles += life.cycles.len() as u64;
        if !life.profile.is_annual {
            self.add_monthly(laws, life, plan);
        }
        let attempts = [0, 1, 2].map(|status| {
            let has_status = |attempt| match attempt {
                Attempt::None => false,
                Attempt::Ok => status == 0,
                Attempt::Late(_) => status == 1,
                Attempt::Failed => status == 2,
            };
            life.cycles.iter().filter(|cycle| has_status(cycle.attempt)).count() as f64
        });
        for (share, count) in self.invoices.iter_mut().zip(attempts) {
            share.add(count, attempts.iter().sum());
        }
        if plan > 0 && life.has_ended() {
            self.unpaid_of_ends.add(one_if(life.reason() == Reason::Payment), 1.0);
        }
        let (_, tenure, days) = SNAPSHOT;
        let is_there = life.end() > snapshot + 1 && life.profile.signup + tenure < snapshot;
        if plan > 0 && is_there {
            self.snapshot.add(one_if(life.has_ended() && life.end() <= snapshot + 1 + days), 1.0);
        }
    }

    fn add_monthly(&mut self, laws: &Laws, life: &Life, plan: usize) {
        // A chance varies less than its outcome.
        let (mut chances, mut decisions) = ([0.0; 3], [0.0; 3]);
        for cycle in life.cycles.iter().filter(|cycle| cycle.is_decided) {
            let phase = (cycle.number as usize / 6).min(2);
            chances[phase] += life.hazards(laws, cycle).chance_to_leave();
            decisions[phase] += 1.0;
        }
        for phase in 0..3 {
            self.voluntary[plan][phase].add(chances[phase], decisions[phase]);
        }
        let count = |is_counted: fn(Outcome) -> bool| {
            life.cycles.iter().filter(|cycle| is_counted(cycle.outcome)).count() as f64
        };
        self.unpaid[plan].add(count(|outcome| outcome == Outcome::Unpaid), count(|outcome| outcome != Outcome::Open));
    }
}

/// Returns the figures of a data set, in the order of the targets.
pub fn figures(data_set: &SeededLaws) -> Vec<Figure> {
    let (snapshot, ..) = SNAPSHOT;
    let snapshot = (day_of(snapshot.parse().unwrap()) - data_set.laws().window().first) as u32;
    let mut counts = Counts::default();
    each_customer(data_set, CUSTOMERS, |life| counts.add(data_set.laws(), life, snapshot));

    let shares = counts.voluntary.iter().flatten().chain(&counts.unpaid[1..]);
    let shares = shares.chain([&counts.unpaid_of_ends]).chain(&counts.invoices);
    let mut figures: Vec<Figure> = shares.map(|share| share.percent()).collect();
    figures.push(Figure::exactly(weekend_to_weekday(data_set)));
    figures.push(counts.snapshot.percent());
    let of_tables = [
        rows(data_set, saas_v2::USAGE_DAILY),
        rows(data_set, saas_v2::BILLING),
        counts.cycles,
        rows(data_set, saas_v2::SUBSCRIPTIONS),
    ];
    figures.extend(of_tables.map(|rows| Figure::exactly(rows as f64 / 1e6)));
    figures
}

fn rows(data_set: &SeededLaws, table: Table) -> u64 {
    let days = data_set.laws().window().range();
    let generator = table_rows(data_set.clone(), table, days, ColumnSet::from_iter([0]));
    let blocks = (1..=CUSTOMERS).step_by(1_000).map(|first| generator.of(first..first + 1_000)[0].len() as u64);
    blocks.sum()
}

/// Returns the rows of a customer-day at the weekend, as a share of those of a customer-day on a weekday.
fn weekend_to_weekday(data_set: &SeededLaws) -> f64 {
    let window = data_set.laws().window();
    let (mut customers, mut rows) = ([0.0; 2], [0.0; 2]);
    each_customer(data_set, CUSTOMERS / 10, |life| {
        for day in life.profile.signup..life.end() {
            customers[usize::from(is_weekend(window.first + day as Day))] += 1.0;
        }
    });
    let generator = table_rows(data_set.clone(), saas_v2::USAGE_DAILY, window.range(), ColumnSet::from_iter([1]));
    let dates = generator.of(1..CUSTOMERS / 10 + 1);
    let Column::Date(dates) = &dates[0] else { panic!("{dates:?}") };
    for &date in dates {
        rows[usize::from(is_weekend(date))] += 1.0;
    }
    (rows[1] / customers[1]) / (rows[0] / customers[0])
}

pub fn is_weekend(day: Day) -> bool {
    (day + 3).rem_euclid(7) >= 5
}

fn one_if(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
