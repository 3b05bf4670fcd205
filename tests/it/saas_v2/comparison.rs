//! Compares every value of saas-v2 with the plain implementation of [`super::reference`].

use super::reference::{Customer, Cycle, Reference};
use super::support::{data_set_of, generated};
use chrono::{Datelike, NaiveDate};
use saasgen::models::saas_v2::parameters::Parameters;
use saasgen::models::saas_v2::{self, SeededLaws};
use saasgen::models::{Column, Day, date_of};

/// Asserts that numbers differ by rounding at most.
fn assert_close(found: &Column, expected: impl Iterator<Item = f64>, case: &str) {
    let Column::Float64(found) = found else { panic!("{case}: {found:?}") };
    let expected: Vec<f64> = expected.collect();
    assert_eq!(found.len(), expected.len(), "{case}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{case}, row {row}: {found} {expected}");
    }
}

fn compare(data_set: &SeededLaws, count: u64) {
    let reference = Reference::new(data_set);
    let customers: Vec<Customer> = (1..=count).map(|id| reference.customer(id)).collect();
    let lives: Vec<(&Customer, Vec<Cycle>)> =
        customers.iter().map(|customer| (customer, reference.cycles(customer))).collect();
    compare_customers(data_set, &reference, &lives);
    compare_cycles(data_set, &reference, &lives);
    compare_events(data_set, &reference, &lives);

    let mut usage = Vec::new();
    let mut tickets = Vec::new();
    for (customer, cycles) in &lives {
        let own = cycles.iter().flat_map(|cycle| reference.usage(customer, cycle));
        usage.extend(own.map(|row| (customer.id as i64, row)));
        let own = cycles.iter().flat_map(|cycle| reference.tickets(customer, cycle));
        tickets.extend((1..).zip(own).map(|(n, row)| (customer.id as i64 * 1_000 + n, customer.id as i64, row)));
    }
    let columns = |logged_only: bool| {
        let rows = || usage.iter().filter(move |(_, row)| row.2 || !logged_only);
        let value = |index: usize| Column::Int32(rows().map(|(_, row)| row.1[index]).collect());
        let ids = Column::Int64(rows().map(|(id, _)| *id).collect());
        vec![ids, Column::Date(rows().map(|(_, row)| row.0).collect()), value(0), value(1), value(2)]
    };
    assert_eq!(generated(data_set, saas_v2::USAGE_DAILY, count), columns(true), "usage_daily");
    let mut truth = columns(false);
    truth.push(Column::Boolean(usage.iter().map(|(_, row)| row.2).collect()));
    assert_eq!(generated(data_set, saas_v2::USAGE_TRUTH, count), truth, "usage_truth");

    let expected = [
        Column::Int64(tickets.iter().map(|row| row.0).collect()),
        Column::Int64(tickets.iter().map(|row| row.1).collect()),
        Column::Date(tickets.iter().map(|row| row.2.0).collect()),
        Column::Text(tickets.iter().map(|row| row.2.1).collect()),
        Column::Text(tickets.iter().map(|row| row.2.2).collect()),
    ];
    assert_eq!(generated(data_set, saas_v2::SUPPORT, count), expected, "support");

    let days = (reference.last - reference.first + 1) as u64;
    let calendar = generated(data_set, saas_v2::CALENDAR, days);
    let dates = || reference.first..=reference.last;
    assert_eq!(calendar[0], Column::Date(dates().collect()), "calendar");
    let total: f64 = dates().map(|day| reference.signup_weight(day)).sum();
    assert_close(&calendar[1], dates().map(|day| reference.signup_weight(day) / total), "signup_weight");
    for factor in 0..3 {
        assert_close(&calendar[2 + factor], dates().map(|day| reference.day(day).0[factor]), "factors of days");
    }
    assert_close(&calendar[5], dates().map(|day| reference.day(day).1), "loss_rate");
}

fn compare_customers(data_set: &SeededLaws, reference: &Reference, lives: &[(&Customer, Vec<Cycle>)]) {
    let count = lives.len() as u64;
    let text = |value: fn(&Customer) -> usize| Column::Text(lives.iter().map(|(own, _)| value(own) as u8).collect());
    let ids = Column::Int64((1..=count as i64).collect());
    let expected = [
        ids.clone(),
        Column::Date(lives.iter().map(|(customer, _)| customer.signup).collect()),
        text(|customer| customer.plan_index),
        text(|customer| customer.region),
        text(|customer| customer.channel),
        text(|customer| usize::from(customer.is_annual)),
        Column::Int32(lives.iter().map(|(customer, _)| reference.seats(customer)).collect()),
    ];
    assert_eq!(generated(data_set, saas_v2::CUSTOMERS, count), expected, "customers");

    let truth = generated(data_set, saas_v2::CUSTOMER_TRUTH, count);
    let last = |cycles: &[Cycle]| (cycles[cycles.len() - 1].last, cycles[cycles.len() - 1].reason);
    let ended = |(_, cycles): &(&Customer, Vec<Cycle>)| match last(cycles) {
        (_, 0) => reference.last + 1,
        (last, _) => last,
    };
    assert_eq!(truth[0], ids);
    assert_close(&truth[1], lives.iter().map(|(own, _)| reference.frailty[own.frailty]), "frailty");
    assert_close(&truth[2], lives.iter().map(|(own, _)| reference.intensity[own.intensity]), "intensity");
    let activity = reference.parameters.intensity.activity;
    assert_close(&truth[3], lives.iter().map(|(own, _)| activity[own.intensity]), "activity");
    assert_eq!(truth[4], Column::Date(lives.iter().map(ended).collect()), "ended_date");
    assert_eq!(truth[5], Column::Text(lives.iter().map(|(_, cycles)| last(cycles).1 as u8).collect()), "reason");
    assert_eq!(truth[6], Column::Int32(vec![1; lives.len()]), "spells");
}

fn compare_cycles(data_set: &SeededLaws, reference: &Reference, lives: &[(&Customer, Vec<Cycle>)]) {
    let rows: Vec<(&Customer, &Cycle)> =
        lives.iter().flat_map(|(customer, cycles)| cycles.iter().map(|cycle| (*customer, cycle))).collect();
    let truth = generated(data_set, saas_v2::CYCLES_TRUTH, lives.len() as u64);
    let int32 = |value: fn(&Cycle) -> i32| Column::Int32(rows.iter().map(|(_, cycle)| value(cycle)).collect());
    let date = |value: fn(&Cycle) -> Day| Column::Date(rows.iter().map(|(_, cycle)| value(cycle)).collect());
    let text = |value: fn(&Cycle) -> usize| Column::Text(rows.iter().map(|(_, cycle)| value(cycle) as u8).collect());
    assert_eq!(truth[0], Column::Int64(rows.iter().map(|(customer, _)| customer.id as i64).collect()), "customer_id");
    assert_eq!(truth[1], int32(|cycle| cycle.number as i32), "cycle");
    assert_eq!(truth[2], int32(|_| 0), "spell");
    assert_eq!(truth[3], int32(|cycle| cycle.number as i32), "spell_age");
    assert_eq!(truth[4], date(|cycle| cycle.first), "first_day");
    assert_eq!(truth[5], date(|cycle| cycle.last), "last_day");
    assert_eq!(truth[6], Column::Text(rows.iter().map(|(own, _)| own.plan_index as u8).collect()), "plan");
    assert_eq!(truth[7], Column::Text(rows.iter().map(|(own, _)| u8::from(own.is_annual)).collect()), "term");
    assert_eq!(truth[8], Column::Int32(rows.iter().map(|(own, _)| reference.seats(own)).collect()), "seats");
    assert_eq!(truth[9], text(|cycle| cycle.engagement), "engagement");
    assert_eq!(truth[10], int32(|cycle| cycle.problem_tickets as i32), "problem_tickets");
    assert_eq!(truth[11], text(|cycle| cycle.attempt), "attempt");
    assert_close(&truth[12], rows.iter().map(|(_, cycle)| cycle.p_fail), "p_fail");
    let p_end = |cycle: &Cycle| 1.0 - (-cycle.hazards.iter().sum::<f64>()).exp();
    assert_close(&truth[13], rows.iter().map(|(_, cycle)| p_end(cycle)), "p_end");
    for hazard in 0..4 {
        assert_close(&truth[14 + hazard], rows.iter().map(|(_, cycle)| cycle.hazards[hazard]), "hazards");
    }
    assert_eq!(truth[18], Column::Boolean(rows.iter().map(|(_, cycle)| cycle.is_decided).collect()), "decided");
    assert_eq!(truth[19], text(|cycle| cycle.outcome), "outcome");
    assert_eq!(truth[20], text(|cycle| cycle.reason), "reason");
}

/// Compares subscriptions and invoices.
fn compare_events(data_set: &SeededLaws, reference: &Reference, lives: &[(&Customer, Vec<Cycle>)]) {
    let (mut events, mut invoices) = (Vec::new(), Vec::new());
    for (customer, cycles) in lives {
        let mrr = reference.mrr(customer);
        let mut own = vec![(customer.signup, 0, mrr, mrr)];
        let last = cycles.last().filter(|_| customer.plan_index > 0);
        own.extend(last.filter(|cycle| cycle.outcome == 1).map(|cycle| (cycle.cancelled, 5, mrr, 0)));
        own.extend(last.filter(|cycle| [1, 2].contains(&cycle.outcome)).map(|cycle| (cycle.last, 6, 0, -mrr)));
        events.extend((1..).zip(own).map(|(n, event)| (*customer, customer.id as i64 * 1_000 + n, event)));
        let due = cycles.iter().filter(|cycle| cycle.attempt > 0);
        for (n, cycle) in (1..).zip(due) {
            let (status, settled) = match cycle.attempt {
                1 => (0, cycle.first),
                2 => (1, cycle.first + cycle.days_late),
                _ => (2, cycle.first + reference.parameters.billing.grace as Day),
            };
            let (status, settled) = if settled > reference.last { (3, reference.last) } else { (status, settled) };
            invoices.push((*customer, customer.id as i64 * 1_000 + n, cycle.first, status, settled));
        }
    }
    let contract = |customers: Vec<&Customer>| {
        [
            Column::Text(customers.iter().map(|customer| customer.plan_index as u8).collect()),
            Column::Text(customers.iter().map(|customer| u8::from(customer.is_annual)).collect()),
            Column::Int32(customers.iter().map(|customer| reference.seats(customer)).collect()),
        ]
    };
    let [plan, term, seats] = contract(events.iter().map(|event| event.0).collect());
    let expected = [
        Column::Int64(events.iter().map(|event| event.1).collect()),
        Column::Int64(events.iter().map(|event| event.0.id as i64).collect()),
        Column::Date(events.iter().map(|event| event.2.0).collect()),
        Column::Text(events.iter().map(|event| event.2.1).collect()),
        plan,
        term,
        seats,
        Column::Money(events.iter().map(|event| event.2.2).collect()),
        Column::Money(events.iter().map(|event| event.2.3).collect()),
    ];
    assert_eq!(generated(data_set, saas_v2::SUBSCRIPTIONS, lives.len() as u64), expected, "subscriptions");

    let amount = |customer: &Customer| reference.mrr(customer) * if customer.is_annual { 12 } else { 1 };
    let [plan, term, seats] = contract(invoices.iter().map(|invoice| invoice.0).collect());
    let expected = [
        Column::Int64(invoices.iter().map(|invoice| invoice.1).collect()),
        Column::Int64(invoices.iter().map(|invoice| invoice.0.id as i64).collect()),
        Column::Date(invoices.iter().map(|invoice| invoice.2).collect()),
        Column::Money(invoices.iter().map(|invoice| amount(invoice.0)).collect()),
        Column::Text(invoices.iter().map(|invoice| invoice.3).collect()),
        Column::Date(invoices.iter().map(|invoice| invoice.4).collect()),
        plan,
        term,
        seats,
    ];
    assert_eq!(generated(data_set, saas_v2::BILLING, lives.len() as u64), expected, "billing");
}

#[test]
fn the_default_model_equals_the_reference() {
    compare(&data_set_of(|_| (), 42), 2_000);
    compare(&data_set_of(|_| (), u64::MAX), 200);
}

/// Windows of one month and of ten years, from each end of a year, in which February has 28 and 29 days.
#[test]
fn other_windows_equal_the_reference() {
    for (start, months, customers) in [("2024-02-01", 1, 400), ("2023-12-01", 3, 400), ("1970-01-01", 120, 60)] {
        let set = |parameters: &mut Parameters| {
            parameters.window.start = start.parse().unwrap();
            parameters.window.months = months;
        };
        compare(&data_set_of(set, 1), customers);
    }
}

/// Windows from each month of a year and of a leap year, which have signups on the last days of every month.
#[test]
fn windows_from_every_month_equal_the_reference() {
    const CUSTOMERS: u64 = 40;
    // Cycles that begin on the last day of a shorter month than that of the signup, by this day.
    let mut clamped = [0; 32];
    for (year, month) in [2023, 2024].into_iter().flat_map(|year| (1..=12).map(move |month| (year, month))) {
        let set = |parameters: &mut Parameters| {
            parameters.window.start = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
            parameters.window.months = 14;
        };
        let data_set = data_set_of(set, u64::from(month));
        compare(&data_set, CUSTOMERS);
        let reference = Reference::new(&data_set);
        for customer in (1..=CUSTOMERS).map(|id| reference.customer(id)) {
            for cycle in reference.cycles(&customer) {
                let [signup, first] = [customer.signup, cycle.first].map(|day| date_of(day).day() as usize);
                clamped[first] += usize::from(first != signup);
            }
        }
    }
    assert!(clamped[28..=30].iter().all(|&cycles| cycles > 0) && clamped.iter().sum::<usize>() > 20, "{clamped:?}");
}

/// Payments that fail often, all of them on annual terms, many tickets, and as much activity as there can be.
#[test]
fn extreme_models_equal_the_reference() {
    let unpaid = |parameters: &mut Parameters| {
        for plan in [&mut parameters.plans.basic, &mut parameters.plans.pro, &mut parameters.plans.enterprise] {
            (plan.payment_failure, plan.annual, plan.problem_tickets) = (0.16, 0.5, 3.0);
        }
        parameters.billing.late_min = 1;
        parameters.billing.grace = 27;
        parameters.billing.recovered = 0.5;
    };
    compare(&data_set_of(unpaid, 1), 600);
    let active = |parameters: &mut Parameters| {
        parameters.plans.free.active = 0.69;
        parameters.plans.free.sessions = 400.0;
        (parameters.logs.loss_min, parameters.logs.loss_max) = (0.0, 1.0);
        parameters.activity.incident_share = 0.5;
        (parameters.frailty.variance, parameters.intensity.variance) = (0.0, 2.0);
    };
    compare(&data_set_of(active, 1), 300);
}
