//! The columns that rows of a table are sorted and compared by.

use crate::models::Table;

/// The column that has the customer, in every table with customers.
pub const CUSTOMER_ID: &str = "customer_id";

/// The largest number of key columns of a table.
const MOST: usize = 3;

/// The indices of the key columns of a table: the customer, the other sort columns, and the rest of the primary key.
#[derive(Debug, Clone, Copy)]
pub struct KeyColumns {
    /// The customer's column, if the table has customers.
    pub customer: Option<usize>,
    /// All key columns, most significant first.
    pub all: [Option<usize>; MOST],
}

impl KeyColumns {
    pub fn of(table: Table) -> Self {
        let index = |name: &str| table.columns().iter().position(|column| column.name == name);
        let customer = table.has_customers().then(|| index(CUSTOMER_ID)).flatten();
        let others = table.sort_columns().iter().chain(table.primary_key()).filter_map(|name| index(name));
        let mut all = [None; MOST];
        let mut count = 0;
        for column in customer.into_iter().chain(others) {
            if count < MOST && !all.contains(&Some(column)) {
                all[count] = Some(column);
                count += 1;
            }
        }
        Self { customer, all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::saas_v1;

    /// A key with a part of the columns would take different rows for one.
    #[test]
    fn a_key_has_all_columns_of_the_sort_order_and_of_the_primary_key() {
        for table in saas_v1::TABLES {
            let keys = KeyColumns::of(table).all.map(|column| column.map(|column| table.columns()[column].name));
            for name in table.sort_columns().iter().chain(table.primary_key()) {
                assert!(keys.contains(&Some(name)), "{}: {name} is not in {keys:?}", table.name());
            }
        }
    }

    #[test]
    fn keys_begin_with_the_customer() {
        let keys = |table| KeyColumns::of(table).all;
        assert_eq!(keys(saas_v1::CUSTOMERS), [Some(0), None, None]);
        assert_eq!(keys(saas_v1::USAGE_DAILY), [Some(0), Some(1), None]);
        assert_eq!(keys(saas_v1::BILLING), [Some(1), Some(2), Some(0)]);
        assert_eq!(keys(saas_v1::RETENTION_CURVES), [Some(0), Some(1), None]);
        assert_eq!(KeyColumns::of(saas_v1::RETENTION_CURVES).customer, None);
    }
}
