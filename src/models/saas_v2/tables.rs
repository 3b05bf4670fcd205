//! The tables of saas-v2. `data/saas-v2.md` adds the figures to the descriptions.

use super::parameters::{ByChannel, ByEngagement, ByPlan, ByPriority, Parameters};
use crate::models::{ColumnSpec, ForeignKey, Kind, ModelVersion, Names, Table, TableSpec};

/// The name of the model and the version of its values, which are a preview: they may change in any release.
pub const VERSION: ModelVersion = ModelVersion { name: "saas-v2", values: "saas-v2-preview-1" };

/// All tables.
pub const TABLES: [Table; 10] = [
    CUSTOMERS,
    SUBSCRIPTIONS,
    USAGE_DAILY,
    BILLING,
    SUPPORT,
    CYCLES_TRUTH,
    CUSTOMER_TRUTH,
    CALENDAR,
    EXPECTED_CURVES,
    USAGE_TRUTH,
];

const PLANS: Names = Names::new("plans");
const REGIONS: Names = Names::new("regions");
const CHANNELS: Names = Names::new("channels");
const TERMS: Names = Names::new("terms");
const EVENTS: Names = Names::new("events");
const STATUSES: Names = Names::new("statuses");
const CATEGORIES: Names = Names::new("categories");
const PRIORITIES: Names = Names::new("priorities");
const ENGAGEMENT: Names = Names::new("engagement");
const ATTEMPTS: Names = Names::new("attempts");
const OUTCOMES: Names = Names::new("outcomes");
const REASONS: Names = Names::new("reasons");

/// Returns the names of a list, in the order of their codes.
pub(super) fn names(parameters: &Parameters, names: Names) -> Vec<&str> {
    match names {
        PLANS => ByPlan::<f64>::NAMES.into(),
        REGIONS => parameters.regions.keys().map(String::as_str).collect(),
        CHANNELS => ByChannel::<f64>::NAMES.into(),
        TERMS => vec!["monthly", "annual"],
        EVENTS => vec!["start", "upgrade", "downgrade", "seats_up", "seats_down", "cancel", "end", "reactivate"],
        STATUSES => vec!["paid", "late", "failed", "open"],
        CATEGORIES => vec!["technical", "billing", "howto"],
        PRIORITIES => ByPriority::<f64>::NAMES.into(),
        ENGAGEMENT => ByEngagement::<f64>::NAMES.into(),
        ATTEMPTS => vec!["none", "ok", "late", "failed"],
        OUTCOMES => vec!["stays", "leaves", "unpaid", "open"],
        _ => vec!["none", "unused", "support", "billing", "other", "payment"],
    }
}

/// Customers as they were at signup.
pub const CUSTOMERS: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "customers",
        summary: "one row for each customer, as it was at signup",
        columns: &[
            column("customer_id", Kind::Int64, "1 to the number of customers, without gaps"),
            column(
                "signup_date",
                Kind::Date,
                "more in later months, by signup.growth, and on workdays, by signup.week",
            ),
            column("plan", Kind::Text(PLANS), "by the shares of the plans"),
            column("region", Kind::Text(REGIONS), "by the shares of the regions; it has no effect on anything"),
            column(
                "channel",
                Kind::Text(CHANNELS),
                "by the shares of the channels; it multiplies the hazards of leaving",
            ),
            column("term", Kind::Text(TERMS), "annual with the plan's chance"),
            column("seats", Kind::Int32, "more on larger plans and for customers who use more; 1 on Free"),
        ],
        primary_key: &["customer_id"],
        foreign_keys: &[],
        sort_columns: &["customer_id"],
        date_column: Some("signup_date"),
        has_customers: true,
        is_observed: true,
    };
    Table::new(&SPEC)
};

/// The starts, cancellations and ends of subscriptions.
pub const SUBSCRIPTIONS: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "subscriptions",
        summary: "one row for each event of a subscription; customers on Free leave without one",
        columns: &[
            column("event_id", Kind::Int64, "customer_id x 1000 + n, with n = 1, 2, 3, … by date"),
            column("customer_id", Kind::Int64, "the customer"),
            column("event_date", Kind::Date, "the day of the event; an end is the last day of service"),
            column("event", Kind::Text(EVENTS), "what happened; cancel is the request, up to a cycle before the end"),
            column("plan", Kind::Text(PLANS), "the plan after the event"),
            column("term", Kind::Text(TERMS), "the term after the event"),
            column("seats", Kind::Int32, "the seats after the event"),
            column(
                "mrr",
                Kind::Money,
                "the monthly recurring revenue after the event: seats x price, on annual terms 10/12 of it",
            ),
            column("mrr_change", Kind::Money, "the change of mrr; the sum up to a day is the mrr of that day"),
        ],
        primary_key: &["event_id"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "event_date", "event_id"],
        date_column: Some("event_date"),
        has_customers: true,
        is_observed: true,
    };
    Table::new(&SPEC)
};

/// The daily usage of active customers. Some of its logs are lost.
pub const USAGE_DAILY: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "usage_daily",
        summary: "one row for each day on which a customer was active and the log was kept",
        columns: USAGE_COLUMNS.split_at(USAGE_COLUMNS.len() - 1).0,
        primary_key: &["customer_id", "date"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "date"],
        date_column: Some("date"),
        has_customers: true,
        is_observed: true,
    };
    Table::new(&SPEC)
};

/// Invoices.
pub const BILLING: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "billing",
        summary: "one row for each invoice; Free has none",
        columns: &[
            column("invoice_id", Kind::Int64, "customer_id x 1000 + n, with n = 1, 2, 3, … by date"),
            column("customer_id", Kind::Int64, "a customer on a plan with a price"),
            column("bill_date", Kind::Date, "the first day of a cycle; on annual terms of each twelfth"),
            column("amount", Kind::Money, "mrr, or 12 x mrr on annual terms"),
            column(
                "payment_status",
                Kind::Text(STATUSES),
                "paid at once, late after a failed attempt, failed for good, or open at the window's end",
            ),
            column(
                "settled_date",
                Kind::Date,
                "the day on which the status was reached; of open, the window's last day",
            ),
            column("plan", Kind::Text(PLANS), "the plan that is billed"),
            column("term", Kind::Text(TERMS), "the term that is billed"),
            column("seats", Kind::Int32, "the seats that are billed"),
        ],
        primary_key: &["invoice_id"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "bill_date"],
        date_column: Some("bill_date"),
        has_customers: true,
        is_observed: true,
    };
    Table::new(&SPEC)
};

/// Support tickets.
pub const SUPPORT: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "support",
        summary: "one row for each support ticket",
        columns: &[
            column("ticket_id", Kind::Int64, "customer_id x 1000 + n, with n = 1, 2, 3, … by date"),
            column("customer_id", Kind::Int64, "a customer on any plan"),
            column("ticket_date", Kind::Date, "uniform over the days of the cycle, while service lasts"),
            column(
                "category",
                Kind::Text(CATEGORIES),
                "technical and billing are problems, which raise the hazard of leaving; howto is not",
            ),
            column("priority", Kind::Text(PRIORITIES), "by the shares of the priorities, of problems or of howto"),
        ],
        primary_key: &["ticket_id"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "ticket_date", "ticket_id"],
        date_column: Some("ticket_date"),
        has_customers: true,
        is_observed: true,
    };
    Table::new(&SPEC)
};

/// The cycles of customers, with every probability that was at work.
pub const CYCLES_TRUTH: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "cycles_truth",
        summary: "one row for each monthly cycle as a customer, with every probability that was at work",
        columns: &[
            column("customer_id", Kind::Int64, "the customer"),
            column("cycle", Kind::Int32, "the number of the cycle since signup, from 0"),
            column("spell", Kind::Int32, "the number of the run of cycles as a customer, from 0"),
            column("spell_age", Kind::Int32, "the number of the cycle in its spell, from 0"),
            column("first_day", Kind::Date, "the anniversary of signup on which the cycle begins"),
            column("last_day", Kind::Date, "the last day of service inside the window"),
            column("plan", Kind::Text(PLANS), "the plan"),
            column("term", Kind::Text(TERMS), "the term"),
            column("seats", Kind::Int32, "the seats"),
            column(
                "engagement",
                Kind::Text(ENGAGEMENT),
                "the hidden state that activity, tickets and leaving depend on",
            ),
            column("problem_tickets", Kind::Int32, "the technical and billing tickets of the whole cycle"),
            column("attempt", Kind::Text(ATTEMPTS), "the result of the payment attempt"),
            column("p_fail", Kind::Float64, "the probability that the attempt failed; 0 where none was at risk"),
            column(
                "p_end",
                Kind::Float64,
                "the probability to leave at the end of the cycle; 0 where no decision fell",
            ),
            column("unused", Kind::Float64, "the hazard of leaving because the product goes unused"),
            column("support", Kind::Float64, "the hazard of leaving because of problem tickets"),
            column("billing", Kind::Float64, "the hazard of leaving because of a failed payment that was recovered"),
            column("other", Kind::Float64, "the hazard of leaving for any other reason"),
            column("decided", Kind::Boolean, "whether a decision fell"),
            column("outcome", Kind::Text(OUTCOMES), "what the cycle led to inside the window"),
            column("reason", Kind::Text(REASONS), "the reason of the end"),
        ],
        primary_key: &["customer_id", "cycle"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "cycle"],
        date_column: Some("first_day"),
        has_customers: true,
        is_observed: false,
    };
    Table::new(&SPEC)
};

/// What is hidden of each customer.
pub const CUSTOMER_TRUTH: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "customer_truth",
        summary: "one row for each customer, with its hidden traits and its end",
        columns: &[
            column("customer_id", Kind::Int64, "the customer"),
            column(
                "frailty",
                Kind::Float64,
                "the hidden factor of the hazards of leaving: the mean of one of eight classes",
            ),
            column(
                "intensity",
                Kind::Float64,
                "the hidden factor of the mean sessions of a day: the mean of one of eight classes",
            ),
            column("activity", Kind::Float64, "the factor of the probability of activity"),
            column(
                "ended_date",
                Kind::Date,
                "the last day of service, or the day after the window for customers who are there",
            ),
            column("reason", Kind::Text(REASONS), "the reason of the end"),
            column("spells", Kind::Int32, "the number of runs of cycles as a customer"),
        ],
        primary_key: &["customer_id"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id"],
        date_column: None,
        has_customers: true,
        is_observed: false,
    };
    Table::new(&SPEC)
};

/// The days of the window.
pub const CALENDAR: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "calendar",
        summary: "one row for each day of the window, with the factors that all customers share",
        columns: &[
            column("date", Kind::Date, "the day"),
            column("signup_weight", Kind::Float64, "the share of all signups on this day"),
            column("week", Kind::Float64, "the factor of the weekday on activity"),
            column("season", Kind::Float64, "the factor of the season on activity"),
            column("incident", Kind::Float64, "the factor of an incident on activity; 1 on a day without one"),
            column(
                "loss_rate",
                Kind::Float64,
                "the share of usage logs that are lost, uniform from loss_min to loss_max",
            ),
        ],
        primary_key: &["date"],
        foreign_keys: &[],
        sort_columns: &["date"],
        date_column: Some("date"),
        has_customers: false,
        is_observed: false,
    };
    Table::new(&SPEC)
};

/// The exact expectations behind the observed curves.
pub const EXPECTED_CURVES: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "expected_curves",
        summary: "one row for each plan, term and cycle: what to expect of a customer who started, exactly",
        columns: &[
            column("plan", Kind::Text(PLANS), "the plan at signup"),
            column("term", Kind::Text(TERMS), "the term at signup"),
            column("cycle", Kind::Int32, "the number of the cycle, from 0 to the months of the window - 1"),
            column("survival", Kind::Float64, "the probability to be a customer at the start of the cycle"),
            column("hazard", Kind::Float64, "the probability to end with the cycle, given that it starts"),
            column(
                "ended_unused",
                Kind::Float64,
                "the probability to have ended by the end of the cycle because the product went unused",
            ),
            column("ended_support", Kind::Float64, "the same because of problem tickets"),
            column("ended_billing", Kind::Float64, "the same because of a failed payment that was recovered"),
            column("ended_other", Kind::Float64, "the same for any other reason"),
            column("ended_payment", Kind::Float64, "the same because of an unpaid invoice"),
            column(
                "active_days",
                Kind::Float64,
                "the mean active days of the cycle for a customer who started, on days of average factors",
            ),
            column(
                "mrr",
                Kind::Float64,
                "the mean monthly recurring revenue at the start of the cycle for a customer who started",
            ),
        ],
        primary_key: &["plan", "term", "cycle"],
        foreign_keys: &[],
        sort_columns: &[],
        date_column: None,
        has_customers: false,
        is_observed: false,
    };
    Table::new(&SPEC)
};

/// `usage_daily` with the lost logs, and a column that marks them.
pub const USAGE_TRUTH: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "usage_truth",
        summary: "one row for each day on which a customer was active, whether the log was kept or lost",
        columns: &USAGE_COLUMNS,
        primary_key: &["customer_id", "date"],
        foreign_keys: &OF_CUSTOMER,
        sort_columns: &["customer_id", "date"],
        date_column: Some("date"),
        has_customers: true,
        is_observed: false,
    };
    Table::new(&SPEC)
};

/// The columns of `usage_truth`. `usage_daily` has all but the last.
const USAGE_COLUMNS: [ColumnSpec; 6] = [
    column("customer_id", Kind::Int64, "the customer"),
    column(
        "date",
        Kind::Date,
        "a day of service; the probability of activity is that of the plan x engagement x intensity x the day's factors",
    ),
    column("sessions", Kind::Int32, "Poisson with the plan's mean x intensity, at least 1"),
    column(
        "usage_minutes",
        Kind::Int32,
        "sessions x the plan's minutes, with a normal deviation; at least the sessions",
    ),
    column("feature_events", Kind::Int32, "Poisson with mean events_per_session x sessions"),
    column("logged", Kind::Boolean, "false if the log was lost, so that usage_daily has no such row"),
];

const OF_CUSTOMER: [ForeignKey; 1] =
    [ForeignKey { column: "customer_id", table: CUSTOMERS, references: "customer_id" }];

const fn column(name: &'static str, kind: Kind, law: &'static str) -> ColumnSpec {
    ColumnSpec::new(name, kind, law)
}
