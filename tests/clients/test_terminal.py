"""The progress bar, on a terminal of the test's own."""
import os
import pty
import subprocess

import pytest

from conftest import SAASGEN, Server


def run_on_terminal(*args):
    """What a command shows on stderr as a terminal, and on stdout as a pipe."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([SAASGEN, *args], stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                read = os.read(ours, 65_536)
            except OSError:  # Linux's way to say that the other end is closed.
                break
            if not read:
                break
            shown += read
        os.close(ours)
        stdout = process.stdout.read()
    assert process.returncode == 0, shown
    return shown.decode(), stdout.decode()


@pytest.fixture(scope="module")
def large_server():
    server = Server("--customers", "100000")
    yield server
    server.stop()


@pytest.mark.parametrize("command", ["generate", "pull"])
def test_long_work_shows_rows_a_second_and_time_left(command, tmp_path, large_server):
    source = ["--customers", "100000"] if command == "generate" else ["--server", large_server.uri]
    shown, stdout = run_on_terminal(command, *source, "--tables", "usage_daily", "--out", str(tmp_path / "out"))
    assert "of about 4,103,344 rows" in shown and "rows/s" in shown and "left" in shown
    assert stdout.startswith("table") and "rows/s" not in stdout
    quiet, stdout = run_on_terminal(command, *source, "--tables", "customers", "--out", str(tmp_path / "quiet"), "--quiet")
    assert quiet == "" and stdout == ""
