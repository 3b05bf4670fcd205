//! The value of every option that names a file or a folder.

use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::OsString;
use std::path::PathBuf;

/// Parses a path of this machine. Refuses URLs and `-`, which would name a folder `s3:` or a file `-`.
pub(in crate::cli) fn local_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text: OsString| match why_not_a_path(&text.to_string_lossy()) {
        Some(why) => Err(format!("{why}; it must be a path on this machine, such as data/raw or /tmp/a.toml")),
        None => Ok(PathBuf::from(text)),
    })
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
