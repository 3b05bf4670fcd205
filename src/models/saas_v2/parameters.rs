//! The parameters of saas-v2, with the names of `data/saas-v2.toml`. That file has their units and ranges.

use crate::error::{Error, Result};
use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

/// All parameters of the model.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "data/saas-v2.toml describes each parameter, and a second text could only differ")]
pub struct Parameters {
    pub name: String,
    pub window: WindowParameters,
    pub signup: Signup,
    pub plans: ByPlan<Plan>,
    pub engagement: ByEngagement<EngagementParameters>,
    pub regions: IndexMap<String, f64>,
    pub channels: ByChannel<ChannelParameters>,
    pub frailty: Frailty,
    pub intensity: Intensity,
    pub seats: Seats,
    pub billing: Billing,
    pub tickets: Tickets,
    pub activity: Activity,
    pub usage: Usage,
    pub logs: Logs,
    pub decision: Decision,
    pub reactivation: Reactivation,
    pub campaign: Campaign,
}

/// The number of plans, of states of engagement, and of channels.
pub const STATES: usize = 4;

/// The number of equally likely classes of frailty, and of intensity.
pub const CLASSES: usize = 8;

/// The number of rungs of the ladder of seats.
pub const RUNGS: usize = 10;

/// Declares a struct that has a value for each of a fixed list of names, in their order.
macro_rules! by_name {
    ($(#[$doc:meta])* $name:ident: $count:literal, $($field:ident $text:literal),*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "the names are those of the file")]
        pub struct $name<T> {
            $(#[serde(rename = $text)] pub $field: T,)*
        }

        impl<T> $name<T> {
            /// The names, in order.
            pub const NAMES: [&str; $count] = [$($text),*];

            /// Returns the values in the order of [`Self::NAMES`].
            pub fn values(&self) -> [&T; $count] {
                [$(&self.$field),*]
            }
        }
    };
}

by_name! {
    /// A value for each plan.
    ByPlan: 4, free "Free", basic "Basic", pro "Pro", enterprise "Enterprise"
}

by_name! {
    /// A value for each state of engagement.
    ByEngagement: 4, thriving "thriving", steady "steady", fading "fading", dormant "dormant"
}

by_name! {
    /// A value for each channel.
    ByChannel: 4, organic "organic", paid "paid", referral "referral", partner "partner"
}

by_name! {
    /// A value for each weekday.
    ByWeekday: 7, mon "Mon", tue "Tue", wed "Wed", thu "Thu", fri "Fri", sat "Sat", sun "Sun"
}

by_name! {
    /// A value for each priority of a support ticket.
    ByPriority: 3, low "low", medium "medium", high "high"
}

by_name! {
    /// A value for each step on the ladder of seats.
    ByStep: 3, fewer "fewer", same "same", more "more"
}

/// Declares the struct of a section of the file.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "data/saas-v2.toml describes each parameter, and a second text could only differ")]
        pub struct $name {
            $(pub $field: $kind,)*
        }
    };
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

section! {
    /// The days of signups.
    Signup { growth: f64, week: ByWeekday<f64> }
}

section! {
    /// One plan.
    Plan {
        share: f64,
        price: f64,
        annual: f64,
        rung: i64,
        start: ByEngagement<f64>,
        active: f64,
        sessions: f64,
        minutes: f64,
        payment_failure: f64,
        problem_tickets: f64,
        howto_tickets: f64,
        unused: f64,
        support: f64,
        billing: f64,
        other: f64,
        upgrade: f64,
        downgrade: f64,
        seat_moves: f64,
    }
}

section! {
    /// One state of engagement.
    EngagementParameters {
        next: ByEngagement<f64>,
        activity: f64,
        problem_tickets: f64,
        howto_tickets: f64,
        unused: f64,
        upgrade: f64,
        downgrade: f64,
        more_seats: f64,
        fewer_seats: f64,
        contact: f64,
        propensity: f64,
    }
}

section! {
    /// One channel.
    ChannelParameters { share: f64, hazard: f64 }
}

section! {
    /// The hidden factor of a customer's hazards.
    Frailty { variance: f64 }
}

section! {
    /// How much customers use the product, by class.
    Intensity { variance: f64, activity: [f64; CLASSES], rungs: [i64; CLASSES] }
}

section! {
    /// The seats of paid plans.
    Seats { ladder: [i64; RUNGS], noise: ByStep<f64> }
}

section! {
    /// The payments of paid plans.
    Billing {
        repeat: f64,
        annual: f64,
        recovered: f64,
        late_min: i64,
        late_max: i64,
        decay: f64,
        grace: i64,
    }
}

section! {
    /// The support tickets.
    Tickets {
        technical: f64,
        first_cycle: f64,
        problem_priority: ByPriority<f64>,
        howto_priority: ByPriority<f64>,
    }
}

section! {
    /// The factors of activity by day.
    Activity {
        holidays: f64,
        christmas_eve: f64,
        christmas: f64,
        incident: f64,
        incident_share: f64,
        week: ByWeekday<f64>,
    }
}

section! {
    /// The usage of an active day.
    Usage { minutes_sd: f64, events_per_session: f64 }
}

section! {
    /// The loss of usage logs.
    Logs { loss_min: f64, loss_max: f64 }
}

section! {
    /// The decision at the end of a cycle.
    Decision { renewal: f64 }
}

section! {
    /// The return of customers who left.
    Reactivation { cycles: i64, chance: f64, chance_unpaid: f64 }
}

section! {
    /// The campaign.
    Campaign { month: i64, spell_age: i64 }
}

/// The file of the default parameters, which is part of the program.
pub(super) const DEFAULT: &str = include_str!("../../../data/saas-v2.toml");

impl Parameters {
    /// Returns the default parameters.
    ///
    /// # Errors
    /// Returns an error if the file does not parse. The tests of this crate rule that out.
    pub fn saas_v2() -> Result<Self> {
        toml::from_str(DEFAULT).map_err(|error| Error::Misuse(error.to_string().trim().to_string()))
    }
}

impl Plan {
    /// Returns the price of a seat and month in hundredths.
    pub fn price_cents(&self) -> i128 {
        (self.price * 100.0).round() as i128
    }
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
