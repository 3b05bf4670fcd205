//! The values of the default saas-v2, pinned by a hash of each table.

use crate::saas_v2_support::{data_set_of, generated};
use saasgen::saas_v2::Table;
use saasgen::tables::Column;
use sha2::{Digest, Sha256};

/// Returns the first 16 hexadecimal digits of the SHA-256 of all values, column by column, in little-endian bytes.
fn hash(columns: &[Column]) -> String {
    let mut hasher = Sha256::new();
    for column in columns {
        match column {
            Column::Int64(values) => values.iter().for_each(|value| hasher.update(value.to_le_bytes())),
            Column::Int32(values) | Column::Date(values) => {
                values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
            }
            Column::Text(values) => hasher.update(values),
            Column::Money(values) => values.iter().for_each(|value| hasher.update(value.to_le_bytes())),
            Column::Float64(values) => values.iter().for_each(|value| hasher.update(value.to_le_bytes())),
            Column::Boolean(values) => values.iter().for_each(|&value| hasher.update([u8::from(value)])),
        }
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_first_customers_have_the_pinned_values() {
    let data_set = data_set_of(|_| (), 42);
    let found = Table::ALL.map(|table| (table.name(), hash(&generated(&data_set, table, 500))));
    let pinned = [
        ("customers", "4acc105a096360cf"),
        ("subscriptions", "7b37d91a154f7f18"),
        ("usage_daily", "74024f59aa96933b"),
        ("billing", "13e0ff97dd71ba09"),
        ("support", "b88f288bb0b769a2"),
        ("cycles_truth", "604d49041152b8c6"),
        ("customer_truth", "c5580a79cc873617"),
        ("calendar", "da3c3f0fcdf04dec"),
        ("usage_truth", "b3f7b006168f7dd4"),
    ];
    assert_eq!(found.each_ref().map(|(name, hash)| (*name, hash.as_str())), pinned);
}
