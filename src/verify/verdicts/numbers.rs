//! Numbers as text, for the terminal and the report.

/// Returns `number` with commas between groups of three digits.
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

/// Returns `value` with at least four significant digits, and large values with commas.
pub fn significant(value: f64) -> String {
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

/// Returns a p-value as text, with three decimals or in scientific notation.
pub fn p_value(p: f64) -> String {
    match p {
        p if p < 1e-99 => "0".into(),
        p if p < 1e-3 => format!("{p:.0e}"),
        p => format!("{p:.3}"),
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
    fn values_have_four_significant_digits() {
        let shown = [0.0, 0.12345, 1.5, 22.0, 219.96, 4_103_344.9, -1_234.5].map(significant);
        assert_eq!(shown, ["0.0000", "0.1235", "1.500", "22.00", "220.0", "4,103,345", "-1,235"]);
        assert_eq!([0.5, 0.0012, 3.2e-7, 0.0].map(p_value), ["0.500", "0.001", "3e-7", "0"]);
    }
}
