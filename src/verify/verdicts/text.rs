//! Evidence and verdicts as text, for the terminal and the report.

use super::numbers::{grouped, p_value, significant};
use super::verification::{Evidence, Verdict, Verification};
use crate::verify::statistics::Measured;
use std::fmt;

/// Explains the columns of the table of checks.
pub const EXPLANATION: &str =
    "Many checks are chi-square tests: observed is the statistic, and expected is its degrees of freedom.
99 of 100 correct data sets have a value in the 99 % interval. p is the probability that a
correct data set is at least as far from the expected value. A correct data set fails a check once
in a million runs.";

impl Evidence {
    /// Returns four columns of text: expected value, observed value, 99 % interval and p-value.
    pub fn figures(&self) -> [String; 4] {
        let none = String::new;
        match self {
            Self::Structure { violations, .. } => [none(), format!("{} wrong", grouped(*violations)), none(), none()],
            Self::Law(Measured { expected, observed, interval: [low, high], p }) => [
                significant(*expected),
                significant(*observed),
                format!("{} .. {}", significant(*low), significant(*high)),
                p_value(*p),
            ],
            Self::Exact { equal, changed, missing, .. } => {
                [grouped(equal + changed + missing), grouped(*equal), none(), none()]
            }
            Self::NotRun { .. } => [none(), none(), none(), none()],
        }
    }

    /// Returns further lines of text: the rows that violate a rule, the differences, or why the check was not run.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Structure { violations, examples } => {
                let more = violations.saturating_sub(examples.len() as u64);
                let more = (more > 0).then(|| format!("and {} more", grouped(more)));
                examples.iter().cloned().chain(more).collect()
            }
            Self::Law(_) => Vec::new(),
            Self::Exact { changed, missing, extra, first_difference, content_hash, stated_hash, .. } => {
                let counts = (changed + missing + extra > 0).then(|| {
                    let [changed, missing, extra] = [*changed, *missing, *extra].map(grouped);
                    format!("rows with other values: {changed}, missing: {missing}, extra: {extra}")
                });
                let first = first_difference.as_ref().map(|first| format!("first difference: {first}"));
                let hash = stated_hash.as_ref().filter(|stated| *stated != content_hash).map(|stated| {
                    format!("the manifest states the content hash {stated}, the model generates {content_hash}")
                });
                counts.into_iter().chain(first).chain(hash).collect()
            }
            Self::NotRun { reason } => vec![reason.clone()],
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::NotRun => "not run",
        })
    }
}

impl Verification {
    /// Returns the verdict on the data set as a sentence.
    pub fn summary(&self) -> String {
        let [holds, fails, not_run] =
            [Verdict::Holds, Verdict::Fails, Verdict::NotRun].map(|verdict| self.count(verdict));
        let not_run = if not_run > 0 { format!(", {not_run} could not be run") } else { String::new() };
        if self.holds {
            format!("The data set holds: {holds} checks hold, none fails{not_run}.")
        } else {
            {
                let verb = if fails == 1 { "fails" } else { "fail" };
                format!("The data set FAILS: {fails} of {} checks {verb}{not_run}.", holds + fails)
            }
        }
    }
}
