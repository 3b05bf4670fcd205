//! The progress of a run on stderr.

use crate::fault_proxy::{Fault, FaultProxy};
use crate::program::{Serve, ended, saasgen};
use crate::terminal::Terminal;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::{fs, thread};
use tempfile::tempdir;

/// Splits what a program wrote to a terminal into lines, without the commands for the cursor.
fn lines_on_screen(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => drop(chars.find(|char| char.is_ascii_alphabetic())),
            '\r' | '\n' => lines.push(String::new()),
            char => lines.last_mut().unwrap().push(char),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

#[test]
fn the_bar_fits_the_width_of_the_terminal() {
    for columns in [200, 80, 40, 20, 7] {
        let folder = tempdir().unwrap();
        let mut terminal = Terminal::new(columns);
        let args = ["generate", "--customers", "30000000", "--tables", "customers,usage_daily", "--out", "out"];
        let child = terminal.saasgen(&args).current_dir(folder.path()).spawn().unwrap();
        // Each line of the bar moves the cursor to the first column.
        let text = terminal.read_until(|text| text.matches('%').count() + text.matches("rows").count() > 20);
        let lines = lines_on_screen(&text);
        drop(terminal);
        ended(child);
        assert!(lines.len() > 5, "{columns}: {text:?}");
        for line in lines {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
        assert!(!folder.path().join("out").exists());
    }
}

/// The server stalls, so the runs have progress to report for longer than a test takes.
#[test]
fn without_a_terminal_progress_is_logged_in_lines() {
    let folder = tempdir().unwrap();
    let server = Serve::start(&["--customers", "300000"]);
    let run = |form: &'static str| {
        let proxy = FaultProxy::to(&server.uri);
        proxy.plan([(20 << 20, Fault::Stall)]);
        let out = folder.path().join(form);
        let mut command = saasgen(&["pull", "--server", &proxy.uri(), "--stall-timeout", "3600", "--threads", "1"]);
        command.args(["--tables", "usage_daily", "--out"]).arg(&out);
        command.args(Some("--json").filter(|_| form == "json")).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        crate::program::send_signal(&child, "TERM");
        ended(child);
        line
    };
    thread::scope(|scope| {
        let text = scope.spawn(|| run("text"));
        let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
        let progress = &json["progress"];
        let expected = progress["expected_rows"].as_u64().unwrap();
        assert!((1..expected).contains(&progress["rows"].as_u64().unwrap()), "{json}");
        assert!(progress["rows_per_second"].as_u64() > Some(0) && progress["seconds_left"].is_u64(), "{json}");
        let text = text.join().unwrap();
        assert!(text.starts_with("progress: ") && text.contains("rows/s") && text.ends_with("left\n"), "{text}");
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
