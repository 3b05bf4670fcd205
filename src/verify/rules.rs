//! Rules that every row, or every customer, of a table must keep.

use super::derived_model::DerivedModel;
use crate::tables::Table;

/// A rule that every row, or every customer, of a table must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The table has its columns, in types that can be converted to the expected types.
    Schema,
    /// No value is null, outside the range of its type or an unknown name.
    Values,
    /// The ids of the data set are complete, and there are no others.
    Ids,
    /// No key occurs twice.
    UniqueKeys,
    /// Each row belongs to a customer.
    CustomerExists,
    /// Dates lie inside the window and are not before signup.
    Dates,
    /// Counts are not negative.
    Counts,
    /// Minutes lie between the plan's limits.
    MinutesLimits,
    /// Rows without sessions have no feature events.
    EventsNeedSessions,
    /// Only customers of plans with a price have invoices.
    PaidPlans,
    /// The amount of an invoice is the plan's price.
    Amount,
    /// Ids count up by date within each customer.
    Numbers,
    /// Each invoice is dated within the jitter around the day on which its number is due.
    DueDate,
    /// The first invoice is dated within the jitter around its due day.
    FirstInvoice,
    /// The number of days between invoices is within twice the jitter around the interval.
    InvoiceGaps,
    /// Invoices continue to the end of the window.
    LastInvoice,
    /// The rows of `usage_daily` are the rows of `usage_truth` that are marked as logged.
    LoggedTruth,
    /// The values are those of the model's retention curve.
    Curve,
    /// Rows are in the table's sort order.
    Order,
}

impl Rule {
    /// Returns whether the rule can be checked if only some days of the window are in the data set.
    pub fn applies_to_some_days(self) -> bool {
        matches!(self, Self::Schema | Self::Values | Self::Order)
    }
}

/// Returns the rules of a table, in the order of the report.
pub fn rules(table: Table) -> &'static [Rule] {
    use Rule::*;
    match table {
        Table::Customers => &[Schema, Values, Ids, UniqueKeys, Dates, Order],
        Table::UsageDaily => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            Dates,
            Counts,
            EventsNeedSessions,
            MinutesLimits,
            LoggedTruth,
            Order,
        ],
        Table::UsageTruth => {
            &[Schema, Values, CustomerExists, UniqueKeys, Dates, Counts, EventsNeedSessions, MinutesLimits, Order]
        }
        Table::Billing => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            Numbers,
            PaidPlans,
            Amount,
            Dates,
            DueDate,
            FirstInvoice,
            InvoiceGaps,
            LastInvoice,
            Order,
        ],
        Table::Support => &[Schema, Values, CustomerExists, UniqueKeys, Numbers, Dates, Order],
        Table::RetentionCurves => &[Schema, Values, Ids, UniqueKeys, Curve],
    }
}

/// Returns the name of the check for `rule`, with the figures of the model.
pub fn check_name(model: &DerivedModel, table: Table, rule: Rule) -> String {
    let date = table.date_column().unwrap_or_default();
    let (interval, jitter) = (model.interval_days, model.jitter_days);
    match rule {
        Rule::Schema => "columns are there".into(),
        Rule::Values => "values can be read, names known".into(),
        Rule::Ids if table == Table::Customers => "customer_id 1, 2, … without a gap".into(),
        Rule::Ids => "every plan has every day".into(),
        Rule::UniqueKeys => match table {
            Table::Customers => "customer_id unique".into(),
            Table::UsageDaily | Table::UsageTruth => "(customer_id, date) unique".into(),
            Table::Billing => "invoice_id unique".into(),
            Table::Support => "ticket_id unique".into(),
            Table::RetentionCurves => "(plan, day) unique".into(),
        },
        Rule::CustomerExists => "customer_id is a customer".into(),
        Rule::Dates if table == Table::Customers => "signup_date inside the window".into(),
        Rule::Dates => format!("{date} from signup to the end"),
        Rule::Counts => "counts not negative".into(),
        Rule::MinutesLimits => "minutes within the plan's limits".into(),
        Rule::EventsNeedSessions => "no feature_events without sessions".into(),
        Rule::PaidPlans => "only plans with a price".into(),
        Rule::Amount => "amount is the plan's price".into(),
        Rule::Numbers => "ids count by date in each customer".into(),
        Rule::DueDate => format!("bill_date {interval} n ± {jitter} days after signup"),
        Rule::FirstInvoice => {
            format!("first invoice on day {} to {}", interval - jitter, interval + jitter)
        }
        Rule::InvoiceGaps => {
            format!("{} to {} days between invoices", interval - 2 * jitter, interval + 2 * jitter)
        }
        Rule::LastInvoice => "invoices go on to the end".into(),
        Rule::LoggedTruth => "the logged rows of usage_truth".into(),
        Rule::Curve => "base x exp(-day / decay)".into(),
        Rule::Order => "rows in order".into(),
    }
}
