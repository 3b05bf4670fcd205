"""The progress bar on a pseudo-terminal."""
import os
import pty
import subprocess

import pytest

from conftest import SAASGEN, Server


def run_on_terminal(*args):
    """Runs a command with a terminal as stderr and a pipe as stdout, and returns the text of both."""
    terminal, stderr = pty.openpty()
    with subprocess.Popen([SAASGEN, *args], stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL) as process:
        os.close(stderr)
        shown = b""
        while True:
            try:
                read = os.read(terminal, 65_536)
            except OSError:  # On Linux, the read fails once the other end is closed.
                break
            if not read:
                break
            shown += read
        os.close(terminal)
        stdout = process.stdout.read()
    assert process.returncode == 0, shown
    return shown.decode(), stdout.decode()


@pytest.fixture(scope="module")
def large_server():
    server = Server("--customers", "100000")
    yield server
    server.stop()


@pytest.mark.parametrize("command", ["generate", "pull"])
def test_the_progress_bar_shows_rows_per_second_and_the_time_left(command, tmp_path, large_server):
    source = ["--customers", "100000"] if command == "generate" else ["--server", large_server.uri]
    shown, stdout = run_on_terminal(command, *source, "--tables", "usage_daily", "--out", str(tmp_path / "out"))
    assert "of about 4,103,344 rows" in shown and "rows/s" in shown and "left" in shown
    assert stdout.startswith("table") and "rows/s" not in stdout
    out = str(tmp_path / "quiet")
    quiet, stdout = run_on_terminal(command, *source, "--tables", "customers", "--out", out, "--quiet")
    assert quiet == "" and stdout == ""
