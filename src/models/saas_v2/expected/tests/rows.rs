//! Numbers of rows against closed forms.

use super::super::super::laws::Laws;
use super::super::super::tables;
use super::super::RowMoments;
use super::super::lives::lives;
use super::super::plan_term::PlanTerm;
use super::{assert_close, certain_days, engagements, laws, plans, without_differences, without_ends};
use crate::models::{Day, RowsPerCustomer, Table};

const WITH_CUSTOMERS: [Table; 8] = [
    tables::CUSTOMERS,
    tables::SUBSCRIPTIONS,
    tables::USAGE_DAILY,
    tables::USAGE_TRUTH,
    tables::BILLING,
    tables::SUPPORT,
    tables::CYCLES_TRUTH,
    tables::CUSTOMER_TRUTH,
];

fn whole_window(laws: &Laws, table: Table) -> RowsPerCustomer {
    RowMoments::new(laws, table).in_days(laws, &laws.window().range())
}

/// Returns mean and variance of `of_signup`, which gives mean and variance for a signup day.
fn over_signups(laws: &Laws, of_signup: impl Fn(u32) -> (f64, f64)) -> (f64, f64) {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (signup, weight) in (0..).zip(&laws.signup_weights) {
        let (own_mean, own_variance) = of_signup(signup);
        mean += weight * own_mean;
        squares += weight * (own_variance + own_mean * own_mean);
    }
    (mean, squares - mean * mean)
}

#[test]
fn rows_of_consecutive_days_sum_to_those_of_the_window() {
    let laws = laws(|_| ());
    let window = laws.window();
    for table in WITH_CUSTOMERS.into_iter().filter(|&table| table != tables::CUSTOMER_TRUTH) {
        let moments = RowMoments::new(&laws, table);
        let whole = moments.in_days(&laws, &window.range());
        for step in [1, 30, 400] {
            let days = (window.first..=window.last()).step_by(step);
            let parts = days.map(|day| moments.in_days(&laws, &(day..day + step as Day)));
            let (mean, covariance) =
                parts.fold((0.0, 0.0), |(mean, covariance), part| (mean + part.mean(), covariance + part.covariance()));
            let case = format!("{table:?} {step}");
            assert_close(mean, whole.mean(), 1e-9 * whole.mean(), &case);
            assert_close(covariance, whole.covariance(), 1e-9, &case);
        }
    }
}

/// Of these tables, a customer has one row a day at most, so mean and variance of a day are those of one trial.
#[test]
fn rows_of_a_day_are_one_trial() {
    let laws = laws(|_| ());
    let window = laws.window();
    let tables = [tables::CUSTOMERS, tables::USAGE_DAILY, tables::USAGE_TRUTH, tables::BILLING, tables::CYCLES_TRUTH];
    for table in tables {
        let moments = RowMoments::new(&laws, table);
        for day in window.range().step_by(7) {
            let rows = moments.in_days(&laws, &(day..day + 1));
            assert!(rows.mean() > 0.0 && rows.mean() < 1.0, "{table:?} {day}: {rows:?}");
            assert_close(rows.variance(), rows.mean() * (1.0 - rows.mean()), 1e-12, &format!("{table:?} {day}"));
        }
    }
}

#[test]
fn days_outside_of_the_window_have_no_rows() {
    let laws = laws(|_| ());
    let window = laws.window();
    for table in WITH_CUSTOMERS {
        let moments = RowMoments::new(&laws, table);
        let wide = moments.in_days(&laws, &(Day::MIN..Day::MAX));
        assert_eq!(wide, moments.in_days(&laws, &window.range()), "{table:?}");
        if table != tables::CUSTOMER_TRUTH {
            let (before, after) = (window.first - 9..window.first, window.last() + 1..window.last() + 9);
            for days in [before, after, 9..9, window.last()..window.first] {
                let nothing = RowsPerCustomer::exactly(0);
                assert_eq!(moments.in_days(&laws, &days), nothing, "{table:?} {days:?}");
            }
        }
    }
}

#[test]
fn tables_without_chance_are_certain() {
    let laws = laws(|_| ());
    let window = laws.window();
    let customers = whole_window(&laws, tables::CUSTOMERS);
    assert_close(customers.mean(), 1.0, 1e-12, "customers");
    assert_close(customers.variance(), 0.0, 1e-12, "customers");
    assert_eq!(whole_window(&laws, tables::CUSTOMER_TRUTH).of(1_000).rows, 1_000.0);
    assert_eq!(whole_window(&laws, tables::CALENDAR).of(1).rows, 550.0);
    let month = RowMoments::new(&laws, tables::CALENDAR).in_days(&laws, &(window.first..window.first + 31));
    assert_close(month.of(1).rows, 31.0, 1e-9, "calendar");
    assert_eq!(month.of(1).sd, 0.0);
}

#[test]
fn a_window_of_one_month_has_one_cycle_of_each_customer() {
    let laws = laws(|parameters| parameters.window.months = 1);
    for (table, share) in [(tables::CYCLES_TRUTH, 1.0), (tables::BILLING, 0.6)] {
        let rows = whole_window(&laws, table);
        assert_close(rows.mean(), share, 1e-9, table.name());
        assert_close(rows.variance(), share * (1.0 - share), 1e-9, table.name());
    }
    // Only the cycle of a signup on the first day ends in the window. Then a request comes with an end.
    let ends: f64 =
        PlanTerm::ALL[1..].iter().map(|of| of.share(&laws) * lives(&laws, *of)[0].ends.iter().sum::<f64>()).sum();
    let events = whole_window(&laws, tables::SUBSCRIPTIONS);
    assert_close(events.mean(), 1.0 + 2.0 * laws.signup_weights[0] * ends, 1e-9, "subscriptions");
}

/// Nobody leaves, all customers of a plan are alike, and all days too: then active days are binomial given plan and
/// signup day, tickets are Poisson numbers, and cycles and invoices are certain.
#[test]
fn rows_of_customers_who_stay_are_simple_mixtures() {
    let laws = laws(|parameters| {
        without_ends(parameters);
        without_differences(parameters);
        parameters.intensity.activity = [1.0; 8];
        for state in engagements(parameters) {
            state.activity = 1.0;
        }
        for plan in plans(parameters) {
            (plan.problem_tickets, plan.howto_tickets) = (0.05, 0.04);
        }
        certain_days(parameters);
        (parameters.logs.loss_min, parameters.logs.loss_max) = (0.25, 0.25);
    });
    let months = |signup: u32| (laws.cycles.months() - laws.cycles.month_of(signup)) as f64;
    type OfSignup<'a> = &'a dyn Fn(u32) -> (f64, f64);
    let cases: [(Table, OfSignup<'_>, f64); 4] = [
        (tables::CYCLES_TRUTH, &|signup| (months(signup), 0.0), 1e-9),
        (tables::CUSTOMERS, &|_| (1.0, 0.0), 1e-9),
        // Probabilities are rounded to multiples of 2^-32, and numbers above 7 are left out.
        (
            tables::SUPPORT,
            &|signup| {
                let of = laws.cycles.signup(signup);
                let last = months(signup) as usize - 1;
                let [first, end] = [last, last + 1].map(|cycle| f64::from(laws.cycles.anniversary(of, cycle)));
                let served = last as f64 + (550.0 - first) / (end - first);
                (0.09 * served, 0.09 * served)
            },
            1e-7,
        ),
        (tables::USAGE_DAILY, &|signup| usage(&laws, signup, 0.75), 1e-8),
    ];
    for (table, of_signup, tolerance) in cases {
        let (mean, variance) = over_signups(&laws, of_signup);
        let found = whole_window(&laws, table);
        assert_close(found.mean(), mean, tolerance * mean, table.name());
        assert_close(found.variance(), variance, tolerance * mean * mean, table.name());
        assert_eq!(found.covariance(), 0.0, "{table:?}");
    }
    // Six of ten customers have invoices: each month, or each year of at most two.
    let (mean, _) = over_signups(&laws, |signup| {
        let plans = laws.parameters().plans.values().into_iter().skip(1);
        let years = if months(signup) > 12.0 { 2.0 } else { 1.0 };
        let invoices = plans.map(|plan| plan.share * (plan.annual * years + (1.0 - plan.annual) * months(signup)));
        (invoices.sum(), 0.0)
    });
    assert_close(whole_window(&laws, tables::BILLING).mean(), mean, 1e-9 * mean, "billing");
    let starts = whole_window(&laws, tables::SUBSCRIPTIONS);
    assert_close(starts.mean(), 1.0, 1e-9, "subscriptions");
    assert_close(starts.variance(), 0.0, 1e-9, "subscriptions");
}

/// Returns mean and variance of the number of rows of `usage_daily`, if each day has the same chance by plan.
fn usage(laws: &Laws, signup: u32, survives: f64) -> (f64, f64) {
    let days = f64::from(laws.cycles.days() - signup);
    let (mut mean, mut squares) = (0.0, 0.0);
    for plan in laws.parameters().plans.values() {
        let chance = plan.active * survives;
        mean += plan.share * days * chance;
        squares += plan.share * (days * chance * (1.0 - chance) + (days * chance).powi(2));
    }
    (mean, squares - mean * mean)
}

/// Customers with many tickets have fewer cycles. All numbers of tickets in the first cycle are enumerated.
#[test]
fn tickets_lower_the_number_of_later_tickets() {
    const PROBLEMS: f64 = 1.0;
    const HOWTO: f64 = 0.3;
    const SUPPORT: f64 = 0.5;
    let laws = laws(|parameters| {
        without_ends(parameters);
        without_differences(parameters);
        parameters.window.months = 2;
        for plan in plans(parameters) {
            (plan.problem_tickets, plan.howto_tickets, plan.support, plan.annual) = (PROBLEMS, HOWTO, SUPPORT, 0.0);
        }
    });
    let counts = |mean: f64| {
        let mut counts: [f64; 8] =
            std::array::from_fn(|n| (1..=n).fold((-mean).exp(), |term, factor| term * mean / factor as f64));
        counts[7] = 1.0 - counts[..7].iter().sum::<f64>();
        counts
    };
    let (mut mean, mut pairs, mut stays, mut tickets_of_staying) = (0.0, 0.0, 0.0, 0.0);
    for (problems, p) in counts(PROBLEMS).into_iter().enumerate() {
        for (howto, q) in counts(HOWTO).into_iter().enumerate() {
            let all = (problems + howto) as f64;
            let staying = p * q * (-SUPPORT * problems.min(3) as f64).exp();
            mean += p * q * all;
            pairs += p * q * all * (all - 1.0);
            stays += staying;
            tickets_of_staying += staying * all;
        }
    }
    let (expected_mean, expected_variance) = over_signups(&laws, |signup| {
        let of = laws.cycles.signup(signup);
        let share = |cycle: usize| {
            let [first, end] = [cycle, cycle + 1].map(|cycle| laws.cycles.anniversary(of, cycle));
            f64::from(end.min(laws.cycles.days()) - first) / f64::from(end - first)
        };
        let [first, second] = if laws.cycles.month_of(signup) == 0 { [1.0, share(1)] } else { [share(0), 0.0] };
        let own = mean * (first + stays * second);
        let squares =
            own + pairs * (first * first + stays * second * second) + 2.0 * first * second * tickets_of_staying * mean;
        (own, squares - own * own)
    });
    let found = whole_window(&laws, tables::SUPPORT);
    assert_close(found.mean(), expected_mean, 1e-7, "mean");
    assert_close(found.variance(), expected_variance, 1e-7, "variance");
}

/// If customers are active on each day, the rows of a day are those of all customers or of none.
#[test]
fn customers_share_the_incidents_and_losses_of_a_day() {
    let laws = laws(|parameters| {
        without_ends(parameters);
        parameters.intensity.activity = [1.0; 8];
        for state in engagements(parameters) {
            state.activity = 1.0;
        }
        for plan in plans(parameters) {
            plan.active = 1.0;
        }
        (parameters.activity.incident, parameters.activity.incident_share) = (0.0, 0.25);
        (parameters.logs.loss_min, parameters.logs.loss_max) = (0.0, 1.0);
    });
    // The last day of the window is a Tuesday in the season with a factor of 0.75, and all customers are there.
    let last = laws.window().last();
    for (table, mean, variance) in [
        (tables::USAGE_TRUTH, 0.75, 0.75 * 0.25),
        // The mean square of a share that survives is 1/3.
        (tables::USAGE_DAILY, 0.375, 0.75 / 3.0 - 0.375 * 0.375),
    ] {
        let rows = RowMoments::new(&laws, table).in_days(&laws, &(last..last + 1));
        assert_close(rows.mean(), 0.75 * mean, 1e-8, table.name());
        assert_close(rows.covariance(), 0.75 * 0.75 * variance, 1e-8, table.name());
    }
}
