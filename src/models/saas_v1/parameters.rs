//! The parameters of a model, with the names of `data/saas-v1.toml`. That file has their units and ranges.

use super::tables::{CATEGORIES, PRIORITIES, REGIONS, STATUSES};
use crate::models::Names;
use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

/// Names with their shares, in the order of the file.
pub type Shares = IndexMap<String, f64>;

/// All parameters of a model.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The name of the model in reports.
    pub name: String,
    /// The days that the data set covers.
    pub window: WindowParameters,
    /// The plans, by name.
    pub plans: IndexMap<String, Plan>,
    /// The share of customers in each region.
    pub regions: Shares,
    /// The decay of activity with a customer's age.
    pub retention: Retention,
    /// The usage of an active day.
    pub usage: Usage,
    /// The loss of usage logs.
    pub logs: Logs,
    /// The invoices of plans with a price.
    pub billing: Billing,
    /// The support tickets.
    pub support: Support,
}

impl Parameters {
    /// Returns the names of a list, in the model's order.
    pub fn names(&self, names: Names) -> Vec<&str> {
        let shares = match names {
            REGIONS => &self.regions,
            STATUSES => &self.billing.status,
            CATEGORIES => &self.support.category,
            PRIORITIES => &self.support.priority,
            _ => return self.plans.keys().map(String::as_str).collect(),
        };
        shares.keys().map(String::as_str).collect()
    }
}

/// The days that the data set covers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WindowParameters {
    /// The first day, which is the first of a month.
    #[serde(deserialize_with = "date_of_toml")]
    pub start: NaiveDate,
    /// The number of calendar months.
    pub months: i64,
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The share of customers on the plan.
    pub share: f64,
    /// The amount of each invoice, or 0 for a plan without invoices.
    pub price: f64,
    /// The share of customers who are active on their signup day.
    pub active_share: f64,
    /// The mean number of sessions on an active day.
    pub sessions: f64,
    /// The mean usage minutes of an active day.
    pub minutes: f64,
}

impl Plan {
    /// Returns the price in hundredths.
    pub fn price_cents(&self) -> i128 {
        (self.price * 100.0).round() as i128
    }
}

/// The decay of activity with a customer's age.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The days until activity has decayed to 1/e.
    pub decay_days: f64,
}

/// The usage of an active day.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// The standard deviation of usage minutes, as a share of the plan's mean.
    pub minutes_sd: f64,
    /// The distance from the mean at which usage minutes are clamped, in standard deviations.
    pub minutes_clamp: f64,
    /// The mean number of feature events for each session.
    pub events_per_session: f64,
}

/// The loss of usage logs.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// The lowest loss rate of a calendar day.
    pub loss_min: f64,
    /// The highest loss rate of a calendar day.
    pub loss_max: f64,
}

/// The invoices of plans with a price.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// The days from one invoice to the next.
    pub interval_days: i64,
    /// The most days by which an invoice is early or late.
    pub jitter_days: i64,
    /// The share of invoices with each payment status.
    pub status: Shares,
}

/// The support tickets.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// The mean number of support tickets for each month of tenure.
    pub tickets_per_month: f64,
    /// The number of days in a month of tenure.
    pub days_per_month: f64,
    /// The lower limit of a customer's tenure, in months.
    pub months_min: f64,
    /// The upper limit of a customer's tenure, in months.
    pub months_max: f64,
    /// The share of support tickets in each category.
    pub category: Shares,
    /// The share of support tickets with each priority.
    pub priority: Shares,
}

fn date_of_toml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let value = toml::value::Datetime::deserialize(deserializer)?;
    let date = match (value.date, value.time, value.offset) {
        (Some(date), None, None) => {
            NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))
        }
        _ => None,
    };
    date.ok_or_else(|| {
        serde::de::Error::custom(format!("{value} is not a date; write it without a time, for example 2023-07-01"))
    })
}
