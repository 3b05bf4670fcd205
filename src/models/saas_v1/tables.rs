//! The tables of saas-v1. `data/README.md` adds the figures to the descriptions.

use crate::models::{ColumnSpec, ForeignKey, Kind, ModelVersion, Names, Table, TableSpec};

/// The name of the model and the version of its values.
pub const VERSION: ModelVersion = ModelVersion { name: "saas-v1", values: "2" };

/// All tables.
pub const TABLES: [Table; 6] = [CUSTOMERS, USAGE_DAILY, BILLING, SUPPORT, RETENTION_CURVES, USAGE_TRUTH];

/// The plans.
pub const PLANS: Names = Names::new("plans");

/// The regions.
pub const REGIONS: Names = Names::new("regions");

/// The payment statuses of invoices.
pub const STATUSES: Names = Names::new("billing.status");

/// The categories of support tickets.
pub const CATEGORIES: Names = Names::new("support.category");

/// The priorities of support tickets.
pub const PRIORITIES: Names = Names::new("support.priority");

/// Customers with signup date, plan and region.
pub const CUSTOMERS: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "customers",
        summary: "one row for each customer",
        columns: &[
            column("customer_id", Kind::Int64, "1 to the number of customers, without gaps"),
            column("signup_date", Kind::Date, "uniform over the days of the window"),
            column("plan", Kind::Text(PLANS), "by the shares of the plans; never changes"),
            column("region", Kind::Text(REGIONS), "by the shares of the regions, independent of the plan"),
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
        summary: "one row for each invoice; only plans with a price have invoices",
        columns: &[
            column("invoice_id", Kind::Int64, "customer_id x 1000 + n, with n = 1, 2, 3, … by date"),
            column("customer_id", Kind::Int64, "a customer on a plan with a price"),
            column(
                "bill_date",
                Kind::Date,
                "signup_date + interval_days x n, up to jitter_days early or late, inside the window",
            ),
            column("amount", Kind::Money, "the plan's price"),
            column(
                "payment_status",
                Kind::Text(STATUSES),
                "by the shares of the statuses, independent for each invoice",
            ),
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
            column(
                "customer_id",
                Kind::Int64,
                "a customer on any plan, with Poisson(tickets_per_month x months) support tickets",
            ),
            column("ticket_date", Kind::Date, "uniform from signup_date to the last day of the window"),
            column("category", Kind::Text(CATEGORIES), "by the shares of the categories"),
            column("priority", Kind::Text(PRIORITIES), "by the shares of the priorities, independent of the category"),
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

/// The probability of activity by plan and age: the true retention behind `usage_daily`.
pub const RETENTION_CURVES: Table = {
    static SPEC: TableSpec = TableSpec {
        model: VERSION,
        name: "retention_curves",
        summary: "one row for each plan and age: the true probability that a customer of that age is active",
        columns: &[
            column("plan", Kind::Text(PLANS), "every plan"),
            column("day", Kind::Int32, "the age in days, from 0 to the days of the window - 1"),
            column(
                "retention_probability",
                Kind::Float64,
                "the probability that a customer of that age is active: active_share x exp(-day / decay_days)",
            ),
        ],
        primary_key: &["plan", "day"],
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
        "from signup_date to the last day of the window; the probability of activity at age a is active_share x \
         exp(-a / decay_days)",
    ),
    column("sessions", Kind::Int32, "Poisson with the plan's mean; can be 0"),
    column(
        "usage_minutes",
        Kind::Int32,
        "Normal with the plan's mean, in whole minutes, limited to minutes_clamp standard deviations",
    ),
    column("feature_events", Kind::Int32, "Poisson with mean events_per_session x sessions"),
    column("logged", Kind::Boolean, "false if the log was lost, so that usage_daily has no such row"),
];

const OF_CUSTOMER: [ForeignKey; 1] =
    [ForeignKey { column: "customer_id", table: CUSTOMERS, references: "customer_id" }];

const fn column(name: &'static str, kind: Kind, law: &'static str) -> ColumnSpec {
    ColumnSpec::new(name, kind, law)
}
