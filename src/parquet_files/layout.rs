//! What the files of a folder are called.

use super::manifest::MANIFEST_FILE;
use crate::scan::Part;
use crate::tables::Table;

/// The extension of tables' files.
const EXTENSION: &str = ".parquet";

/// A table's file in a folder: `TABLE.parquet`, or `TABLE/part-00003-of-00016.parquet` of a part.
pub(super) fn table_file(table: Table, part: Option<Part>) -> String {
    match part {
        None => format!("{}{EXTENSION}", table.name()),
        Some(part) => format!("{}/{part}{EXTENSION}", table.name()),
    }
}

/// The manifest's file: `manifest.json`, or `manifest-part-00003-of-00016.json` of a part.
pub(super) fn manifest_file(part: Option<Part>) -> String {
    match (part, MANIFEST_FILE.split_once('.')) {
        (Some(part), Some((stem, extension))) => format!("{stem}-{part}.{extension}"),
        _ => MANIFEST_FILE.to_string(),
    }
}

/// The part that a manifest's file name says it is of; `None` where it is the name of no part's manifest.
pub(super) fn part_of_manifest(file: &str) -> Option<Part> {
    let (stem, extension) = MANIFEST_FILE.split_once('.')?;
    let part = part_of(file.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?.strip_suffix('.')?)?;
    (manifest_file(Some(part)) == file).then_some(part)
}

/// The part that a file in a table's folder says it is of; `None` where it is the name of no part.
pub(super) fn part_of_table(file: &str) -> Option<Part> {
    let stem = file.strip_suffix(EXTENSION)?;
    part_of(stem).filter(|part| part.to_string() == stem)
}

/// What the record of a commit is called while there is one: `commit`, or `commit-part-00003-of-00016` of a part.
pub(super) fn journal_file(part: Option<Part>) -> String {
    part.map_or_else(|| "commit".to_string(), |part| format!("commit-{part}"))
}

/// Whether `file` is the name of a commit's record, and of which part; the whole's is of none.
pub(super) fn part_of_journal(file: &str) -> Option<Option<Part>> {
    let part = match file.strip_prefix("commit-") {
        Some(part) => Some(part_of(part)?),
        None => None,
    };
    (journal_file(part) == file).then_some(part)
}

/// Whether `file`, relative to its folder, would be read as a part of a table, whoever wrote it.
pub(super) fn is_read_as_part(file: &str) -> bool {
    let is_file = |file: &str| file.ends_with(EXTENSION) && !file.contains('/');
    file.split_once('/').is_some_and(|(folder, file)| is_table(folder) && is_file(file))
}

fn is_table(name: &str) -> bool {
    Table::ALL.iter().any(|table| table.name() == name)
}

/// Whether `file`, relative to its folder, is a name that only tables and manifests of this program's making have.
pub(super) fn is_own(file: &str) -> bool {
    match file.split_once('/') {
        Some((folder, file)) => is_table(folder) && part_of_table(file).is_some(),
        None => {
            file == MANIFEST_FILE
                || part_of_manifest(file).is_some()
                || file.strip_suffix(EXTENSION).is_some_and(is_table)
        }
    }
}

fn part_of(text: &str) -> Option<Part> {
    let (part, parts) = text.strip_prefix("part-")?.split_once("-of-")?;
    Part::new(part.parse().ok()?, parts.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_part_and_are_read_back() {
        let part = Part::new(3, 16).unwrap();
        assert_eq!(table_file(Table::UsageDaily, None), "usage_daily.parquet");
        assert_eq!(table_file(Table::UsageDaily, Some(part)), "usage_daily/part-00003-of-00016.parquet");
        assert_eq!(manifest_file(None), "manifest.json");
        assert_eq!(manifest_file(Some(part)), "manifest-part-00003-of-00016.json");
        assert_eq!(part_of_manifest("manifest-part-00003-of-00016.json"), Some(part));
        assert_eq!(part_of_table("part-00003-of-00016.parquet"), Some(part));
        for other in ["manifest.json", "manifest-part-3-of-16.json", "manifest-part-00017-of-00016.json", "part-0.json"]
        {
            assert_eq!(part_of_manifest(other), None, "{other}");
        }
        for other in ["part-0.parquet", "part-3-of-16.parquet", "part-00003-of-00016.parquet.inprogress"] {
            assert_eq!(part_of_table(other), None, "{other}");
        }
        for journal in [None, Some(part)] {
            assert_eq!(part_of_journal(&journal_file(journal)), Some(journal));
        }
        assert_eq!(part_of_journal("commit-part-3-of-16"), None);
        for part in [None, Some(part)] {
            assert!(is_own(&table_file(Table::UsageDaily, part)) && is_own(&manifest_file(part)));
        }
        assert!(is_read_as_part("usage_daily/part-0.parquet"));
        for other in ["notes/part-0.parquet", "usage_daily/../a.parquet", "usage_daily/notes", "customers.parquet"] {
            assert!(!is_read_as_part(other), "{other}");
        }
        for other in ["notes", "notes.parquet", "usage_daily", "usage_daily/part-0.parquet", "notes/customers.parquet"]
        {
            assert!(!is_own(other), "{other}");
        }
    }
}
