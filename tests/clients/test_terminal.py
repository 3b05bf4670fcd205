"""The progress bar, and the tables of verify and describe, on a pseudo-terminal."""
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import pytest

from conftest import DEFAULT, SAASGEN, Server


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


def describe_on_terminal(columns):
    """Returns the lines of `describe` on a terminal with this many columns."""
    terminal, stdout = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([SAASGEN, "describe"], stdout=stdout, stdin=subprocess.DEVNULL) as process:
        os.close(stdout)
        shown = b""
        try:
            while read := os.read(terminal, 65_536):
                shown += read
        except OSError:  # On Linux, the read fails once the other end is closed.
            pass
        os.close(terminal)
    assert process.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 100, 132, 300])
def test_describe_fits_the_terminal_and_splits_no_word(columns):
    whole, shown = describe_on_terminal(1_000), describe_on_terminal(columns)
    assert max(map(len, shown.splitlines())) <= columns
    assert shown.split() == whole.split()
    if columns < 300:
        assert len(shown.splitlines()) > len(whole.splitlines())


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


def verify_on_terminal(folder, columns, **environment):
    """Runs verify with a terminal of this width as stdout, and returns the exit code and the lines."""
    terminal, stdout = pty.openpty()
    fcntl.ioctl(stdout, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ["NO_COLOR", "TERM"]} | environment
    command = [SAASGEN, "verify", "--data", str(folder)]
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env) as process:
        os.close(stdout)
        shown = b""
        while True:
            try:
                read = os.read(terminal, 65_536)
            except OSError:
                break
            if not read:
                break
            shown += read
        os.close(terminal)
        assert process.stderr.read() == b""
    return process.returncode, shown.decode().replace("\r\n", "\n").splitlines()


def words(lines):
    return [word for line in lines for word in re.sub("\x1b\\[[0-9;]*m", "", line).split()]


@pytest.mark.parametrize("columns", [80, 81, 90, 100, 200])
def test_the_table_of_verify_fits_the_terminal(raw, columns):
    code, lines = verify_on_terminal(raw, columns, NO_COLOR="1")
    assert code == 0 and max(map(len, lines)) <= min(columns, 100)
    piped = subprocess.run([SAASGEN, "verify", "--data", str(raw)], capture_output=True, text=True).stdout
    # Lines are broken between words only. A name that is broken continues after the figures.
    assert sorted(words(lines)) == sorted(words(piped.splitlines()))
    assert sum("customers" == line for line in lines) == 1


@pytest.mark.parametrize("columns", [0, 1, 20, 40, 79])
def test_a_terminal_that_is_narrow_or_has_no_width_breaks_nothing(raw, columns):
    code, lines = verify_on_terminal(raw, columns, NO_COLOR="1")
    assert code == 0 and lines[-1].startswith("The data set holds: ")
    assert max(map(len, lines)) <= 80
    assert sum(line.endswith(" holds") for line in lines) > 100


@pytest.fixture(scope="module")
def wrong(folders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copytree(folders(DEFAULT), folder, dirs_exist_ok=True)
    (folder / "billing.parquet").unlink()
    return folder


def test_failed_checks_stand_out_in_colour(raw, wrong):
    code, lines = verify_on_terminal(wrong, 80)
    assert code == 1
    fails = [line for line in lines if "FAILS" in line]
    assert len(fails) == 3 and all("\x1b[1;31m" in line and line.endswith("\x1b[0m") for line in fails), fails
    assert sum("\x1b" in line for line in lines) == 3
    code, lines = verify_on_terminal(raw, 80)
    assert code == 0 and lines[-1].startswith("\x1b[1;32mThe data set holds")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_turned_off(wrong, environment):
    code, lines = verify_on_terminal(wrong, 80, **environment)
    assert code == 1 and any("FAILS" in line for line in lines) and not any("\x1b" in line for line in lines)


def test_a_pipe_has_a_fixed_width_and_no_colours(wrong):
    piped = subprocess.run([SAASGEN, "verify", "--data", str(wrong)], capture_output=True, text=True,
                           env=os.environ | {"COLUMNS": "40"}).stdout
    assert "\x1b" not in piped and "FAILS" in piped
    assert piped.splitlines()[2].startswith("check      ") and len(piped.splitlines()[2]) > 85


def test_the_foot_of_the_table_says_why_a_value_outside_its_interval_can_hold(tmp_path):
    """The default data set has two values outside their 99 % interval."""
    folder = tmp_path / "default"
    subprocess.run([SAASGEN, "generate", "--out", folder, "--quiet"], check=True)
    ran = subprocess.run([SAASGEN, "verify", "--data", folder], capture_output=True, text=True)
    sentence = ("2 of 72 values are outside their interval, as about one in 100 is by chance: a check fails only if its p is "
                "too small to be chance among all 72 tests. One correct data set in a million fails.")
    assert ran.returncode == 0 and sentence in " ".join(ran.stdout.split()), ran.stdout
