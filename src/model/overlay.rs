//! A user's model file laid over the default one: keys that it names replace, all others stay.

use crate::error::{Error, Result};
use toml::{Table, Value};

/// The tables whose keys are names of the user's choice. Under all others, only the default model's keys exist.
const OPEN_TABLES: [&str; 5] = ["plans", "regions", "billing.status", "support.category", "support.priority"];

/// Lays `overlay` over `base`, refusing keys that `base` does not know and values of another kind.
pub fn lay_over(base: &mut Table, overlay: Table) -> Result<()> {
    merge(base, overlay, "")
}

fn merge(base: &mut Table, overlay: Table, path: &str) -> Result<()> {
    for (key, value) in overlay {
        let shown_key = key.escape_debug();
        let full = if path.is_empty() { shown_key.to_string() } else { format!("{path}.{shown_key}") };
        let is_new = !base.contains_key(&key);
        if is_new && !OPEN_TABLES.contains(&path) {
            let allowed: Vec<&str> = base.keys().map(String::as_str).collect();
            return Err(Error::Misuse(format!("unknown key `{full}`; allowed here: {}", allowed.join(", "))));
        }
        // A new entry has the shape of its neighbours.
        let Some(shape) = base.get(&key).or_else(|| base.values().next()).cloned() else { continue };
        match (shape, value) {
            (Value::Table(mut known), Value::Table(given)) => {
                if let Some(missing) = known.keys().find(|key| is_new && !given.contains_key(key.as_str())) {
                    return Err(Error::Misuse(format!(
                        "`{full}` is new and lacks the key `{missing}`; a new entry needs them all: {}",
                        known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                    )));
                }
                merge(&mut known, given, &full)?;
                base.insert(key, Value::Table(known));
            }
            (Value::Float(_), Value::Integer(whole)) => drop(base.insert(key, Value::Float(whole as f64))),
            (shape, value) if shape.same_type(&value) => drop(base.insert(key, value)),
            (shape, value) => {
                return Err(Error::Misuse(format!("`{full}` is {}; it must be {}", shown(&value), kind(&shape))));
            }
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".into(),
        Value::Array(_) => "a list".into(),
        other => format!("{other} ({})", kind(other)),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date such as 2023-07-01",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table of keys",
    }
}
