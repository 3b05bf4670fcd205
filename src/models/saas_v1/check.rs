//! The checks of a model's parameters. Each error message names the key, its value and what is allowed.

use super::parameters::{Parameters, Shares};
use crate::error::{Error, Result};
use crate::models::Window;
use chrono::Datelike;

/// The most invoices of a customer, and the most support tickets. Their ids are `customer_id x 1000 + n`.
pub const MAX_ITEMS_PER_CUSTOMER: u32 = 999;

/// The most names in a list. Dictionary-encoded columns use them with Int8 keys.
const MAX_NAMES: usize = 100;

/// The rule for names, for error messages.
const NAME_RULE: &str = "1 to 64 bytes of text without control characters";

/// The largest difference of a sum of shares from 1. Two shares that are rounded to 9 decimals are within it.
const SHARE_TOLERANCE: f64 = 1e-9;

/// The largest amount in a Decimal128(10, 2).
const MAX_PRICE: f64 = 99_999_999.99;

/// Checks all parameters and returns the window.
pub fn check(parameters: &Parameters) -> Result<Window> {
    if !is_name(&parameters.name) {
        return refuse("name", &format!("{:?}", parameters.name), NAME_RULE);
    }
    let window = check_window(parameters)?;
    check_shares("regions", &parameters.regions)?;
    above_zero("retention.decay_days", parameters.retention.decay_days)?;
    above_zero("usage.minutes_sd", parameters.usage.minutes_sd)?;
    above_zero("usage.minutes_clamp", parameters.usage.minutes_clamp)?;
    number_in("usage.events_per_session", parameters.usage.events_per_session, 0.0, 10.0)?;
    check_plans(parameters)?;
    let logs = &parameters.logs;
    number_in("logs.loss_min", logs.loss_min, 0.0, 1.0)?;
    number_in("logs.loss_max", logs.loss_max, logs.loss_min, 1.0)?;
    check_billing(parameters, window)?;
    check_support(parameters, window)?;
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

fn check_plans(parameters: &Parameters) -> Result<()> {
    let shares = parameters.plans.iter().map(|(name, plan)| (name.clone(), plan.share)).collect();
    check_shares_at("plans", ".share", &shares)?;
    for (name, plan) in &parameters.plans {
        let key = |field: &str| format!("plans.{name}.{field}");
        number_in(&key("price"), plan.price, 0.0, MAX_PRICE)?;
        if (plan.price * 100.0 - plan.price_cents() as f64).abs() > 1e-6 {
            return refuse(&key("price"), &plan.price, "a price with at most two decimals");
        }
        number_in(&key("active_share"), plan.active_share, 0.0, 1.0)?;
        number_in(&key("sessions"), plan.sessions, 0.0, 1_000.0)?;
        above_zero(&key("minutes"), plan.minutes)?;
        let usage = &parameters.usage;
        let most = plan.minutes * (1.0 + usage.minutes_sd * usage.minutes_clamp);
        if !(most < 1_441.0) {
            return refuse(
                &key("minutes"),
                &plan.minutes,
                &format!(
                    "a mean with mean x (1 + minutes_sd x minutes_clamp) at most 1440, the minutes of a day; \
                     the result is {most:.1}"
                ),
            );
        }
        if plan.minutes * usage.minutes_sd * usage.minutes_clamp < 0.5 {
            return refuse(
                &key("minutes"),
                &plan.minutes,
                "a mean with mean x minutes_sd x minutes_clamp at least 0.5",
            );
        }
    }
    Ok(())
}

fn check_billing(parameters: &Parameters, window: Window) -> Result<()> {
    let billing = &parameters.billing;
    let days = i64::from(window.days);
    if !(1..=36_500).contains(&billing.interval_days) {
        return refuse("billing.interval_days", &billing.interval_days, "a whole number from 1 to 36500");
    }
    if !(0..=(billing.interval_days - 1) / 2).contains(&billing.jitter_days) {
        return refuse(
            "billing.jitter_days",
            &billing.jitter_days,
            &format!("a whole number from 0 to less than half of interval_days, which is {}", billing.interval_days),
        );
    }
    let invoices = (days - 1 + billing.jitter_days) / billing.interval_days;
    if invoices > i64::from(MAX_ITEMS_PER_CUSTOMER) {
        return refuse(
            "billing.interval_days",
            &billing.interval_days,
            &format!(
                "an interval that gives a customer at most {MAX_ITEMS_PER_CUSTOMER} invoices; this one gives {invoices}"
            ),
        );
    }
    check_shares("billing.status", &billing.status)
}

fn check_support(parameters: &Parameters, window: Window) -> Result<()> {
    let support = &parameters.support;
    number_in("support.tickets_per_month", support.tickets_per_month, 0.0, f64::from(MAX_ITEMS_PER_CUSTOMER))?;
    above_zero("support.days_per_month", support.days_per_month)?;
    above_zero("support.months_min", support.months_min)?;
    number_in("support.months_max", support.months_max, support.months_min, 1e6)?;
    // Values with a probability below 2^-33 never occur. In a Poisson distribution they lie 6.4 or more standard
    // deviations above the mean. 7 standard deviations plus 20 are an upper bound for every mean.
    let longest = f64::from(window.days - 1) / support.days_per_month;
    let mean = support.tickets_per_month * longest.clamp(support.months_min, support.months_max);
    let most = mean + 7.0 * mean.sqrt() + 20.0;
    if !(most <= f64::from(MAX_ITEMS_PER_CUSTOMER)) {
        return refuse(
            "support.tickets_per_month",
            &support.tickets_per_month,
            &format!(
                "a rate that gives a customer at most {MAX_ITEMS_PER_CUSTOMER} tickets; this one can give {most:.0}"
            ),
        );
    }
    check_shares("support.category", &support.category)?;
    check_shares("support.priority", &support.priority)
}

fn check_shares(key: &str, shares: &Shares) -> Result<()> {
    check_shares_at(key, "", shares)
}

/// Checks the shares of a list. The key of each share is `key`, a dot, its name, and `suffix`.
fn check_shares_at(key: &str, suffix: &str, shares: &Shares) -> Result<()> {
    if shares.len() > MAX_NAMES {
        return refuse(
            key,
            &format!("a table with {} entries", shares.len()),
            &format!("a table with at most {MAX_NAMES} entries"),
        );
    }
    for (name, &share) in shares {
        if !is_name(name) {
            return refuse(
                key,
                &format!("a table with the name {name:?}"),
                &format!("a table of names with {NAME_RULE}"),
            );
        }
        number_in(&format!("{key}.{name}{suffix}"), share, 0.0, 1.0)?;
    }
    let sum: f64 = shares.values().sum();
    if !((sum - 1.0).abs() <= SHARE_TOLERANCE) {
        return refuse(key, &format!("a table of shares that sum to {sum}"), "a table of shares that sum to 1");
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

fn above_zero(key: &str, value: f64) -> Result<()> {
    if !(value > 0.0 && value <= 1e6) {
        return refuse(key, &value, "a number above 0 and at most 1000000");
    }
    Ok(())
}

fn refuse<T>(key: &str, value: &dyn std::fmt::Display, allowed: &str) -> Result<T> {
    Err(refusal(key, value, allowed))
}

fn refusal(key: &str, value: &dyn std::fmt::Display, allowed: &str) -> Error {
    Error::Misuse(format!("`{key}` is {value}; it must be {allowed}"))
}
