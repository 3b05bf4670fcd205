//! Whole numbers as people write them: `5000`, `1_000_000`, `1e6`, `1.5M`.

/// Parses a whole number: digits with `_` between them, and optionally a fraction and a power of ten. The power is an
/// exponent, such as `e6`, or a unit in either case: `k` is 10^3, `M` 10^6, `G` and `B` 10^9, `T` 10^12.
///
/// Returns `None` if `text` has another form, or if its value is not exactly a whole number below 2^64.
pub fn parse_whole_number(text: &str) -> Option<u64> {
    let (number, power) = split_power(text)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_grouped = whole.bytes().all(|byte| is_digit(byte) || byte == b'_') && !whole.ends_with('_');
    if !whole.starts_with(|first: char| first.is_ascii_digit()) || !is_grouped {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(is_digit) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let zeros = power.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let digits: u64 = (whole.replace('_', "") + fraction).parse().ok()?;
    digits.checked_mul(10_u64.checked_pow(zeros)?)
}

/// Splits off the exponent or the unit, and returns it as a power of ten.
fn split_power(text: &str) -> Option<(&str, u32)> {
    if let Some((number, exponent)) = text.split_once(['e', 'E']) {
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        let is_number = exponent.bytes().all(|byte| byte.is_ascii_digit());
        return Some((number, exponent.parse().ok().filter(|_| is_number)?));
    }
    let power = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => 3,
        b'm' => 6,
        b'g' | b'b' => 9,
        b't' => 12,
        _ => return Some((text, 0)),
    };
    Some((&text[..text.len() - 1], power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_forms_that_people_write() {
        for (text, value) in [
            ("0", 0),
            ("007", 7),
            ("1_000_000", 1_000_000),
            ("1e6", 1_000_000),
            ("1E+06", 1_000_000),
            ("2.50e2", 250),
            ("10k", 10_000),
            ("10K", 10_000),
            ("1.5M", 1_500_000),
            ("1m", 1_000_000),
            ("2G", 2_000_000_000),
            ("2B", 2_000_000_000),
            ("1T", 1_000_000_000_000),
            ("5000.0", 5_000),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551.615k", u64::MAX),
        ] {
            assert_eq!(parse_whole_number(text), Some(value), "{text}");
        }
    }

    #[test]
    fn other_texts_and_values_are_refused() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "x",
            "k",
            "_1",
            "1_",
            "1,000",
            "1 000",
            " 1",
            "0x10",
            ".5k",
            "1.k",
            "1._5k",
            "1.2345k",
            "1e",
            "1e-3",
            "1e++3",
            "1e6k",
            "1Mk",
            "1Ki",
            "1kB",
            "1e20",
            "1e4294967296",
            "18446744073709551616",
            "18446744073709552k",
            "1é",
            "١",
        ] {
            assert_eq!(parse_whole_number(text), None, "{text}");
        }
    }
}
