//! The page that holds the charts and the verdicts.

use super::chart::Chart;
use super::{customers, events, usage};
use crate::error::Result;
use crate::tables::Table;
use crate::verify::checks::{Check, Verdict, Verification};
use crate::verify::figures::EXPLANATION;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

/// Stands in every report, and in no other page.
pub const GENERATOR: &str = r#"<meta name="generator" content="saasgen verify">"#;

const STYLE: &str = include_str!("style.css");

/// Writes the report of what was found in `subject`.
///
/// The text is the same for the same data set: it holds no time and no path but the subject's.
///
/// # Errors
/// [`Error::Internal`](crate::error::Error::Internal) where a chart can't be drawn, which is a fault of this program.
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
                // An icon of its own, so that no browser asks for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "saasgen verify" }
                p.verdict.(if verification.holds { "holds" } else { "fails" }) { (verification.summary()) }
                p { (subject) }
                p.soft {
                    "Held against model " (verification.model) ", fingerprint " (verification.fingerprint) ". Of right data sets, "
                    (format!("{:e}", verification.error_rate)) " fail any law (Holm); intervals hold 99 of 100. " (EXPLANATION)
                }
                @if !failing.is_empty() {
                    h2 { "What fails" }
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
                h2 { "Every check" }
                (table(verification.checks.iter()))
            }
        }
    };
    Ok(page.into_string())
}

fn sections(verification: &Verification) -> Result<Vec<(&'static str, Vec<Chart>)>> {
    let material = &verification.material;
    let is_read = |table: Table| material.read.tables.contains(&table);
    let mut sections = vec![("Sizes", customers::sizes(verification)?.into_iter().collect())];
    let activity = material.activity();
    if let Some((tally, survival)) = activity {
        sections.push(("Retention by plan", usage::retention(verification)?));
        sections.push((
            "Cohorts and days",
            vec![usage::cohorts(material, tally, survival)?, usage::rows_by_day(material, tally)?],
        ));
    }
    if is_read(Table::Customers) {
        sections.push(("Customers", customers::charts(material)?));
    }
    if let Some((tally, _)) = activity {
        sections.push(("What customers do on an active day", usage::values(material, tally)?));
    }
    if is_read(Table::UsageDaily) {
        sections.push(("Missing logs", usage::losses(material)?.into_iter().collect()));
    }
    if is_read(Table::Billing) {
        sections.push(("Billing", events::billing(material)?));
    }
    if is_read(Table::Support) {
        sections.push(("Support", events::support(material)?));
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
                            li { span.swatch.(key.class) style=(format!("opacity: {:.2}", key.opacity)) {} (key.meaning) }
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
    let details = check.evidence.details();
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
