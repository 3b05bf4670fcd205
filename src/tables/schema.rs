//! The tables and their columns. The descriptions here are those of the schemas, the files and `saasgen describe`;
//! `data/README.md` adds the figures of saas-v1 to them.

use crate::error::{Error, Result};
use crate::model::Parameters;

/// A table of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Customers with signup date, plan and region.
    Customers,
    /// The daily usage of active customers. Some of its logs are lost.
    UsageDaily,
    /// Invoices.
    Billing,
    /// Support tickets.
    Support,
    /// The probability of activity by plan and age: the true retention behind `usage_daily`.
    RetentionCurves,
    /// `usage_daily` with the lost logs, and a column that marks them.
    UsageTruth,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit whole numbers.
    Int64,
    /// 32-bit whole numbers.
    Int32,
    /// Dates, as days since 1970-01-01.
    Date,
    /// Names from a list.
    Text(Names),
    /// Amounts with two decimals.
    Money,
    /// 64-bit floating-point numbers.
    Float64,
    /// Truth values.
    Boolean,
}

/// The list of names that a text column takes its values from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The plans.
    Plan,
    /// The regions.
    Region,
    /// The payment statuses of invoices.
    Status,
    /// The categories of support tickets.
    Category,
    /// The priorities of support tickets.
    Priority,
}

impl Names {
    /// Returns the names, in the model's order.
    pub fn of(self, parameters: &Parameters) -> Vec<&str> {
        let shares = match self {
            Self::Plan => return parameters.plans.keys().map(String::as_str).collect(),
            Self::Region => &parameters.regions,
            Self::Status => &parameters.billing.status,
            Self::Category => &parameters.support.category,
            Self::Priority => &parameters.support.priority,
        };
        shares.keys().map(String::as_str).collect()
    }
}

/// A column: its name, type and law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The name in every format.
    pub name: &'static str,
    /// The type of the values.
    pub kind: Kind,
    /// The meaning and the distribution of the values. It is the column's description in every schema and file.
    pub law: &'static str,
}

const fn column(name: &'static str, kind: Kind, law: &'static str) -> ColumnSpec {
    ColumnSpec { name, kind, law }
}

const CUSTOMER: ColumnSpec = column("customer_id", Kind::Int64, "the customer");

const USAGE_TRUTH: [ColumnSpec; 6] = [
    CUSTOMER,
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

/// A column whose values are all in the primary key of another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignKey {
    /// The column.
    pub column: &'static str,
    /// The other table.
    pub table: Table,
    /// The column of the other table.
    pub references: &'static str,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 6] =
        [Self::Customers, Self::UsageDaily, Self::Billing, Self::Support, Self::RetentionCurves, Self::UsageTruth];

    /// Returns the name of the table in every format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::UsageDaily => "usage_daily",
            Self::Billing => "billing",
            Self::Support => "support",
            Self::RetentionCurves => "retention_curves",
            Self::UsageTruth => "usage_truth",
        }
    }

    /// Returns the table with this name.
    ///
    /// # Errors
    /// Returns [`Error::UnknownTable`] with the names of all tables if there is no table with this name.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name).ok_or_else(|| Error::UnknownTable {
            table: name.chars().take(100).collect(),
            tables: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// Returns the meaning of a row in one line. It is the table's description in every schema, file and catalogue.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Customers => "one row for each customer",
            Self::UsageDaily => "one row for each day on which a customer was active and the log was kept",
            Self::Billing => "one row for each invoice; only plans with a price have invoices",
            Self::Support => "one row for each support ticket",
            Self::RetentionCurves => {
                "one row for each plan and age: the true probability that a customer of that age is active"
            }
            Self::UsageTruth => "one row for each day on which a customer was active, whether the log was kept or lost",
        }
    }

    /// Returns the columns, in order.
    pub const fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Self::Customers => {
                const {
                    &[
                        column("customer_id", Kind::Int64, "1 to the number of customers, without gaps"),
                        column("signup_date", Kind::Date, "uniform over the days of the window"),
                        column("plan", Kind::Text(Names::Plan), "by the shares of the plans; never changes"),
                        column(
                            "region",
                            Kind::Text(Names::Region),
                            "by the shares of the regions, independent of the plan",
                        ),
                    ]
                }
            }
            Self::UsageDaily => USAGE_TRUTH.split_at(USAGE_TRUTH.len() - 1).0,
            Self::Billing => {
                const {
                    &[
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
                            Kind::Text(Names::Status),
                            "by the shares of the statuses, independent for each invoice",
                        ),
                    ]
                }
            }
            Self::Support => {
                const {
                    &[
                        column("ticket_id", Kind::Int64, "customer_id x 1000 + n, with n = 1, 2, 3, … by date"),
                        column(
                            "customer_id",
                            Kind::Int64,
                            "a customer on any plan, with Poisson(tickets_per_month x months) support tickets",
                        ),
                        column("ticket_date", Kind::Date, "uniform from signup_date to the last day of the window"),
                        column("category", Kind::Text(Names::Category), "by the shares of the categories"),
                        column(
                            "priority",
                            Kind::Text(Names::Priority),
                            "by the shares of the priorities, independent of the category",
                        ),
                    ]
                }
            }
            Self::RetentionCurves => {
                const {
                    &[
                        column("plan", Kind::Text(Names::Plan), "every plan"),
                        column("day", Kind::Int32, "the age in days, from 0 to the days of the window - 1"),
                        column(
                            "retention_probability",
                            Kind::Float64,
                            "the probability that a customer of that age is active: active_share x exp(-day / \
                             decay_days)",
                        ),
                    ]
                }
            }
            Self::UsageTruth => &USAGE_TRUTH,
        }
    }

    /// Returns the columns whose values together are different in every row.
    pub const fn primary_key(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["customer_id"],
            Self::UsageDaily | Self::UsageTruth => &["customer_id", "date"],
            Self::Billing => &["invoice_id"],
            Self::Support => &["ticket_id"],
            Self::RetentionCurves => &["plan", "day"],
        }
    }

    /// Returns the columns whose values are all in another table.
    pub const fn foreign_keys(self) -> &'static [ForeignKey] {
        match self {
            Self::Customers | Self::RetentionCurves => &[],
            Self::UsageDaily | Self::UsageTruth | Self::Billing | Self::Support => {
                const { &[ForeignKey { column: "customer_id", table: Self::Customers, references: "customer_id" }] }
            }
        }
    }

    /// Returns the columns that identify a row and that rows are sorted by, most significant first.
    pub const fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["customer_id"],
            Self::UsageDaily | Self::UsageTruth => &["customer_id", "date"],
            Self::Billing => &["customer_id", "bill_date"],
            Self::Support => &["customer_id", "ticket_date", "ticket_id"],
            Self::RetentionCurves => &[],
        }
    }

    /// Returns the column that a range of dates filters, if the table has one.
    pub fn date_column(self) -> Option<&'static str> {
        self.columns().iter().find(|column| column.kind == Kind::Date).map(|column| column.name)
    }

    /// Returns whether rows belong to customers.
    pub const fn has_customers(self) -> bool {
        !matches!(self, Self::RetentionCurves)
    }
}

/// A set of columns of a table, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSet(u32);

impl ColumnSet {
    /// Returns the set of all columns of `table`.
    pub const fn all(table: Table) -> Self {
        Self((1 << table.columns().len()) - 1)
    }

    /// Returns whether the set has the column with this index.
    #[inline]
    pub const fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// Returns the indices of the columns, in ascending order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..u32::BITS as usize).filter(move |&index| self.has(index))
    }
}

impl FromIterator<usize> for ColumnSet {
    /// Collects the columns with these indices. Each index is below 32.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self(indices.into_iter().fold(0, |set, index| set | 1 << index))
    }
}
