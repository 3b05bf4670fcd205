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
    }
}
