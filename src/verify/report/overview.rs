//! The beginning of the report: what the data set is.

use super::model_report::CustomerGroups;
use crate::models::{Identity, date_of};
use crate::verify::origin::Origin;
use crate::verify::verdicts::{Verification, grouped};
use maud::{Markup, html};

/// Returns the identity of the data set, its tables, and its customers by group.
pub fn overview(verification: &Verification, origin: &Origin, customers: Option<&CustomerGroups>) -> Markup {
    html! {
        dl {
            @for (name, value) in facts(verification, origin) {
                div { dt { (name) } dd { (value) } }
            }
        }
        div.overview {
            (extents(verification))
            @if let Some(customers) = customers { (groups(customers)) }
        }
    }
}

fn facts(verification: &Verification, origin: &Origin) -> Vec<(&'static str, String)> {
    let mut facts = vec![("place", origin.place.clone())];
    let model = format!("{}, fingerprint {}", verification.model, verification.fingerprint);
    match &origin.identity {
        Some(Identity { program, version, seed, customers, window, .. }) => facts.extend([
            ("customers", grouped(*customers)),
            ("dates", format!("{} to {}", window.first, window.last)),
            ("model", model),
            ("seed", seed.to_string()),
            ("written by", format!("{program} {version}")),
        ]),
        None => facts.extend([
            ("customers", grouped(verification.customers)),
            ("written by", "unknown, because there is no manifest of saasgen".to_string()),
            ("compared with", format!("model {model}")),
        ]),
    }
    facts.push(("verified by", format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))));
    if let Some((label, files)) = origin.skipped_files() {
        facts.push((label, files));
    }
    facts
}

/// Returns the rows and the dates of each table.
fn extents(verification: &Verification) -> Markup {
    let date = |day: Option<_>| day.map(|day| date_of(day).to_string()).unwrap_or_default();
    html! {
        table.compact {
            thead { tr { th { "table" } th.figure { "rows" } th { "first" } th { "last" } } }
            tbody {
                @for (name, extent) in &verification.tables {
                    tr {
                        td { (name) }
                        td.figure { (grouped(extent.rows)) }
                        td.date { (date(extent.first)) }
                        td.date { (date(extent.last)) }
                    }
                }
            }
        }
    }
}

fn groups(customers: &CustomerGroups) -> Markup {
    let all = customers.groups.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    html! {
        table.compact {
            thead { tr { th { (customers.property) } th.figure { "customers" } th.figure { "share" } } }
            tbody {
                @for (name, count) in &customers.groups {
                    tr {
                        td { (name) }
                        td.figure { (grouped(*count)) }
                        td.figure { (format!("{:.2} %", *count as f64 / all * 100.0)) }
                    }
                }
            }
        }
    }
}
