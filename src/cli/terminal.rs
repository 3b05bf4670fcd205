//! The width of a terminal, and text that fits it.

use rustix::fd::AsFd;
use rustix::termios::tcgetwinsize;
use std::fmt::Write as _;
use std::io::IsTerminal;

/// The width of a terminal that does not state its width.
const USUAL_COLUMNS: usize = 80;

/// Returns the columns of the terminal that `stream` is, or `None` if it is a file or a pipe.
pub(super) fn columns(stream: impl AsFd + IsTerminal) -> Option<usize> {
    let stated = tcgetwinsize(&stream).map_or(0, |size| usize::from(size.ws_col));
    stream.is_terminal().then_some(if stated == 0 { USUAL_COLUMNS } else { stated })
}

/// Returns the number of characters.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Breaks `text` between words into lines of at most `columns` characters. Lines after the first are indented.
pub(super) fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for (index, word) in text.split(' ').enumerate() {
        let length = width(word);
        if index > 0 && used + 1 + length > columns && used > indent {
            // Writing to a String can't fail.
            let _ = write!(lines, "\n{:indent$}", "");
            used = indent;
        } else if index > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped("  one two three", 9, 4), "  one two\n    three");
        assert_eq!(wrapped("  one two three", 8, 4), "  one\n    two\n    three");
        assert_eq!(wrapped("one unbreakable", 5, 2), "one\n  unbreakable");
        assert_eq!(wrapped("unbreakable", 5, 2), "unbreakable");
        assert_eq!(wrapped("… … …", 3, 0), "… …\n…");
        assert_eq!(wrapped("", 5, 2), "");
    }
}
