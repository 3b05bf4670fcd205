//! `saasgen describe`: prints the tables and the model.

use super::args::{DataSetArgs, table_name};
use super::stdout::{print, print_json};
use crate::batches::schema;
use crate::error::Result;
use crate::scan::Scan;
use crate::tables::{DataSet, Identity, Table};
use crate::verify::grouped;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Print the tables (columns, types, laws, expected rows) and the model
///
/// The model is printed as TOML. To change it, copy the keys to change to a file, and pass the file with --model.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen describe
  saasgen describe usage_daily --customers 1000000
  saasgen describe --json")]
pub(super) struct Describe {
    /// Table to print [default: all tables and the model]
    #[arg(value_parser = table_name)]
    table: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data_set: DataSetArgs,
}

impl Describe {
    pub fn run(self) -> Result<()> {
        let data_set = self.data_set.load()?;
        let tables: Vec<Table> = match &self.table {
            Some(name) => vec![Table::from_name(name)?],
            None => Table::ALL.into(),
        };
        if self.json {
            let tables: serde_json::Map<String, Value> =
                tables.into_iter().map(|table| (table.name().to_string(), as_json(&data_set, table))).collect();
            return print_json(&json!({
                "identity": Identity::of(&data_set),
                "tables": tables,
                "model": data_set.model().parameters(),
            }));
        }
        let mut text = String::new();
        for table in tables {
            text += &as_text(&data_set, table);
        }
        if self.table.is_none() {
            let model = data_set.model();
            text += &format!("Model, fingerprint {}\n\n{}", model.fingerprint(), model.to_toml());
        }
        print(&text)
    }
}

/// Returns the name, the Arrow type and the law of each column.
fn columns(data_set: &DataSet, table: Table) -> Vec<(&'static str, String, &'static str)> {
    let schema = schema(&Scan::whole(data_set, table));
    let types = schema.fields().iter().map(|field| field.data_type().to_string());
    table.columns().iter().zip(types).map(|(column, data_type)| (column.name, data_type, column.law)).collect()
}

fn as_text(data_set: &DataSet, table: Table) -> String {
    let expected = data_set.expected_rows(table);
    let rows = grouped(expected.rows.round() as u64);
    let rows = match expected.sd.round() as u64 {
        0 => format!("{rows} rows"),
        sd => format!("{rows} rows expected, standard deviation {}", grouped(sd)),
    };
    let mut text = format!("{}: {}\n  {rows}\n", table.name(), table.summary());
    for (name, data_type, law) in columns(data_set, table) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {name:<22} {data_type:<18} {law}");
    }
    text + "\n"
}

fn as_json(data_set: &DataSet, table: Table) -> Value {
    let expected = data_set.expected_rows(table);
    let columns: Vec<Value> = columns(data_set, table)
        .into_iter()
        .map(|(name, data_type, law)| json!({"name": name, "type": data_type, "nullable": false, "law": law}))
        .collect();
    json!({
        "summary": table.summary(),
        "expected_rows": expected.rows,
        "expected_rows_sd": expected.sd,
        "sorted_by": table.sort_columns(),
        "columns": columns,
    })
}
