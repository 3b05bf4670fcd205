//! Expectations against generated data of fixed seeds.
//!
//! The bounds are so wide that all tests of a correct program together fail for one choice of seeds in a hundred at most.

use super::super::super::laws::Laws;
use super::super::super::parameters::Parameters;
use super::super::super::rows::table_rows;
use super::super::super::seeded_laws::SeededLaws;
use super::super::super::tables;
use super::super::RowMoments;
use super::super::lives::{REASONS, lives};
use super::super::plan_term::PlanTerm;
use super::{laws, plans};
use crate::models::{Column, ColumnSet, Day, RowsPerCustomer, Table};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::ops::Range;
use std::sync::Arc;

const SEEDS: [u64; 3] = [1, 2, 3];
const CUSTOMERS: u64 = 20_000;

/// A standard normal number is farther from 0 once in 150,000 times.
const MOST_DEVIATIONS: f64 = 4.5;

/// One of the 3,000 cells of a test is farther from 0 once in 500 tests.
const MOST_DEVIATIONS_OF_CELLS: f64 = 5.0;

/// A model in which what is rare by default is common: unpaid and recovered payments, annual renewals, tickets,
/// incidents and losses.
fn stressed(parameters: &mut Parameters) {
    parameters.window.start = chrono::NaiveDate::from_ymd_opt(2023, 10, 1).unwrap();
    parameters.window.months = 28;
    parameters.signup.growth = -0.03;
    parameters.billing.repeat = 2.0;
    parameters.billing.annual = 1.5;
    parameters.billing.recovered = 0.6;
    parameters.billing.grace = 17;
    (parameters.activity.incident, parameters.activity.incident_share) = (0.3, 0.2);
    (parameters.logs.loss_min, parameters.logs.loss_max) = (0.0, 0.8);
    for plan in &mut plans(parameters)[1..] {
        plan.payment_failure = 0.25;
        plan.annual = 0.5;
        plan.support = 0.1;
        plan.problem_tickets = 0.8;
        plan.billing = 0.2;
    }
}

fn data_sets(change: fn(&mut Parameters)) -> [SeededLaws; 3] {
    let laws = Arc::new(laws(change));
    SEEDS.map(|seed| SeededLaws::new(laws.clone(), seed))
}

fn columns<const N: usize>(
    data_set: &SeededLaws,
    table: Table,
    days: &Range<Day>,
    customers: u64,
    wanted: [usize; N],
) -> [Vec<i64>; N] {
    let generator = table_rows(data_set.clone(), table, days.clone(), ColumnSet::from_iter(wanted));
    let columns = generator.of(1..customers + 1).into_iter().map(|column| match column {
        Column::Int64(values) => values,
        Column::Int32(values) | Column::Date(values) => values.into_iter().map(i64::from).collect(),
        Column::Text(values) => values.into_iter().map(i64::from).collect(),
        Column::Boolean(values) => values.into_iter().map(i64::from).collect(),
        Column::Money(_) | Column::Float64(_) => panic!("no column of numbers"),
    });
    columns.collect::<Vec<_>>().try_into().unwrap()
}

/// Returns the number of rows of each customer.
fn rows_by_customer(data_set: &SeededLaws, table: Table, days: &Range<Day>, customers: u64) -> Vec<f64> {
    let id_column = usize::from([tables::SUBSCRIPTIONS, tables::BILLING, tables::SUPPORT].contains(&table));
    let [ids] = columns(data_set, table, days, customers, [id_column]);
    let mut rows = vec![0.0; customers as usize];
    for id in ids {
        rows[id as usize - 1] += 1.0;
    }
    rows
}

/// The total of each seed must be within [`MOST_DEVIATIONS`], and so must the variance of the rows of all seeds' customers.
fn check_rows(change: fn(&mut Parameters)) {
    let data_sets = data_sets(change);
    let laws = data_sets[0].laws();
    let window = laws.window();
    let parts = [40..100, 301..302, window.days as Day - 20..window.days as Day];
    let parts = parts.map(|days| window.first + days.start..window.first + days.end);
    for table in tables::TABLES.into_iter().filter(|&table| table.has_customers() && table != tables::CUSTOMER_TRUTH) {
        let moments = RowMoments::new(laws, table);
        for days in std::iter::once(&window.range()).chain(&parts) {
            let case = format!("{table:?} {:?}", days.start - window.first..days.end - window.first);
            let expected = moments.in_days(laws, days);
            let all: Vec<Vec<f64>> =
                data_sets.iter().map(|data_set| rows_by_customer(data_set, table, days, CUSTOMERS)).collect();
            let total = expected.of(CUSTOMERS);
            for rows in &all {
                let found: f64 = rows.iter().sum();
                let is_near = (found - total.rows).abs() <= MOST_DEVIATIONS * total.sd + 1e-6;
                assert!(is_near, "{case}: {found} rows instead of {total:?}");
            }
            // Three calendars say little about the variance that days add. Over the window it averages out.
            if expected.covariance() == 0.0 || *days == window.range() {
                check_variance(&all, &expected, &case);
            }
        }
    }
}

/// Customers of one seed share its calendar, so their variance is by the covariance lower than that of all seeds.
fn check_variance(all: &[Vec<f64>], expected: &RowsPerCustomer, case: &str) {
    let (mut variance, mut error) = (0.0, 0.0);
    for rows in all {
        let count = rows.len() as f64;
        let mean = rows.iter().sum::<f64>() / count;
        let power = |power| rows.iter().map(|&own| (own - mean).powi(power)).sum::<f64>() / count;
        let (second, fourth) = (power(2), power(4));
        variance += second * count / (count - 1.0) / all.len() as f64;
        error += (fourth - second * second) / count / (all.len() * all.len()) as f64;
    }
    let wanted = expected.variance() - expected.covariance();
    let (off, error) = (variance - wanted, error.sqrt());
    println!("{case}: variance {variance:.5} of {wanted:.5}, off by {off:+.5}, sd {error:.5}");
    assert!(off.abs() <= MOST_DEVIATIONS * error + 1e-9, "{case}: variance {variance} of {wanted}, sd {error}");
}

#[test]
fn rows_of_the_default_model_are_those_expected() {
    check_rows(|_| ());
}

#[test]
fn rows_of_a_stressed_model_are_those_expected() {
    check_rows(stressed);
}

/// Days are alike in all seeds, so short ranges show the variance of usage as well.
#[test]
fn rows_of_a_model_without_incidents_are_those_expected() {
    check_rows(|parameters| {
        stressed(parameters);
        parameters.activity.incident_share = 0.0;
        (parameters.logs.loss_min, parameters.logs.loss_max) = (0.4, 0.4);
    });
}

/// The total rows of many data sets have the expected variance, of which the shared days are most.
///
/// With 400 data sets, its ratio to the expected one has a standard deviation of about 0.07.
#[test]
fn totals_of_data_sets_vary_as_expected() {
    const DATA_SETS: u64 = 400;
    const CUSTOMERS: u64 = 1_000;
    let laws = Arc::new(laws(|parameters| {
        stressed(parameters);
        parameters.window.months = 3;
    }));
    let window = laws.window();
    for table in [tables::USAGE_DAILY, tables::USAGE_TRUTH] {
        let expected = RowMoments::new(&laws, table).in_days(&laws, &window.range());
        let total = expected.of(CUSTOMERS);
        let independent = (CUSTOMERS as f64 * expected.variance()).sqrt();
        assert!(total.sd > 1.5 * independent, "{table:?}: the days matter: {total:?} {independent}");
        let deviations: Vec<f64> = (0..DATA_SETS)
            .map(|seed| {
                let data_set = SeededLaws::new(laws.clone(), seed);
                let rows: f64 = rows_by_customer(&data_set, table, &window.range(), CUSTOMERS).iter().sum();
                (rows - total.rows) / total.sd
            })
            .collect();
        let count = DATA_SETS as f64;
        let mean = deviations.iter().sum::<f64>() / count;
        let ratio = deviations.iter().map(|own| own * own).sum::<f64>() / count;
        println!("{table:?}: mean {mean:.3}, variance {ratio:.3}");
        assert!(mean.abs() < MOST_DEVIATIONS / count.sqrt(), "{table:?}: {mean}");
        assert!((ratio - 1.0).abs() < MOST_DEVIATIONS * (2.0 / count).sqrt(), "{table:?}: {ratio}");
    }
}

/// What happened in the same cycle of all customers on one plan and term.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// Customers for whom the cycle would begin in the window, and of them those for whom it is in the window whole.
    known: f64,
    known_whole: f64,
    engagement: [f64; 4],
    /// Attempts that succeeded, were recovered, and failed.
    attempts: [f64; 3],
    /// Of cycles that are in the window whole.
    starts_whole: f64,
    decides: f64,
    ends: [f64; REASONS.len()],
}

/// Counts the rows of `cycles_truth`, by plan and term and by cycle.
fn counts(data_sets: &[SeededLaws]) -> Vec<Vec<Counts>> {
    let laws: &Laws = data_sets[0].laws();
    let months = laws.cycles.months();
    let window = laws.window();
    let mut counts = vec![vec![Counts::default(); months]; PlanTerm::ALL.len()];
    for data_set in data_sets {
        let wanted = [0, 1, 4, 6, 7, 9, 11, 18, 20];
        let [id, cycle, first_day, plan, term, engagement, attempt, decided, reason] =
            columns(data_set, tables::CYCLES_TRUTH, &window.range(), CUSTOMERS, wanted);
        let mut signup = 0;
        for row in 0..id.len() {
            let own = PlanTerm { plan: plan[row] as u8, is_annual: term[row] == 1 };
            let counts = &mut counts[PlanTerm::ALL.iter().position(|&of| of == own).unwrap()];
            if cycle[row] == 0 {
                signup = (first_day[row] - i64::from(window.first)) as u32;
                let lasting = months - laws.cycles.month_of(signup);
                for (number, counts) in counts[..lasting].iter_mut().enumerate() {
                    counts.known += 1.0;
                    counts.known_whole += f64::from(u8::from(is_whole(laws, signup, number)));
                }
            }
            let number = cycle[row] as usize;
            let counts = &mut counts[number];
            counts.engagement[engagement[row] as usize] += 1.0;
            if let Some(attempt) = (attempt[row] as usize).checked_sub(1) {
                counts.attempts[attempt] += 1.0;
            }
            if is_whole(laws, signup, number) {
                counts.starts_whole += 1.0;
                counts.decides += decided[row] as f64;
                if let Some(reason) = (reason[row] as usize).checked_sub(1) {
                    counts.ends[reason] += 1.0;
                }
            }
        }
    }
    counts
}

fn is_whole(laws: &Laws, signup: u32, cycle: usize) -> bool {
    laws.cycles.anniversary(laws.cycles.signup(signup), cycle + 1) <= laws.cycles.days()
}

/// Compares each cell with a binomial number, where at least ten customers are expected on either side.
fn check_lives(change: fn(&mut Parameters), least_cells: usize) {
    let data_sets = data_sets(change);
    let laws = data_sets[0].laws();
    let (mut cells, mut worst) = (0, 0.0_f64);
    let mut deviations = |found: f64, trials: f64, chance: f64, case: &dyn Fn() -> String| -> Option<f64> {
        let expected = trials * chance;
        if expected == 0.0 || chance >= 1.0 - 1e-9 {
            assert!((found - expected).abs() < 1e-3, "{}: {found} instead of {expected}", case());
            return None;
        }
        if expected < 10.0 || trials - expected < 10.0 {
            return None;
        }
        let deviation = (found - expected) / (expected * (1.0 - chance)).sqrt();
        cells += 1;
        worst = worst.max(deviation.abs());
        assert!(deviation.abs() < MOST_DEVIATIONS_OF_CELLS, "{}: {found} of {expected}, {deviation:.2} sd", case());
        Some(deviation)
    };
    let (mut chi_square, mut freedom) = (0.0, 0.0);
    for (of, counts) in PlanTerm::ALL.into_iter().zip(counts(&data_sets)) {
        for (number, (counts, odds)) in counts.iter().zip(lives(laws, of)).enumerate() {
            let case = |what: &str| format!("{of:?}, cycle {number}: {what}");
            let starts: f64 = counts.engagement.iter().sum();
            deviations(starts, counts.known, odds.starts, &|| case("starts"));
            for (state, (&found, chance)) in counts.engagement.iter().zip(odds.engagement).enumerate() {
                deviations(found, counts.known, chance, &|| case(&format!("engagement {state}")));
            }
            for (attempt, (&found, chance)) in counts.attempts.iter().zip(odds.attempts).enumerate() {
                deviations(found, counts.known, chance, &|| case(&format!("attempt {attempt}")));
            }
            deviations(counts.decides, counts.known_whole, odds.decides, &|| case("decides"));
            for (reason, (&found, chance)) in counts.ends.iter().zip(odds.ends).enumerate() {
                deviations(found, counts.known_whole, chance, &|| case(REASONS[reason]));
            }
            // Given who starts a cycle, its ends are independent of those of earlier cycles.
            let ends = counts.ends.iter().sum();
            if let Some(deviation) = deviations(ends, counts.starts_whole, odds.hazard(), &|| case("hazard")) {
                chi_square += deviation * deviation;
                freedom += 1.0;
            }
        }
    }
    let p = ChiSquared::new(freedom).unwrap().sf(chi_square);
    println!(
        "{cells} cells, the worst off by {worst:.2} sd; hazards: chi-square {chi_square:.1} of {freedom}, p {p:.3}"
    );
    assert!(cells >= least_cells, "only {cells} cells are large enough");
    assert!((1e-4..1.0 - 1e-4).contains(&p), "hazards: chi-square {chi_square} of {freedom}, p {p}");
}

#[test]
fn lives_of_the_default_model_are_those_expected() {
    check_lives(|_| (), 700);
}

#[test]
fn lives_of_a_stressed_model_are_those_expected() {
    check_lives(stressed, 700);
}
