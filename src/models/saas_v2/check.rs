//! The checks of the parameters. Each error message names the key, its value and what is allowed.

use super::parameters::{
    ByChannel, ByEngagement, ByPlan, ByPriority, ByStep, ByWeekday, EngagementParameters, Parameters, Plan,
};
use crate::error::{Error, Result};
use crate::models::Window;
use chrono::Datelike;

/// The most support tickets of a customer. Their ids are `customer_id x 1000 + n`.
const MAX_TICKETS: f64 = 999.0;

/// The most names in a list. Dictionary-encoded columns use them with Int8 keys.
const MAX_NAMES: usize = 100;

/// The rule for names, for error messages.
const NAME_RULE: &str = "1 to 64 bytes of text without control characters";

/// The largest difference of a sum of shares from 1. Two shares that are rounded to 9 decimals are within it.
const SHARE_TOLERANCE: f64 = 1e-9;

/// How far a product of factors may exceed 1, which is rounding.
const PRODUCT_TOLERANCE: f64 = 1e-12;

/// The largest price of a seat and month. [`check_seats`] also limits the price of the most seats.
const MAX_PRICE: f64 = 90_000.0;

/// The largest amount in a Decimal128(10, 2).
const MAX_AMOUNT: f64 = 99_999_999.99;

/// Checks all parameters and returns the window.
pub(super) fn check(parameters: &Parameters) -> Result<Window> {
    if !is_name(&parameters.name) {
        return refuse("name", &format!("{:?}", parameters.name), NAME_RULE);
    }
    let window = check_window(parameters)?;
    check_signup(parameters)?;
    check_regions(parameters)?;
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        check_plan(name, plan)?;
    }
    check_sum("plans", ".share", ByPlan::<Plan>::NAMES, parameters.plans.values().map(|plan| plan.share))?;
    for (name, state) in named(ByEngagement::<f64>::NAMES, parameters.engagement.values()) {
        check_engagement(name, state)?;
    }
    let channels = parameters.channels.values();
    let names = ByChannel::<f64>::NAMES;
    for (name, channel) in named(names, channels) {
        number_in(&format!("channels.{name}.hazard"), channel.hazard, 0.0, 100.0)?;
    }
    check_sum("channels", ".share", names, channels.map(|channel| channel.share))?;
    check_variance("frailty.variance", parameters.frailty.variance)?;
    check_variance("intensity.variance", parameters.intensity.variance)?;
    check_seats(parameters)?;
    check_billing(parameters)?;
    check_tickets(parameters)?;
    check_activity(parameters)?;
    number_in("usage.minutes_sd", parameters.usage.minutes_sd, 0.0, 1.0)?;
    number_in("usage.events_per_session", parameters.usage.events_per_session, 0.0, 10.0)?;
    number_in("logs.loss_min", parameters.logs.loss_min, 0.0, 1.0)?;
    number_in("logs.loss_max", parameters.logs.loss_max, parameters.logs.loss_min, 1.0)?;
    number_in("decision.renewal", parameters.decision.renewal, 0.0, 1.0)?;
    whole_in("reactivation.cycles", parameters.reactivation.cycles, 0, 120)?;
    number_in("reactivation.chance", parameters.reactivation.chance, 0.0, 1.0)?;
    number_in("reactivation.chance_unpaid", parameters.reactivation.chance_unpaid, 0.0, 1.0)?;
    whole_in("campaign.month", parameters.campaign.month, 1, 120)?;
    whole_in("campaign.spell_age", parameters.campaign.spell_age, 0, 119)?;
    check_moves(parameters)?;
    Ok(window)
}

fn check_window(parameters: &Parameters) -> Result<Window> {
    let (start, months) = (parameters.window.start, parameters.window.months);
    if start.day() != 1 || !(1900..=2200).contains(&start.year()) {
        return refuse("window.start", &start, "the first day of a month, from 1900-01-01 to 2200-12-01");
    }
    let allowed = "a whole number from 1 to 120";
    match u32::try_from(months) {
        Ok(count @ 1..=120) => {
            Window::of_months(start, count).ok_or_else(|| refusal("window.months", &months, allowed))
        }
        _ => refuse("window.months", &months, allowed),
    }
}

fn check_signup(parameters: &Parameters) -> Result<()> {
    number_in("signup.growth", parameters.signup.growth, -0.5, 1.0)?;
    let week = parameters.signup.week;
    for (name, &weight) in named(ByWeekday::<f64>::NAMES, week.values()) {
        number_in(&format!("signup.week.{name}"), weight, 0.0, 1_000.0)?;
    }
    if !week.values().iter().any(|&&weight| weight > 0.0) {
        return refuse("signup.week", &"a table of zeros", "a table with a weight above 0");
    }
    Ok(())
}

fn check_regions(parameters: &Parameters) -> Result<()> {
    let regions = &parameters.regions;
    if regions.len() > MAX_NAMES {
        let entries = format!("a table with {} entries", regions.len());
        return refuse("regions", &entries, &format!("a table with at most {MAX_NAMES} entries"));
    }
    for (name, &share) in regions {
        if !is_name(name) {
            let table = format!("a table with the name {name:?}");
            return refuse("regions", &table, &format!("a table of names with {NAME_RULE}"));
        }
        number_in(&format!("regions.{name}"), share, 0.0, 1.0)?;
    }
    sums_to_one("regions", regions.values().sum())
}

fn check_plan(name: &str, plan: &Plan) -> Result<()> {
    let key = |field: &str| format!("plans.{name}.{field}");
    let is_free = name == ByPlan::<Plan>::NAMES[0];
    number_in(&key("price"), plan.price, 0.0, if is_free { 0.0 } else { MAX_PRICE })?;
    if (plan.price * 100.0 - plan.price_cents() as f64).abs() > 1e-6 || plan.price_cents() % 6 != 0 {
        return refuse(&key("price"), &plan.price, "a price with at most two decimals that is a multiple of 0.06");
    }
    number_in(&key("annual"), plan.annual, 0.0, if is_free { 0.0 } else { 1.0 })?;
    whole_in(&key("rung"), plan.rung, 0, 9)?;
    check_sum(&key("start"), "", ByEngagement::<f64>::NAMES, plan.start.values().map(|&share| share))?;
    number_in(&key("active"), plan.active, 0.0, 1.0)?;
    number_in(&key("sessions"), plan.sessions, 0.0, 500.0)?;
    if !(plan.minutes > 0.0 && plan.minutes <= 1_000.0) {
        return refuse(&key("minutes"), &plan.minutes, "a number above 0 and at most 1000");
    }
    number_in(&key("payment_failure"), plan.payment_failure, 0.0, 1.0)?;
    number_in(&key("problem_tickets"), plan.problem_tickets, 0.0, 5.0)?;
    number_in(&key("howto_tickets"), plan.howto_tickets, 0.0, 5.0)?;
    let hazards = [
        ("unused", plan.unused),
        ("support", plan.support),
        ("billing", plan.billing),
        ("other", plan.other),
        ("seat_moves", plan.seat_moves),
    ];
    for (field, hazard) in hazards {
        number_in(&key(field), hazard, 0.0, 10.0)?;
    }
    let is_last = name == ByPlan::<Plan>::NAMES[3];
    number_in(&key("upgrade"), plan.upgrade, 0.0, if is_last { 0.0 } else { 1.0 })?;
    let has_paid_plan_below = !is_free && name != ByPlan::<Plan>::NAMES[1];
    number_in(&key("downgrade"), plan.downgrade, 0.0, if has_paid_plan_below { 1.0 } else { 0.0 })
}

fn check_engagement(name: &str, state: &EngagementParameters) -> Result<()> {
    let key = |field: &str| format!("engagement.{name}.{field}");
    check_sum(&key("next"), "", ByEngagement::<f64>::NAMES, state.next.values().map(|&share| share))?;
    let numbers = [
        ("activity", state.activity, 100.0),
        ("problem_tickets", state.problem_tickets, 10.0),
        ("howto_tickets", state.howto_tickets, 10.0),
        ("unused", state.unused, 1_000.0),
        ("upgrade", state.upgrade, 100.0),
        ("downgrade", state.downgrade, 100.0),
        ("more_seats", state.more_seats, 1.0),
        ("fewer_seats", state.fewer_seats, 1.0),
        ("contact", state.contact, 100.0),
        ("propensity", state.propensity, 1.0),
    ];
    numbers.into_iter().try_for_each(|(field, number, most)| number_in(&key(field), number, 0.0, most))
}

/// Smaller variances than 0.001 make the shape of a Gamma distribution too large to compute its classes exactly.
fn check_variance(key: &str, variance: f64) -> Result<()> {
    if !(variance == 0.0 || (0.001..=10.0).contains(&variance)) {
        return refuse(key, &variance, "0, or a number from 0.001 to 10");
    }
    Ok(())
}

fn check_seats(parameters: &Parameters) -> Result<()> {
    let ladder = parameters.seats.ladder;
    if !ladder.is_sorted_by(|a, b| a < b) || !ladder.iter().all(|seats| (1..=10_000).contains(seats)) {
        return refuse("seats.ladder", &format!("{ladder:?}"), "ascending whole numbers from 1 to 10000");
    }
    let most = ladder[ladder.len() - 1] as f64;
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        if most * plan.price * 12.0 > MAX_AMOUNT {
            let allowed = format!("a price with price x 12 x {most} seats at most {MAX_AMOUNT}");
            return refuse(&format!("plans.{name}.price"), &plan.price, &allowed);
        }
    }
    let intensity = &parameters.intensity;
    for (place, &rungs) in intensity.rungs.iter().enumerate() {
        whole_in(&format!("intensity.rungs[{place}]"), rungs, -9, 9)?;
    }
    for (place, &factor) in intensity.activity.iter().enumerate() {
        number_in(&format!("intensity.activity[{place}]"), factor, 0.0, 100.0)?;
    }
    let noise = parameters.seats.noise;
    check_sum("seats.noise", "", ByStep::<f64>::NAMES, noise.values().map(|&share| share))
}

fn check_billing(parameters: &Parameters) -> Result<()> {
    let billing = &parameters.billing;
    number_in("billing.repeat", billing.repeat, 0.0, 100.0)?;
    number_in("billing.annual", billing.annual, 0.0, 100.0)?;
    number_in("billing.recovered", billing.recovered, 0.0, 1.0)?;
    // The shortest cycle has 28 days, so service ends before the next bill.
    whole_in("billing.grace", billing.grace, 2, 27)?;
    whole_in("billing.late_max", billing.late_max, 1, billing.grace - 1)?;
    whole_in("billing.late_min", billing.late_min, 1, billing.late_max)?;
    if !(billing.decay > 0.0 && billing.decay <= 1.0) {
        return refuse("billing.decay", &billing.decay, "a number above 0 and at most 1");
    }
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        let annual = if plan.annual > 0.0 { billing.annual.max(1.0) } else { 1.0 };
        product_at_most_one(
            &format!("plans.{name}.payment_failure"),
            &plan.payment_failure,
            plan.payment_failure * billing.repeat.max(1.0) * annual,
            "payment_failure x billing.repeat x billing.annual",
        )?;
    }
    Ok(())
}

fn check_tickets(parameters: &Parameters) -> Result<()> {
    let tickets = &parameters.tickets;
    number_in("tickets.technical", tickets.technical, 0.0, 1.0)?;
    number_in("tickets.first_cycle", tickets.first_cycle, 0.0, 10.0)?;
    let names = ByPriority::<f64>::NAMES;
    let (problem, howto) = (tickets.problem_priority, tickets.howto_priority);
    check_sum("tickets.problem_priority", "", names, problem.values().map(|&share| share))?;
    check_sum("tickets.howto_priority", "", names, howto.values().map(|&share| share))?;
    let states = parameters.engagement.values();
    let largest =
        |factor: fn(&EngagementParameters) -> f64| states.iter().map(|state| factor(state)).fold(0.0, f64::max);
    let (problem, howto) = (largest(|state| state.problem_tickets), largest(|state| state.howto_tickets));
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        let mean = parameters.window.months as f64 * (plan.problem_tickets * problem + plan.howto_tickets * howto)
            + plan.howto_tickets * howto * tickets.first_cycle;
        // Values with a probability below 2^-33 never occur. They lie 6.4 or more standard deviations above the mean.
        let most = mean + 7.0 * mean.sqrt() + 20.0;
        if most > MAX_TICKETS {
            let allowed =
                format!("a rate that gives a customer at most {MAX_TICKETS} tickets; this one can give {most:.0}");
            return refuse(&format!("plans.{name}.problem_tickets"), &plan.problem_tickets, &allowed);
        }
    }
    Ok(())
}

fn check_activity(parameters: &Parameters) -> Result<()> {
    let activity = &parameters.activity;
    let factors = [
        ("holidays", activity.holidays),
        ("christmas_eve", activity.christmas_eve),
        ("christmas", activity.christmas),
        ("incident", activity.incident),
        ("incident_share", activity.incident_share),
    ];
    for (field, factor) in factors {
        number_in(&format!("activity.{field}"), factor, 0.0, 1.0)?;
    }
    for (name, &factor) in named(ByWeekday::<f64>::NAMES, activity.week.values()) {
        number_in(&format!("activity.week.{name}"), factor, 0.0, 1.0)?;
    }
    // The factors of the day are at most 1, so only the others can exceed it.
    let largest = parameters.intensity.activity.into_iter().fold(0.0, f64::max);
    let states = parameters.engagement.values().map(|state| state.activity).into_iter().fold(0.0, f64::max);
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        product_at_most_one(
            &format!("plans.{name}.active"),
            &plan.active,
            plan.active * states * largest,
            "active x engagement.activity x intensity.activity",
        )?;
    }
    Ok(())
}

/// Checks that the chances of all moves of a cycle sum to at most 1, as one draw decides between them.
fn check_moves(parameters: &Parameters) -> Result<()> {
    for (name, plan) in named(ByPlan::<Plan>::NAMES, parameters.plans.values()) {
        for state in parameters.engagement.values() {
            let seats = plan.seat_moves * (state.more_seats + state.fewer_seats);
            product_at_most_one(
                &format!("plans.{name}.upgrade"),
                &plan.upgrade,
                plan.upgrade * state.upgrade + plan.downgrade * state.downgrade + seats,
                "the sum of the chances of all moves of a cycle",
            )?;
        }
    }
    Ok(())
}

fn named<'a, T, const N: usize>(
    names: [&'static str; N],
    values: [&'a T; N],
) -> impl Iterator<Item = (&'static str, &'a T)> {
    names.into_iter().zip(values)
}

/// Checks the shares of a list. The key of each share is `key`, a dot, its name, and `suffix`.
fn check_sum<const N: usize>(key: &str, suffix: &str, names: [&str; N], shares: [f64; N]) -> Result<()> {
    for (name, share) in names.into_iter().zip(shares) {
        number_in(&format!("{key}.{name}{suffix}"), share, 0.0, 1.0)?;
    }
    sums_to_one(key, shares.into_iter().sum())
}

fn sums_to_one(key: &str, sum: f64) -> Result<()> {
    if !((sum - 1.0).abs() <= SHARE_TOLERANCE) {
        return refuse(key, &format!("a table of shares that sum to {sum}"), "a table of shares that sum to 1");
    }
    Ok(())
}

fn product_at_most_one(key: &str, value: &f64, product: f64, what: &str) -> Result<()> {
    if !(product <= 1.0 + PRODUCT_TOLERANCE) {
        return refuse(key, value, &format!("a number with {what} at most 1; the result is {product}"));
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && !text.contains(char::is_control)
}

fn number_in(key: &str, value: f64, from: f64, to: f64) -> Result<()> {
    // The negation also refuses NaN, which TOML can express.
    if !(value >= from && value <= to) {
        return refuse(key, &value, &format!("a number from {from} to {to}"));
    }
    Ok(())
}

fn whole_in(key: &str, value: i64, from: i64, to: i64) -> Result<()> {
    if !(from..=to).contains(&value) {
        return refuse(key, &value, &format!("a whole number from {from} to {to}"));
    }
    Ok(())
}

fn refuse<T>(key: &str, value: &dyn std::fmt::Display, allowed: &str) -> Result<T> {
    Err(refusal(key, value, allowed))
}

fn refusal(key: &str, value: &dyn std::fmt::Display, allowed: &str) -> Error {
    Error::Misuse(format!("`{key}` is {value}; it must be {allowed}"))
}
