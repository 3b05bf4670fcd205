//! The value of every option that names a file or a folder.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The name of the value of an option that takes a folder.
const FOLDER: &str = "DIR";

/// Parses a path of this machine. Refuses URLs and `-`, which would name a folder `s3:` or a file `-`.
pub(in crate::cli) fn local_path() -> impl TypedValueParser<Value = PathBuf> {
    LocalPath
}

#[derive(Clone)]
struct LocalPath;

impl TypedValueParser for LocalPath {
    type Value = PathBuf;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<PathBuf, Error> {
        let is_folder = arg.and_then(Arg::get_value_names).is_some_and(|names| names.iter().any(|name| name == FOLDER));
        let example = if is_folder { "data/raw or /tmp/raw" } else { "a/file or /tmp/file" };
        let parse = move |text: OsString| match why_not_a_path(&text.to_string_lossy()) {
            Some(why) => Err(format!("{why}; it must be a path on this machine, such as {example}")),
            None => Ok(PathBuf::from(text)),
        };
        OsStringValueParser::new().try_map(parse).parse_ref(command, arg, value)
    }
}

fn why_not_a_path(text: &str) -> Option<String> {
    let is_scheme = |scheme: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_part)
    };
    match text.split_once("://") {
        _ if text.is_empty() => Some("the path is empty".into()),
        _ if text == "-" => Some("standard input and output can't be used here".into()),
        Some((scheme, _)) if is_scheme(scheme) => Some(format!("{scheme}:// URLs can't be used here")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_standard_streams_are_no_paths() {
        for refused in ["", "-", "s3://b/x", "file:///tmp/x", "abfs+x.y-1://b", "S3://"] {
            assert!(why_not_a_path(refused).is_some(), "{refused}");
        }
        for path in ["data/raw", "./-", "a:/b", "./s3://b", "1a://b", "://x", "-x"] {
            assert_eq!(why_not_a_path(path), None, "{path}");
        }
    }
}
