//! Options as environment variables: `SAASGEN_CUSTOMERS=5` stands for `--customers 5`.

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};
use std::env;
use std::ffi::OsString;

/// The subcommands whose options are also variables. In the others, the same options have another meaning: the
/// certificate in `--tls-cert` is the server's in `serve`, and the client's in `pull` and `health`.
const SUBCOMMANDS: [&str; 2] = ["generate", "serve"];

const FALSE: [&str; 6] = ["0", "n", "no", "f", "false", "off"];

/// Lets the environment set every long option of [`SUBCOMMANDS`]. The command line has precedence. Help shows the names
/// of the variables and never their values, which may be secret.
pub(super) fn with_variables(command: Command) -> Command {
    SUBCOMMANDS
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |subcommand| subcommand.mut_args(with_variable)))
}

fn with_variable(arg: Arg) -> Arg {
    let Some(name) = arg.get_long().map(variable) else { return arg };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let arg = if is_flag { arg.value_parser(BoolishValueParser::new()) } else { arg };
    // clap takes a flag as given if its variable is set, even to "false". Then the flag would conflict with others.
    let is_off = value_of(&name).is_some_and(|value| FALSE.contains(&value.to_string_lossy().to_lowercase().as_str()));
    if env::var_os(&name).is_some() && (value_of(&name).is_none() || is_flag && is_off) {
        return arg;
    }
    arg.env(name).hide_env_values(true)
}

/// Returns the name of an option's variable.
fn variable(option: &str) -> String {
    format!("SAASGEN_{}", option.replace('-', "_").to_uppercase())
}

/// Returns the value of a variable. An empty one counts as not set.
fn value_of(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// Adds to an error of `command` which of its options come from the environment, because the user does not see them on
/// the command line `arguments`.
pub(super) fn with_origin(mut error: Error, arguments: &[OsString], command: &Command) -> Error {
    let has_variables = arguments.get(1).is_some_and(|name| SUBCOMMANDS.iter().any(|known| name == known));
    let named = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    });
    let mut options: Vec<&str> =
        named.iter().flatten().filter_map(|text| text.strip_prefix("--")?.split([' ', '=']).next()).collect();
    if error.kind() == ErrorKind::MissingRequiredArgument {
        // The error names only the options that are missing, and not the one that needs them.
        let subcommand = arguments.get(1).and_then(|name| command.find_subcommand(name));
        let all = subcommand.into_iter().flat_map(Command::get_arguments).filter_map(Arg::get_long);
        options = all.filter(|option| is_set(option) && needs_missing(&error, option, arguments, command)).collect();
    }
    let tips = options.into_iter().filter(|option| has_variables && is_set(option) && !is_given(option, arguments));
    let tips = tips.map(|option| format!("the environment variable {} sets --{option}", variable(option)).into());
    let tips: Vec<_> = tips.collect();
    if !tips.is_empty() {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

fn is_set(option: &str) -> bool {
    value_of(&variable(option)).is_some()
}

/// Returns whether `option` needs an option that is missing: without its variable, the error is another one, or none.
fn needs_missing(error: &Error, option: &str, arguments: &[OsString], command: &Command) -> bool {
    let without = |arg: Arg| if arg.get_long() == Some(option) { arg.env(None::<&str>) } else { arg };
    let command = SUBCOMMANDS.into_iter().fold(with_variables(command.clone()), |command, name| {
        command.mut_subcommand(name, |subcommand| subcommand.mut_args(without))
    });
    let other = command.try_get_matches_from(arguments).err();
    other.is_none_or(|other| other.get(ContextKind::InvalidArg) != error.get(ContextKind::InvalidArg))
}

fn is_given(option: &str, arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .filter_map(|argument| argument.to_str()?.strip_prefix("--"))
        .any(|given| given.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_long_option_of_generate_and_serve_has_a_variable_of_its_own() {
        let command = with_variables(Cli::command());
        for name in SUBCOMMANDS {
            let subcommand = command.find_subcommand(name).unwrap();
            let options: Vec<&Arg> = subcommand.get_arguments().filter(|arg| arg.get_long().is_some()).collect();
            assert!(options.len() >= 8, "{name}");
            for option in options {
                let long = option.get_long().unwrap();
                let variable = option.get_env().unwrap().to_str().unwrap();
                assert_eq!(variable, format!("SAASGEN_{}", long.replace('-', "_").to_uppercase()));
                assert!(option.is_hide_env_values_set(), "{long}");
                // A Kubernetes service named saasgen sets SAASGEN_PORT and others in every container.
                assert!(long != "port" && !long.starts_with("port-") && !long.starts_with("service-"), "{long}");
            }
        }
        for other in ["pull", "verify", "describe", "health"] {
            let subcommand = command.find_subcommand(other).unwrap();
            assert!(subcommand.get_arguments().all(|arg| arg.get_env().is_none()), "{other}");
        }
    }

    #[test]
    fn an_option_is_given_as_one_argument_or_two() {
        let arguments = ["saasgen", "serve", "--max-streams=3", "--seed", "4", "--", "x"].map(OsString::from);
        for (option, expected) in [("max-streams", true), ("seed", true), ("max", false), ("x", false)] {
            assert_eq!(is_given(option, &arguments), expected, "{option}");
        }
    }
}
