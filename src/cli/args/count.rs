//! The value of every option that counts something.

use crate::scan::parse_whole_number;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use std::ops::RangeInclusive;

/// Parses a whole number in `range`, in the forms of [`parse_whole_number`].
pub(in crate::cli) fn count(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = u64> {
    StringValueParser::new().try_map(move |text| {
        parse_whole_number(&text).filter(|number| range.contains(number)).ok_or_else(|| must_be(&range))
    })
}

/// Lets every option of the subcommands of `command` take a negative number as its value, so that it can say which numbers
/// are allowed. By default, clap takes `-1` for another option.
pub(in crate::cli) fn with_negative_numbers(command: Command) -> Command {
    let allow = |arg: Arg| {
        let is_option = arg.get_long().is_some() && arg.get_action().takes_values();
        if is_option { arg.allow_negative_numbers(true) } else { arg }
    };
    command.mut_subcommands(|subcommand| subcommand.mut_args(allow))
}

fn must_be(range: &RangeInclusive<u64>) -> String {
    let last = match *range.end() {
        u64::MAX => format!("{} (2^64-1)", u64::MAX),
        last => last.to_string(),
    };
    let examples = if *range.end() < 1_000_000 { "" } else { ", such as 5000, 1_000_000, 1e6 or 1M" };
    format!("it must be a whole number from {} to {last}{examples}", range.start())
}
