//! The HTML page: verdict, charts and the table of checks.

use super::chart::Chart;
use super::{billing, customers, support, usage};
use crate::error::Result;
use crate::tables::Table;
use crate::verify::verdicts::{Check, Verdict, Verification};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

/// An element that is in every report and in no other page.
pub const GENERATOR: &str = r#"<meta name="generator" content="saasgen verify">"#;

const STYLE: &str = include_str!("style.css");

/// Returns the report as an HTML page. `subject` names the data set.
///
/// The same data set always has the same report: it contains no time, and no path except in `subject`.
///
/// # Errors
/// Returns [`Error::Internal`](crate::error::Error::Internal) if a chart can't be drawn, which is a bug.
pub fn html(verification: &Verification, subject: &str) -> Result<String> {
    let sections = sections(verification)?;
    let failing: Vec<&Check> = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails).collect();
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "saasgen verify: " (if verification.holds { "holds" } else { "FAILS" }) }
                (PreEscaped(GENERATOR))
                // An empty icon, so that browsers do not request one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "saasgen verify" }
                p.verdict.(if verification.holds { "holds" } else { "fails" }) { (verification.summary()) }
                p { (subject) }
                p.soft {
                    "Verified against model " (verification.model) ", fingerprint " (verification.fingerprint) ". "
                    (verification.explanation().join(" "))
                }
                @if !failing.is_empty() {
                    h2 { "Failed checks" }
                    (table(failing.into_iter()))
                }
                @for (title, charts) in &sections {
                    @if !charts.is_empty() {
                        section {
                            h2 { (title) }
                            div.charts { @for chart in charts { (figure(chart)) } }
                        }
                    }
                }
                h2 { "All checks" }
                (table(verification.checks.iter()))
            }
        }
    };
    Ok(page.into_string())
}

fn sections(verification: &Verification) -> Result<Vec<(&'static str, Vec<Chart>)>> {
    let data = &verification.data;
    let is_read = |table: Table| data.read.tables.contains(&table);
    let mut sections = vec![("Number of rows", customers::row_counts(verification)?.into_iter().collect())];
    let activity = data.activity();
    if let Some((aggregates, survival)) = activity {
        sections.push(("Retention by plan", usage::retention(verification)?));
        sections.push((
            "Activity by cohort and day",
            vec![usage::cohorts(data, aggregates, survival)?, usage::rows_by_day(data, aggregates)?],
        ));
    }
    if is_read(Table::Customers) {
        sections.push(("Customers", customers::charts(data)?));
    }
    if let Some((aggregates, _)) = activity {
        sections.push(("Values of active days", usage::values(data, aggregates)?));
    }
    if is_read(Table::UsageDaily) {
        sections.push(("Missing logs", usage::losses(data)?.into_iter().collect()));
    }
    if is_read(Table::Billing) {
        sections.push(("Billing", billing::charts(data)?));
    }
    if is_read(Table::Support) {
        sections.push(("Support", support::charts(data)?));
    }
    Ok(sections)
}

fn figure(chart: &Chart) -> Markup {
    markup! {
        figure {
            figcaption {
                (chart.title)
                @if !chart.legend.is_empty() {
                    ul.legend {
                        @for key in &chart.legend {
                            li {
                                span.swatch.(key.class) style=(format!("opacity: {:.2}", key.opacity)) {}
                                (key.meaning)
                            }
                        }
                    }
                }
            }
            (PreEscaped(&chart.svg))
        }
    }
}

fn table<'a>(checks: impl Iterator<Item = &'a Check>) -> Markup {
    markup! {
        table {
            thead {
                tr {
                    th { "table" } th { "check" } th.figure { "expected" } th.figure { "observed" }
                    th.figure { "99 % interval" } th.figure { "p" } th { "verdict" }
                }
            }
            tbody { @for check in checks { (row(check)) } }
        }
    }
}

fn row(check: &Check) -> Markup {
    let [expected, observed, interval, p] = check.evidence.figures();
    let details = if check.verdict == Verdict::Holds { Vec::new() } else { check.evidence.details() };
    markup! {
        tr {
            td { (check.table) }
            td {
                (check.name)
                @if !details.is_empty() { ul { @for line in &details { li { (line) } } } }
            }
            td.figure data-label="expected" { (expected) }
            td.figure data-label="observed" { (observed) }
            td.figure data-label="99 % interval" { (interval) }
            td.figure data-label="p" { (p) }
            td.(class(check.verdict)) data-label="verdict" { (check.verdict) }
        }
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::NotRun => "not_run",
    }
}
