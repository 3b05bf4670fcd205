//! Prints results to stdout.

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write as _};

/// Prints `text`.
///
/// # Errors
/// Returns [`Error::Io`] if stdout can't be written to. It is no error if a reader, such as `head`, closes the pipe.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("writing to", "stdout")(error)),
        _ => Ok(()),
    }
}

/// Prints `value` as indented JSON.
///
/// # Errors
/// Returns the errors of [`print()`].
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print(&(text + "\n"))
}

/// Returns the columns of the terminal that stdout is. Returns `None` if stdout is no terminal, or has no size.
pub(super) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// Returns `text` after `start`, in lines of up to `width` characters that end at spaces. Later lines begin with as
/// many spaces as `start` has characters. A longer word has a line of its own.
pub(super) fn wrapped(start: &str, text: &str, width: usize) -> String {
    let indent = start.chars().count();
    let (mut lines, mut used) = (start.to_string(), indent);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > indent && used + 1 + length > width {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = indent;
        }
        if used > indent {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_spaces_and_a_long_word_has_a_line_of_its_own() {
        assert_eq!(wrapped("> ", "one two three", 10), "> one two\n  three\n");
        assert_eq!(wrapped("> ", "one two three", 9), "> one two\n  three\n");
        assert_eq!(wrapped("", "… … …", 3), "… …\n…\n");
        assert_eq!(wrapped("  ", "a antidisestablishment b", 8), "  a\n  antidisestablishment\n  b\n");
        assert_eq!(wrapped("  ", "", 8), "  \n");
    }
}
