//! The parameters of a model, as `data/saas-v1.toml` names them. Units are in that file, beside each figure.

use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

/// A list of names with the share of each, in the order of the file.
pub type Shares = IndexMap<String, f64>;

/// Every figure of a model.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Names the model in reports.
    pub name: String,
    /// The days that the data set covers.
    pub window: WindowParameters,
    /// The plans, by name.
    pub plans: IndexMap<String, Plan>,
    /// The share of customers in each region.
    pub regions: Shares,
    /// How activity falls with age.
    pub retention: Retention,
    /// What a customer does on an active day.
    pub usage: Usage,
    /// How many usage logs are lost.
    pub logs: Logs,
    /// When plans with a price are billed.
    pub billing: Billing,
    /// How often customers ask support.
    pub support: Support,
}

/// The days that the data set covers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WindowParameters {
    /// The first day; the first of a month.
    #[serde(deserialize_with = "date_of_toml")]
    pub start: NaiveDate,
    /// Calendar months.
    pub months: i64,
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Share of customers on it.
    pub share: f64,
    /// Money on each invoice; 0 on a plan that is never billed.
    pub price: f64,
    /// Share of customers active on their signup day.
    pub active_share: f64,
    /// Mean sessions of an active day.
    pub sessions: f64,
    /// Mean minutes of use of an active day.
    pub minutes: f64,
}

impl Plan {
    /// The price in hundredths.
    pub fn price_cents(&self) -> i128 {
        (self.price * 100.0).round() as i128
    }
}

/// How activity falls with age.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days until activity has fallen to 1/e.
    pub decay_days: f64,
}

/// What a customer does on an active day.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Standard deviation of the minutes, as a share of their mean.
    pub minutes_sd: f64,
    /// Standard deviations from the mean at which minutes are clamped.
    pub minutes_clamp: f64,
    /// Mean feature events a session.
    pub events_per_session: f64,
}

/// How many usage logs are lost.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Lowest loss rate of a calendar day.
    pub loss_min: f64,
    /// Highest loss rate of a calendar day.
    pub loss_max: f64,
}

/// When plans with a price are billed.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Days between invoices.
    pub interval_days: i64,
    /// Days an invoice may be early or late.
    pub jitter_days: i64,
    /// Share of invoices settled each way.
    pub status: Shares,
}

/// How often customers ask support.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Mean tickets a month of tenure.
    pub tickets_per_month: f64,
    /// Days that count as a month of tenure.
    pub days_per_month: f64,
    /// The least tenure that counts, in months.
    pub months_min: f64,
    /// The most tenure that counts, in months.
    pub months_max: f64,
    /// Share of tickets about each subject.
    pub category: Shares,
    /// Share of tickets of each urgency.
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
    date.ok_or_else(|| serde::de::Error::custom(format!("{value} is no date; write it as 2023-07-01, without a time")))
}
