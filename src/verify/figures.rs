//! Figures as people read them, in the terminal and in the report.

use super::checks::{Evidence, Verdict, Verification};
use super::statistics::Measured;
use std::fmt;

/// How to read the figures of laws.
pub const EXPLANATION: &str =
    "Laws without a figure of their own show a chi-square statistic; its degrees of freedom are expected.";

/// `number` with a comma before every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with four significant digits or more, grouped where it is large.
pub(super) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1_000.0 => {
            let sign = if value < 0.0 { "-" } else { "" };
            return format!("{sign}{}", grouped(size.round() as u64));
        }
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A p-value to two digits.
pub(super) fn p_value(p: f64) -> String {
    match p {
        p if p < 1e-99 => "0".into(),
        p if p < 1e-3 => format!("{p:.0e}"),
        p => format!("{p:.3}"),
    }
}

impl Evidence {
    /// What was expected, what was observed, where it lies in 99 of 100 right data sets, and the p-value.
    pub fn figures(&self) -> [String; 4] {
        let none = String::new;
        match self {
            Self::Structure { violations, .. } => [none(), format!("{} wrong", grouped(*violations)), none(), none()],
            Self::Law(Measured { expected, observed, interval: [low, high], p }) => {
                [figure(*expected), figure(*observed), format!("{} .. {}", figure(*low), figure(*high)), p_value(*p)]
            }
            Self::Exact { equal, changed, missing, .. } => {
                [grouped(equal + changed + missing), grouped(*equal), none(), none()]
            }
            Self::NotRun { .. } => [none(), none(), none(), none()],
        }
    }

    /// What else there is to say, line by line.
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
                    format!("{changed} rows with other values, {missing} missing, {extra} that should not be there")
                });
                let first = first_difference.as_ref().map(|first| format!("first: {first}"));
                let hash = stated_hash
                    .as_ref()
                    .filter(|stated| *stated != content_hash)
                    .map(|stated| format!("the manifest states content hash {stated}; the model gives {content_hash}"));
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
    /// The verdict in a sentence.
    pub fn summary(&self) -> String {
        let [holds, fails, not_run] =
            [Verdict::Holds, Verdict::Fails, Verdict::NotRun].map(|verdict| self.count(verdict));
        let not_run = if not_run > 0 { format!(", {not_run} could not be run") } else { String::new() };
        if self.holds {
            format!("The data set holds: {holds} checks hold, none fails{not_run}.")
        } else {
            format!("The data set FAILS: {fails} of {} checks fail{not_run}.", holds + fails)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(grouped), ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn figures_have_four_digits() {
        let shown = [0.0, 0.12345, 1.5, 22.0, 219.96, 4_103_344.9, -1_234.5].map(figure);
        assert_eq!(shown, ["0.0000", "0.1235", "1.500", "22.00", "220.0", "4,103,345", "-1,235"]);
        assert_eq!([0.5, 0.0012, 3.2e-7, 0.0].map(p_value), ["0.500", "0.001", "3e-7", "0"]);
    }
}
