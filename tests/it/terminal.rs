//! A terminal whose other side is the test.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

/// A terminal. Dropping it closes the window: programs in it get SIGHUP.
pub struct Terminal {
    window: File,
    path: String,
}

impl Terminal {
    /// Opens a terminal with `columns`.
    pub fn new(columns: u16) -> Self {
        let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&window).unwrap();
        unlockpt(&window).unwrap();
        tcsetwinsize(&window, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let path = ptsname(&window, Vec::new()).unwrap().into_string().unwrap();
        Self { window: window.into(), path }
    }

    fn side(&self) -> Stdio {
        File::options().read(true).write(true).open(&self.path).unwrap().into()
    }

    /// Returns a command that runs the program in the terminal, which is its stdin and its stderr.
    pub fn saasgen(&self, args: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_saasgen")]).args(args);
        command.stdin(self.side()).stderr(self.side()).env_remove("RUST_LOG").env("TERM", "xterm");
        command
    }

    /// Reads what programs write, until `is_enough` or until all of them have closed the terminal.
    pub fn read_until(&mut self, is_enough: impl Fn(&str) -> bool) -> String {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // A terminal without programs gives an error.
            match self.window.read(&mut buffer) {
                Ok(length @ 1..) if !is_enough(&text) => bytes.extend(&buffer[..length]),
                _ => return text,
            }
        }
    }
}
