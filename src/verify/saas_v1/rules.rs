//! The rules of each table.

use super::derived_model::DerivedModel;
use crate::models::{Table, saas_v1};
use crate::verify::rules::Rule;

/// Dates lie inside the window and are not before signup.
pub const DATES: Rule = Rule::OfModel("dates from signup to the end");
/// Counts are not negative.
pub const COUNTS: Rule = Rule::OfModel("counts not negative");
/// Minutes lie between the plan's limits.
pub const MINUTES_LIMITS: Rule = Rule::OfModel("minutes within the plan's limits");
/// Rows without sessions have no feature events.
pub const EVENTS_NEED_SESSIONS: Rule = Rule::OfModel("no feature_events without sessions");
/// Only customers of plans with a price have invoices.
pub const PAID_PLANS: Rule = Rule::OfModel("only plans with a price");
/// The amount of an invoice is the plan's price.
pub const AMOUNT: Rule = Rule::OfModel("amount is the plan's price");
/// Ids count up by date within each customer.
pub const NUMBERS: Rule = Rule::OfModel("ids count by date in each customer");
/// Each invoice is dated within the jitter around the day on which its number is due.
pub const DUE_DATE: Rule = Rule::OfModel("bill_date near its due day");
/// The first invoice is dated within the jitter around its due day.
pub const FIRST_INVOICE: Rule = Rule::OfModel("first invoice near its due day");
/// The number of days between invoices is within twice the jitter around the interval.
pub const INVOICE_GAPS: Rule = Rule::OfModel("days between invoices");
/// Invoices continue to the end of the window.
pub const LAST_INVOICE: Rule = Rule::OfModel("invoices go on to the end");
/// The rows of `usage_daily` are the rows of `usage_truth` that are marked as logged.
pub const LOGGED_TRUTH: Rule = Rule::OfModel("the logged rows of usage_truth");
/// The retention curves have each day of each plan, and no others.
pub const PLANS_AND_DAYS: Rule = Rule::OfModel("every plan has every day");
/// The values are those of the model's retention curve.
pub const CURVE: Rule = Rule::OfModel("base x exp(-day / decay)");

/// Returns the rules of a table, in the order of the report.
pub fn rules(table: Table) -> &'static [Rule] {
    use Rule::{CustomerExists, Ids, Order, Schema, UniqueKeys, Values};
    match table.name() {
        "customers" => &[Schema, Values, Ids, UniqueKeys, DATES, Order],
        "usage_daily" => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            DATES,
            COUNTS,
            EVENTS_NEED_SESSIONS,
            MINUTES_LIMITS,
            LOGGED_TRUTH,
            Order,
        ],
        "usage_truth" => {
            &[Schema, Values, CustomerExists, UniqueKeys, DATES, COUNTS, EVENTS_NEED_SESSIONS, MINUTES_LIMITS, Order]
        }
        "billing" => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            NUMBERS,
            PAID_PLANS,
            AMOUNT,
            DATES,
            DUE_DATE,
            FIRST_INVOICE,
            INVOICE_GAPS,
            LAST_INVOICE,
            Order,
        ],
        "support" => &[Schema, Values, CustomerExists, UniqueKeys, NUMBERS, DATES, Order],
        _ => &[Schema, Values, PLANS_AND_DAYS, UniqueKeys, CURVE],
    }
}

/// Returns the name of the check for `rule`, with the figures of the model.
pub fn check_name(model: &DerivedModel, table: Table, rule: Rule) -> String {
    let (interval, jitter) = (model.interval_days, model.jitter_days);
    match rule {
        DATES if table == saas_v1::CUSTOMERS => "signup_date inside the window".into(),
        DATES => format!("{} from signup to the end", table.date_column().unwrap_or_default()),
        DUE_DATE => format!("bill_date {interval} n ± {jitter} days after signup"),
        FIRST_INVOICE => format!("first invoice on day {} to {}", interval - jitter, interval + jitter),
        INVOICE_GAPS => format!("{} to {} days between invoices", interval - 2 * jitter, interval + 2 * jitter),
        _ => rule.name(table),
    }
}
