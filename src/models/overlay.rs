//! Overlays: a model file of a user replaces keys of the default model, and keeps all others.

use crate::error::{Error, Result};
use toml::value::Datetime;
use toml::{Table, Value};

/// Replaces the keys of `base` that `overlay` has. `open_tables` are the tables to which `overlay` can add keys.
///
/// # Errors
/// Returns [`Error::Misuse`] if `overlay` has a key that `base` doesn't have, or a value of another type.
pub fn apply(base: &mut Table, overlay: Table, open_tables: &[&str]) -> Result<()> {
    merge(base, overlay, "", open_tables)
}

fn merge(base: &mut Table, overlay: Table, path: &str, open_tables: &[&str]) -> Result<()> {
    for (key, value) in overlay {
        let shown_key = key.escape_debug();
        let full = if path.is_empty() { shown_key.to_string() } else { format!("{path}.{shown_key}") };
        let is_new = !base.contains_key(&key);
        if is_new && !open_tables.contains(&path) {
            let allowed: Vec<&str> = base.keys().map(String::as_str).collect();
            return Err(Error::Misuse(format!("unknown key `{full}`; the keys here are {}", allowed.join(", "))));
        }
        // A new entry has the type of its siblings.
        let Some(expected) = base.get(&key).or_else(|| base.values().next()).cloned() else { continue };
        match (expected, value) {
            (Value::Table(mut known), Value::Table(given)) => {
                if let Some(missing) = known.keys().find(|key| is_new && !given.contains_key(key.as_str())) {
                    return Err(Error::Misuse(format!(
                        "the new entry `{full}` lacks the key `{missing}`; it must have all of the keys {}",
                        known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                    )));
                }
                merge(&mut known, given, &full, open_tables)?;
                base.insert(key, Value::Table(known));
            }
            (Value::Float(_), Value::Integer(whole)) => drop(base.insert(key, Value::Float(whole as f64))),
            // JSON has no dates.
            (Value::Datetime(_), Value::String(text)) if text.parse::<Datetime>().is_ok() => {
                base.extend(text.parse().ok().map(|date| (key, Value::Datetime(date))));
            }
            (expected, value) if expected.same_type(&value) => drop(base.insert(key, value)),
            (expected, value) => {
                return Err(Error::Misuse(format!("`{full}` is {}; it must be {}", shown(&value), kind(&expected))));
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
        Value::Datetime(_) => "a date, for example 2023-07-01",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
