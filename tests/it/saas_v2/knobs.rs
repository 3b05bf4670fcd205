//! Each parameter of saas-v2 changes only the tables downstream of it, and a feature that is switched off does nothing.

use super::support::{data_set_of, each_customer, generated};
use saasgen::models::saas_v2::parameters::{ByChannel, ByEngagement, ByWeekday, ChannelParameters, Parameters, Plan};
use saasgen::models::saas_v2::{
    self, BILLING, CALENDAR, CUSTOMER_TRUTH, CUSTOMERS, CYCLES_TRUTH, Cycle, EXPECTED_CURVES, Life, SUBSCRIPTIONS,
    SUPPORT, USAGE_DAILY, USAGE_TRUTH,
};
use saasgen::models::{Column, Table};

const COUNT: u64 = 1_500;

type Change = fn(&mut Parameters);

/// Returns the rows of all tables but `expected_curves`, which also has the curves of terms that nobody has.
fn tables(change: impl FnOnce(&mut Parameters)) -> Vec<(Table, Vec<Column>)> {
    let data_set = data_set_of(change, 42);
    let generated_tables = saas_v2::TABLES.into_iter().filter(|table| *table != EXPECTED_CURVES);
    generated_tables.map(|table| (table, generated(&data_set, table, COUNT))).collect()
}

fn each_plan(parameters: &mut Parameters, change: impl Fn(&mut Plan)) {
    let plans = &mut parameters.plans;
    for plan in [&mut plans.free, &mut plans.basic, &mut plans.pro, &mut plans.enterprise] {
        change(plan);
    }
}

/// Asserts that `change` changes the rows of `changed` and of no other table.
fn assert_changes(name: &str, before: &[(Table, Vec<Column>)], change: Change, changed: &[Table]) {
    for ((table, before), (_, after)) in before.iter().zip(tables(change)) {
        assert_eq!(*before != after, changed.contains(table), "{name}: {}", table.name());
    }
}

#[test]
fn a_parameter_changes_the_tables_downstream_and_no_others() {
    const LIVES: [Table; 7] = [SUBSCRIPTIONS, USAGE_DAILY, BILLING, SUPPORT, CYCLES_TRUTH, CUSTOMER_TRUTH, USAGE_TRUTH];
    const USAGE: [Table; 2] = [USAGE_DAILY, USAGE_TRUTH];
    const DAYS: [Table; 3] = [USAGE_DAILY, CALENDAR, USAGE_TRUTH];
    const SEATS: [Table; 4] = [CUSTOMERS, SUBSCRIPTIONS, BILLING, CYCLES_TRUTH];
    let before = tables(|_| ());
    let cases: &[(&str, Change, &[Table])] = &[
        ("signup.growth", |p| p.signup.growth = 0.0, &saas_v2::TABLES),
        ("regions", |p| p.regions.reverse(), &[CUSTOMERS]),
        ("channels.paid.hazard", |p| p.channels.paid.hazard = 3.0, &LIVES),
        ("frailty.variance", |p| p.frailty.variance = 0.1, &LIVES),
        ("intensity.variance", |p| p.intensity.variance = 0.1, &[USAGE_DAILY, CUSTOMER_TRUTH, USAGE_TRUTH]),
        ("intensity.activity", |p| p.intensity.activity = [0.9; 8], &[USAGE_DAILY, CUSTOMER_TRUTH, USAGE_TRUTH]),
        ("intensity.rungs", |p| p.intensity.rungs = [0; 8], &SEATS),
        ("seats.ladder", |p| p.seats.ladder[9] = 99, &SEATS),
        ("plans.Pro.price", |p| p.plans.pro.price = 18.0, &[SUBSCRIPTIONS, BILLING]),
        ("plans.Pro.start", |p| p.plans.pro.start = p.plans.free.start, &LIVES),
        ("plans.Pro.active", |p| p.plans.pro.active = 0.5, &USAGE),
        ("plans.Pro.sessions", |p| p.plans.pro.sessions = 20.0, &USAGE),
        ("plans.Pro.minutes", |p| p.plans.pro.minutes = 5.0, &USAGE),
        ("plans.Pro.payment_failure", |p| p.plans.pro.payment_failure = 0.15, &LIVES),
        ("plans.Pro.howto_tickets", |p| p.plans.pro.howto_tickets = 1.0, &[SUPPORT]),
        ("plans.Pro.support", |p| p.plans.pro.support = 0.2, &LIVES),
        (
            "plans.Free.unused",
            |p| p.plans.free.unused = 0.01,
            &[USAGE_DAILY, SUPPORT, CYCLES_TRUTH, CUSTOMER_TRUTH, USAGE_TRUTH],
        ),
        ("engagement.fading.next", |p| p.engagement.fading.next = p.engagement.steady.next, &LIVES),
        ("engagement.steady.activity", |p| p.engagement.steady.activity = 0.8, &USAGE),
        ("engagement.steady.howto_tickets", |p| p.engagement.steady.howto_tickets = 3.0, &[SUPPORT]),
        ("billing.recovered", |p| p.billing.recovered = 0.2, &LIVES),
        ("billing.decay", |p| p.billing.decay = 0.3, &[BILLING]),
        ("tickets.technical", |p| p.tickets.technical = 0.3, &[SUPPORT]),
        ("tickets.first_cycle", |p| p.tickets.first_cycle = 1.0, &[SUPPORT]),
        ("tickets.howto_priority", |p| p.tickets.howto_priority = p.tickets.problem_priority, &[SUPPORT]),
        ("activity.week.Sat", |p| p.activity.week.sat = 0.9, &DAYS),
        ("activity.holidays", |p| p.activity.holidays = 0.1, &DAYS),
        ("activity.incident", |p| p.activity.incident = 0.1, &DAYS),
        ("usage.minutes_sd", |p| p.usage.minutes_sd = 0.1, &USAGE),
        ("usage.events_per_session", |p| p.usage.events_per_session = 1.0, &USAGE),
        ("logs.loss_max", |p| p.logs.loss_max = 0.9, &DAYS),
        ("decision.renewal", |p| p.decision.renewal = 1.0, &LIVES),
    ];
    for (name, change, changed) in cases {
        assert_changes(name, &before, *change, changed);
    }
}

/// For each feature: how to switch it off, and the other figures of the feature, which then have no effect.
#[test]
fn a_feature_that_is_switched_off_does_nothing() {
    let cases: &[(&str, Change, Change)] = &[
        (
            "payments never fail",
            |p| each_plan(p, |plan| plan.payment_failure = 0.0),
            |p| {
                (p.billing.repeat, p.billing.annual, p.billing.recovered, p.billing.decay) = (1.0, 9.0, 0.1, 0.5);
                (p.billing.late_min, p.billing.late_max, p.billing.grace) = (3, 4, 9);
            },
        ),
        (
            "no annual terms",
            |p| each_plan(p, |plan| plan.annual = 0.0),
            |p| (p.billing.annual, p.decision.renewal) = (0.3, 0.1),
        ),
        (
            "no tickets",
            |p| each_plan(p, |plan| (plan.problem_tickets, plan.howto_tickets) = (0.0, 0.0)),
            |p| {
                (p.tickets.technical, p.tickets.first_cycle) = (0.1, 9.0);
                p.tickets.problem_priority = p.tickets.howto_priority;
                p.plans.pro.support = 5.0;
                p.engagement.fading.problem_tickets = 9.0;
            },
        ),
        ("no incidents", |p| p.activity.incident_share = 0.0, |p| p.activity.incident = 0.1),
        ("one channel", |p| p.channels = one_channel(), |p| p.channels.paid.hazard = 50.0),
        (
            "no hazard of an unused product",
            |p| each_plan(p, |plan| plan.unused = 0.0),
            |p| p.engagement.fading.unused = 99.0,
        ),
        (
            "no usage of Free",
            |p| p.plans.free.active = 0.0,
            |p| (p.plans.free.sessions, p.plans.free.minutes) = (9.0, 9.0),
        ),
    ];
    for (name, switch_off, change_others) in cases {
        let off = tables(switch_off);
        let changed = tables(|parameters| {
            switch_off(parameters);
            change_others(parameters);
        });
        assert!(off == changed, "{name}");
        assert!(off != tables(|_| ()), "{name}");
    }
}

fn one_channel() -> ByChannel<ChannelParameters> {
    let channel = |share| ChannelParameters { share, hazard: 1.0 };
    ByChannel { organic: channel(1.0), paid: channel(0.0), referral: channel(0.0), partner: channel(0.0) }
}

#[test]
fn without_loss_all_logs_are_kept() {
    let data_set = data_set_of(|p| (p.logs.loss_min, p.logs.loss_max) = (0.0, 0.0), 42);
    let mut truth = generated(&data_set, USAGE_TRUTH, COUNT);
    assert!(matches!(truth.pop(), Some(Column::Boolean(logged)) if logged.iter().all(|&logged| logged)));
    assert!(generated(&data_set, USAGE_DAILY, COUNT) == truth);
}

#[test]
fn without_weights_signups_are_uniform() {
    let change = |p: &mut Parameters| {
        p.signup.growth = 0.0;
        p.signup.week = ByWeekday { mon: 1.0, tue: 1.0, wed: 1.0, thu: 1.0, fri: 1.0, sat: 1.0, sun: 1.0 };
    };
    let calendar = generated(&data_set_of(change, 42), CALENDAR, 550);
    assert_eq!(calendar[1], Column::Float64(vec![1.0 / 550.0; 550]));
}

/// With frailty, channels and engagement without effect, all customers of a plan on monthly terms have one hazard, the
/// closed form (u + o), unless they have tickets or late payments.
#[test]
fn without_differences_the_hazard_is_one_number() {
    let change = |p: &mut Parameters| {
        (p.frailty.variance, p.channels) = (0.0, one_channel());
        let states = &mut p.engagement;
        for state in [&mut states.thriving, &mut states.steady, &mut states.fading, &mut states.dormant] {
            state.unused = 1.0;
        }
        each_plan(p, |plan| (plan.support, plan.billing) = (0.0, 0.0));
    };
    let data_set = data_set_of(change, 42);
    let plans = data_set.laws().parameters().plans.clone();
    let expected = plans.values().map(|plan| plan.unused + plan.other);
    let mut decisions = 0;
    each_customer(&data_set, COUNT, |life| {
        for cycle in life.cycles.iter().filter(|cycle| cycle.is_decided && !cycle.is_annual) {
            let error = life.hazards(data_set.laws(), cycle).total() - expected[usize::from(cycle.plan)];
            assert!(error.abs() < 1e-15, "{cycle:?}");
            decisions += 1;
        }
    });
    assert!(decisions > 5_000);
}

/// Draws are shared between models, so that more hazard never lets a customer stay longer.
#[test]
fn a_higher_hazard_never_delays_an_end() {
    let ends = |change: Change| {
        let mut ends = Vec::new();
        each_customer(&data_set_of(change, 42), 20_000, |life: &Life| ends.push(life.end()));
        ends
    };
    let before = ends(|_| ());
    let changes: [Change; 5] = [
        |p| each_plan(p, |plan| plan.unused *= 1.5),
        |p| each_plan(p, |plan| plan.support *= 2.0),
        |p| each_plan(p, |plan| plan.other += 0.01),
        |p| p.channels.organic.hazard = 1.5,
        |p| p.billing.recovered = 0.6,
    ];
    for change in changes {
        let after = ends(change);
        assert!(before.iter().zip(&after).all(|(before, after)| after <= before));
        assert!(before != after);
    }
}

/// Engagement is drawn without regard to hazards, so customers who stay have the same states whatever the hazards are.
#[test]
fn hazards_do_not_change_the_states_of_customers_who_stay() {
    let more = data_set_of(|p| each_plan(p, |plan| plan.other += 0.02), 42);
    let mut before = Vec::new();
    each_customer(&data_set_of(|_| (), 42), COUNT, |life| before.push(life.clone()));
    let mut lives = before.into_iter();
    each_customer(&more, COUNT, |life| {
        let other = lives.next().unwrap();
        for (cycle, other) in life.cycles.iter().zip(&other.cycles) {
            let state = |cycle: &Cycle| (cycle.engagement, cycle.problem_tickets, cycle.attempt);
            assert_eq!(state(cycle), state(other));
        }
    });
}

#[test]
fn states_that_never_occur_have_no_effect() {
    let only_steady = |p: &mut Parameters| {
        let steady = ByEngagement { thriving: 0.0, steady: 1.0, fading: 0.0, dormant: 0.0 };
        each_plan(p, |plan| plan.start = steady);
        p.engagement.steady.next = steady;
    };
    let off = tables(only_steady);
    let changed = tables(|p| {
        only_steady(p);
        (p.engagement.fading.unused, p.engagement.fading.activity) = (99.0, 0.1);
        p.engagement.dormant.next = p.engagement.thriving.next;
    });
    assert!(off == changed);
    let Column::Text(engagement) = &off[5].1[9] else { panic!("cycles_truth has another order") };
    assert!(engagement.iter().all(|&state| state == 1));
}
