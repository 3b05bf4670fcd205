//! Options as environment variables: `SAASGEN_CUSTOMERS=5` stands for `--customers 5`.

use super::args::TOKEN;
use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};
use std::env;
use std::ffi::OsString;

/// The subcommands whose options are also variables. In the others, the same options have another meaning: the
/// certificate in `--tls-cert` is the server's in `serve`, and the client's in `pull` and `health`.
const SUBCOMMANDS: [&str; 2] = ["generate", "serve"];

/// The beginning of the name of every variable.
const PREFIX: &str = "SAASGEN_";

/// Lets the environment set every long option of [`SUBCOMMANDS`]. The command line has precedence. Help shows the names
/// of the variables and never their values, which may be secret.
pub(super) fn with_variables(command: Command) -> Command {
    map_args(command, with_variable)
}

/// Applies `map` to every option of [`SUBCOMMANDS`].
fn map_args(command: Command, map: impl Fn(Arg) -> Arg) -> Command {
    SUBCOMMANDS
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |subcommand| subcommand.mut_args(&map)))
}

fn with_variable(arg: Arg) -> Arg {
    let Some(name) = arg.get_long().map(variable) else { return arg };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let arg = if is_flag { arg.value_parser(BoolishValueParser::new()) } else { arg };
    // clap takes a flag as given if its variable is set, even to "false". Then the flag would conflict with others.
    let parse = |value: OsString| BoolishValueParser::new().parse(&Command::default(), None, value);
    let is_off = is_flag && value_of(&name).is_some_and(|value| parse(value).is_ok_and(|is_on| !is_on));
    if env::var_os(&name).is_some() && (value_of(&name).is_none() || is_off) {
        return arg;
    }
    arg.env(name).hide_env_values(true)
}

/// Returns the name of an option's variable.
fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('-', "_").to_uppercase())
}

/// Returns the value of a variable. An empty one counts as not set.
fn value_of(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// Returns a warning for each variable that sets no option and has nearly the name of one that does, if `subcommand` of
/// `command` takes variables.
pub(super) fn warnings(command: &Command, subcommand: &str) -> Vec<String> {
    if !SUBCOMMANDS.contains(&subcommand) {
        return Vec::new();
    }
    let mut names: Vec<String> = env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    names.retain(|name| value_of(name).is_some());
    names.sort();
    let warning = |name: String| {
        let known = similar(command, subcommand, &name)?;
        Some(format!("the environment variable {name} sets no option; did you mean {known}?"))
    };
    names.into_iter().filter_map(warning).collect()
}

/// Returns the variable whose name is most like `name`, or `None` if `name` is a variable itself or like none.
fn similar(command: &Command, subcommand: &str, name: &str) -> Option<String> {
    let option = name.strip_prefix(PREFIX)?;
    // Kubernetes sets variables such as SAASGEN_PORT and SAASGEN_SERVICE_HOST for services named saasgen.
    let is_of_kubernetes = option.split('_').any(|word| ["PORT", "SERVICE"].contains(&word));
    let mut options =
        SUBCOMMANDS.iter().filter_map(|name| command.find_subcommand(name)).flat_map(Command::get_arguments);
    let is_known = options.any(|arg| arg.get_long().is_some_and(|option| variable(option) == name));
    if is_of_kubernetes || is_known || name == TOKEN {
        return None;
    }
    // clap's own search for an option that is similar to a mistyped one.
    let mistyped = format!("--{}", option.to_lowercase().replace('_', "-"));
    let error = command.clone().try_get_matches_from([env!("CARGO_PKG_NAME"), subcommand, &mistyped]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(option) => Some(variable(option.strip_prefix("--")?)),
        _ => None,
    }
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
    let with_others = |arg: Arg| if arg.get_long() == Some(option) { arg } else { with_variable(arg) };
    let command = map_args(command.clone(), with_others);
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
