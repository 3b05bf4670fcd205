//! Rules that every row, or every customer, of a table must keep.

use super::reading::CUSTOMER_ID;
use crate::models::Table;

/// A rule that every row, or every customer, of a table must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The table has its columns, in types that can be converted to the expected types.
    Schema,
    /// No value is null, outside the range of its type or an unknown name.
    Values,
    /// The data set has a row for each of its customers, and for no others.
    Ids,
    /// No key occurs twice.
    UniqueKeys,
    /// Each row belongs to a customer.
    CustomerExists,
    /// Rows are in the table's sort order.
    Order,
    /// A rule that only one model has, with the name of its check.
    OfModel(&'static str),
}

impl Rule {
    /// Returns whether the rule can be checked if only some days of the window are in the data set.
    pub fn applies_to_some_days(self) -> bool {
        matches!(self, Self::Schema | Self::Values | Self::Order)
    }

    /// Returns the name of the check of `table` for this rule.
    pub fn name(self, table: Table) -> String {
        match self {
            Self::Schema => "columns are there".into(),
            Self::Values => "values can be read, names known".into(),
            Self::Ids => format!("{CUSTOMER_ID} 1, 2, … without a gap"),
            Self::UniqueKeys => match table.primary_key() {
                [column] => format!("{column} unique"),
                columns => format!("({}) unique", columns.join(", ")),
            },
            Self::CustomerExists => format!("{CUSTOMER_ID} is a customer"),
            Self::Order => "rows in order".into(),
            Self::OfModel(name) => name.into(),
        }
    }
}
