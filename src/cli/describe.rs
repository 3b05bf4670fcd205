//! `saasgen describe`: prints the tables and the model.

use super::args::{DataSetArgs, table_name};
use super::stdout::{print, print_json};
use super::terminal::{columns as terminal_columns, wrapped};
use crate::batches::schema;
use crate::error::Result;
use crate::models::{Bounds, Column, ColumnSpec, DataSet, Identity, Kind, Table, date_of};
use crate::parquet_files::expected_bytes;
use crate::scan::Scan;
use crate::verify::grouped;
use clap::Args;
use serde_json::{Value, json};

/// The least width of the laws beside the types. If less is left, each law stands below its column.
const MIN_LAW_WIDTH: usize = 30;

/// Print the tables (columns, types, laws, expected rows and bytes) and the model
///
/// The bytes are those of a Parquet file with the default compression. They are within 1 % of what `generate` writes
/// for the expected rows, and exact for tables of up to 100,000 rows.
///
/// The model is printed as TOML. To change it, copy the keys to change to a file, and pass the file with --model.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen describe
  saasgen describe customers --customers 1000000
  saasgen describe --json")]
pub(super) struct Describe {
    /// Table to print [default: all tables and the model]
    #[arg(value_parser = table_name)]
    table: Option<String>,

    /// Print JSON, which also has the keys and the allowed values of columns
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data_set: DataSetArgs,
}

impl Describe {
    pub fn run(self) -> Result<()> {
        let data_set = self.data_set.load()?;
        let tables: Vec<Table> = match &self.table {
            Some(name) => vec![data_set.model().table(name)?],
            None => data_set.model().tables().into(),
        };
        if self.json {
            let mut described = serde_json::Map::new();
            for table in tables {
                described.insert(table.name().to_string(), as_json(&data_set, table)?);
            }
            return print_json(&json!({
                "identity": Identity::of(&data_set),
                "tables": described,
                "model": data_set.model().parameters(),
            }));
        }
        // In a file or a pipe, a line stays whole, so that it can be searched.
        let width = terminal_columns(std::io::stdout()).unwrap_or(usize::MAX);
        let mut text = String::new();
        for table in tables {
            text += &as_text(&data_set, table, width)?;
        }
        if self.table.is_none() {
            let model = data_set.model();
            text += &format!("Model, fingerprint {}\n\n{}", model.fingerprint(), model.to_toml());
        }
        print(&text)
    }
}

/// Returns each column with its Arrow type.
fn columns(data_set: &DataSet, table: Table) -> Vec<(&'static ColumnSpec, String)> {
    let schema = schema(&Scan::whole(data_set, table));
    let types = schema.fields().iter().map(|field| field.data_type().to_string());
    table.columns().iter().zip(types).collect()
}

fn as_text(data_set: &DataSet, table: Table, width: usize) -> Result<String> {
    let expected = data_set.expected_rows(table);
    let rows = grouped(expected.rows.round() as u64);
    let rows = match expected.sd.round() as u64 {
        0 => format!("{rows} rows"),
        sd => format!("{rows} rows expected, standard deviation {}", grouped(sd)),
    };
    let bytes = grouped(expected_bytes(data_set, table)?.round() as u64);
    let mut keys = format!("key {}", table.primary_key().join(", "));
    for key in table.foreign_keys() {
        keys += &format!("; {} refers to {}", key.column, key.table.name());
    }
    let mut lines = vec![wrapped(&format!("{}: {}", table.name(), table.summary()), width, 0)];
    for line in [rows, format!("about {bytes} bytes as Parquet"), keys] {
        lines.push(wrapped(&format!("  {line}"), width, 2));
    }
    let columns = columns(data_set, table);
    let names = columns.iter().map(|(column, _)| column.name.len()).max().unwrap_or(0);
    let types = columns.iter().map(|(_, data_type)| data_type.len()).max().unwrap_or(0);
    for (column, data_type) in columns {
        let start = format!("  {:<names$} {data_type:<types$} ", column.name);
        if start.len() + MIN_LAW_WIDTH <= width {
            lines.push(wrapped(&(start.clone() + column.law), width, start.len()));
        } else {
            lines.push(start.trim_end().to_string());
            lines.push(wrapped(&format!("    {}", column.law), width, 4));
        }
    }
    Ok(lines.join("\n") + "\n\n")
}

fn as_json(data_set: &DataSet, table: Table) -> Result<Value> {
    let expected = data_set.expected_rows(table);
    let columns = columns(data_set, table).into_iter().enumerate().map(|(index, (column, data_type))| {
        let mut json = json!({"name": column.name, "type": data_type, "nullable": false, "law": column.law});
        for (key, value) in allowed_values(data_set, table, index) {
            json[key] = value;
        }
        json
    });
    let foreign_keys = table
        .foreign_keys()
        .iter()
        .map(|key| json!({"column": key.column, "references": {"table": key.table.name(), "column": key.references}}));
    Ok(json!({
        "summary": table.summary(),
        "expected_rows": expected.rows,
        "expected_rows_sd": expected.sd,
        "expected_bytes": expected_bytes(data_set, table)?.round(),
        "primary_key": table.primary_key(),
        "foreign_keys": foreign_keys.collect::<Vec<_>>(),
        "sorted_by": table.sort_columns(),
        "date_column": table.date_column(),
        "columns": columns.collect::<Vec<_>>(),
    }))
}

/// Returns the `values` that a column can have, or its `minimum` and `maximum`.
fn allowed_values(data_set: &DataSet, table: Table, index: usize) -> Vec<(&'static str, Value)> {
    let Bounds { ends, values, .. } = data_set.bounds(table, index);
    match (table.columns()[index].kind, values, ends) {
        (Kind::Text(names), ..) => vec![("values", json!(data_set.model().names(names)))],
        (_, Some(values), _) | (_, None, values @ Column::Boolean(_)) => vec![("values", numbers(values).into())],
        (_, None, ends) => ["minimum", "maximum"].into_iter().zip(numbers(ends)).collect(),
    }
}

/// Returns the values of a column without names.
fn numbers(column: Column) -> Vec<Value> {
    let money = |cents: i128| json!(format!("{}.{:02}", cents / 100, cents % 100));
    match column {
        Column::Int64(values) => values.into_iter().map(Value::from).collect(),
        Column::Int32(values) => values.into_iter().map(Value::from).collect(),
        Column::Float64(values) => values.into_iter().map(Value::from).collect(),
        Column::Boolean(values) => values.into_iter().map(Value::from).collect(),
        Column::Date(days) => days.into_iter().map(|day| json!(date_of(day).to_string())).collect(),
        Column::Money(amounts) => amounts.into_iter().map(money).collect(),
        Column::Text(_) => Vec::new(),
    }
}
