//! What tables and columns there are. `data/README.md` says the same to people.

use crate::error::{Error, Result};
use crate::model::Parameters;

/// A table of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Who signed up, when, on which plan, where.
    Customers,
    /// What active customers did each day, as far as the logs survived.
    UsageDaily,
    /// Invoices.
    Billing,
    /// Support tickets.
    Support,
    /// The probability of being active, by plan and age: the truth behind `usage_daily`.
    RetentionCurves,
    /// `usage_daily` with no log lost, and which logs were.
    UsageTruth,
}

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit whole numbers.
    Int64,
    /// 32-bit whole numbers.
    Int32,
    /// Days.
    Date,
    /// One of few names.
    Text(Names),
    /// Amounts with two decimals.
    Money,
    /// 64-bit floating point.
    Float64,
    /// True or false.
    Boolean,
}

/// The lists of names that text columns take their values from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The plans.
    Plan,
    /// The regions.
    Region,
    /// How invoices are settled.
    Status,
    /// What tickets are about.
    Category,
    /// How urgent tickets are.
    Priority,
}

impl Names {
    /// The names, in the model's order.
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

/// A column: its name, kind and law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name in every format.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// What its values are and how they are drawn, for `saasgen describe`.
    pub law: &'static str,
}

const fn column(name: &'static str, kind: Kind, law: &'static str) -> ColumnSpec {
    ColumnSpec { name, kind, law }
}

const USAGE_TRUTH: [ColumnSpec; 6] = [
    column("customer_id", Kind::Int64, "a customer of the data set"),
    column(
        "date",
        Kind::Date,
        "signup_date .. last day; active at age a with probability active_share x exp(-a / decay_days)",
    ),
    column("sessions", Kind::Int32, "Poisson with the plan's mean; 0 occurs"),
    column("usage_minutes", Kind::Int32, "Normal with the plan's mean, whole minutes, clamped"),
    column("feature_events", Kind::Int32, "Poisson(events_per_session x sessions)"),
    column("logged", Kind::Boolean, "false where the day's log was lost and usage_daily lacks the row"),
];

impl Table {
    /// Every table.
    pub const ALL: [Self; 6] =
        [Self::Customers, Self::UsageDaily, Self::Billing, Self::Support, Self::RetentionCurves, Self::UsageTruth];

    /// Its name in every format.
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

    /// The table with this name.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], which lists the tables there are.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name).ok_or_else(|| Error::UnknownTable {
            table: name.chars().take(100).collect(),
            tables: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// What a row is, in one line.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Customers => "one row a customer",
            Self::UsageDaily => "one row for each day a customer was active and the log survived",
            Self::Billing => "one row an invoice; paid plans only",
            Self::Support => "one row a support ticket",
            Self::RetentionCurves => {
                "the truth behind usage_daily: probability of being active, by plan and age in days"
            }
            Self::UsageTruth => "usage_daily with no log lost; `logged` is false on the rows that usage_daily lacks",
        }
    }

    /// Its columns, in order.
    pub const fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Self::Customers => {
                const {
                    &[
                        column("customer_id", Kind::Int64, "1 .. customers, dense"),
                        column("signup_date", Kind::Date, "uniform over the window's days"),
                        column("plan", Kind::Text(Names::Plan), "by the plans' shares"),
                        column("region", Kind::Text(Names::Region), "by the regions' shares, independent of the plan"),
                    ]
                }
            }
            Self::UsageDaily => USAGE_TRUTH.split_at(USAGE_TRUTH.len() - 1).0,
            Self::Billing => {
                const {
                    &[
                        column("invoice_id", Kind::Int64, "customer_id x 1000 + n, n = 1, 2, … within the customer"),
                        column("customer_id", Kind::Int64, "a customer on a plan with a price"),
                        column("bill_date", Kind::Date, "signup_date + interval x n + jitter, inside the window"),
                        column("amount", Kind::Money, "the plan's price"),
                        column(
                            "payment_status",
                            Kind::Text(Names::Status),
                            "by the statuses' shares, each invoice on its own",
                        ),
                    ]
                }
            }
            Self::Support => {
                const {
                    &[
                        column("ticket_id", Kind::Int64, "customer_id x 1000 + n, n = 1, 2, … in date order"),
                        column(
                            "customer_id",
                            Kind::Int64,
                            "a customer, any plan; Poisson(tickets_per_month x tenure months) tickets",
                        ),
                        column("ticket_date", Kind::Date, "uniform over signup_date .. last day"),
                        column("category", Kind::Text(Names::Category), "by the categories' shares"),
                        column("priority", Kind::Text(Names::Priority), "by the priorities' shares"),
                    ]
                }
            }
            Self::RetentionCurves => {
                const {
                    &[
                        column("plan", Kind::Text(Names::Plan), "every plan"),
                        column("day", Kind::Int32, "age in days, 0 .. window days - 1"),
                        column("retention_probability", Kind::Float64, "active_share x exp(-day / decay_days)"),
                    ]
                }
            }
            Self::UsageTruth => &USAGE_TRUTH,
        }
    }

    /// The columns that a row is known by and that rows are sorted by, most significant first.
    pub const fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["customer_id"],
            Self::UsageDaily | Self::UsageTruth => &["customer_id", "date"],
            Self::Billing => &["customer_id", "bill_date"],
            Self::Support => &["customer_id", "ticket_date", "ticket_id"],
            Self::RetentionCurves => &[],
        }
    }

    /// The column that a range of dates selects by.
    pub fn date_column(self) -> Option<&'static str> {
        self.columns().iter().find(|column| column.kind == Kind::Date).map(|column| column.name)
    }

    /// Whether its rows belong to customers.
    pub const fn has_customers(self) -> bool {
        !matches!(self, Self::RetentionCurves)
    }
}

/// Some of a table's columns, by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSet(u32);

impl ColumnSet {
    /// Every column of `table`.
    pub const fn all(table: Table) -> Self {
        Self((1 << table.columns().len()) - 1)
    }

    /// Whether the column with this index is wanted.
    #[inline]
    pub const fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// The indices of its columns, in order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..u32::BITS as usize).filter(move |&index| self.has(index))
    }
}

impl FromIterator<usize> for ColumnSet {
    /// The columns with these indices, each under 32.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self(indices.into_iter().fold(0, |set, index| set | 1 << index))
    }
}
