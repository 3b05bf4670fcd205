//! Names of the files in an output folder.

use crate::models::table_names;
use crate::scan::Part;

/// The name of the manifest. The manifest of a part has the part in its name: `manifest-part-00003-of-00016.json`.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The extension of table files.
const EXTENSION: &str = ".parquet";

/// Returns the name of a table's file: `TABLE.parquet`, or `TABLE/part-00003-of-00016.parquet` for a part.
pub(super) fn table_file(table: &str, part: Option<Part>) -> String {
    match part {
        None => format!("{table}{EXTENSION}"),
        Some(part) => format!("{table}/{part}{EXTENSION}"),
    }
}

/// Returns the name of the manifest: `manifest.json`, or `manifest-part-00003-of-00016.json` for a part.
pub(super) fn manifest_file(part: Option<Part>) -> String {
    match (part, MANIFEST_FILE.split_once('.')) {
        (Some(part), Some((stem, extension))) => format!("{stem}-{part}.{extension}"),
        _ => MANIFEST_FILE.to_string(),
    }
}

/// Returns the name of the journal of a commit: `commit`, or `commit-part-00003-of-00016` for a part.
pub(super) fn journal_file(part: Option<Part>) -> String {
    part.map_or_else(|| "commit".to_string(), |part| format!("commit-{part}"))
}

/// Returns the part in the name of a part's manifest, or `None` if `file` is no such name.
pub(super) fn part_of_manifest(file: &str) -> Option<Part> {
    let (stem, extension) = MANIFEST_FILE.split_once('.')?;
    let part = parse_part(file.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?.strip_suffix('.')?)?;
    (manifest_file(Some(part)) == file).then_some(part)
}

/// Returns the part in the name of a file in a table's folder, or `None` if `file` is no such name.
pub(super) fn part_of_table_file(file: &str) -> Option<Part> {
    let stem = file.strip_suffix(EXTENSION)?;
    parse_part(stem).filter(|part| part.to_string() == stem)
}

/// Returns the part in the name of a journal, `Some(None)` for the journal of a whole data set, or `None` if `file` is
/// not the name of a journal.
pub(super) fn part_of_journal(file: &str) -> Option<Option<Part>> {
    let part = match file.strip_prefix("commit-") {
        Some(part) => Some(parse_part(part)?),
        None => None,
    };
    (journal_file(part) == file).then_some(part)
}

/// Returns whether `file`, a path relative to the output folder, is a name that this program gives to a table or a
/// manifest.
pub(super) fn is_output_file(file: &str) -> bool {
    match file.split_once('/') {
        Some((folder, file)) => is_table(folder) && part_of_table_file(file).is_some(),
        None => {
            file == MANIFEST_FILE
                || part_of_manifest(file).is_some()
                || file.strip_suffix(EXTENSION).is_some_and(is_table)
        }
    }
}

fn is_table(name: &str) -> bool {
    table_names().contains(&name)
}

fn parse_part(text: &str) -> Option<Part> {
    let (part, parts) = text.strip_prefix("part-")?.split_once("-of-")?;
    Part::new(part.parse().ok()?, parts.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_3_of_16() -> Part {
        Part::new(3, 16).unwrap()
    }

    #[test]
    fn names_contain_the_part_and_parse_back() {
        let part = part_3_of_16();
        assert_eq!(table_file("usage_daily", None), "usage_daily.parquet");
        assert_eq!(table_file("usage_daily", Some(part)), "usage_daily/part-00003-of-00016.parquet");
        assert_eq!(manifest_file(None), "manifest.json");
        assert_eq!(manifest_file(Some(part)), "manifest-part-00003-of-00016.json");
        assert_eq!(part_of_manifest("manifest-part-00003-of-00016.json"), Some(part));
        assert_eq!(part_of_table_file("part-00003-of-00016.parquet"), Some(part));
        for journal in [None, Some(part)] {
            assert_eq!(part_of_journal(&journal_file(journal)), Some(journal));
        }
    }

    #[test]
    fn other_names_have_no_part() {
        for name in ["manifest.json", "manifest-part-3-of-16.json", "manifest-part-00017-of-00016.json", "part-0.json"]
        {
            assert_eq!(part_of_manifest(name), None, "{name}");
        }
        for name in ["part-0.parquet", "part-3-of-16.parquet", "part-00003-of-00016.parquet.inprogress"] {
            assert_eq!(part_of_table_file(name), None, "{name}");
        }
        assert_eq!(part_of_journal("commit-part-3-of-16"), None);
    }

    #[test]
    fn output_files_are_told_from_files_of_other_writers() {
        for part in [None, Some(part_3_of_16())] {
            assert!(is_output_file(&table_file("usage_daily", part)) && is_output_file(&manifest_file(part)));
        }
        for other in ["notes", "notes.parquet", "usage_daily", "usage_daily/part-0.parquet", "usage_daily/../a.parquet"]
        {
            assert!(!is_output_file(other), "{other}");
        }
    }
}
