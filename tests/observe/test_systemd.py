"""systemd's own tools check the unit file."""
import os
import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd/saasgen.service"
INSTALLED = "/usr/local/bin/saasgen"

# The highest exposure allowed, of 10.0. The unit has 1.2: it uses the network, and reads the host's files.
MAX_EXPOSURE = 1.5


@pytest.fixture
def unit(tmp_path):
    """The unit with the path of the program under test. `systemd-analyze verify` checks that the program exists."""
    text = UNIT.read_text()
    assert f"ExecStart={INSTALLED} serve\n" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(INSTALLED, os.environ["SAASGEN"]))
    return copy


def analyze(*args):
    ran = subprocess.run(["systemd-analyze", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.returncode, ran.stdout


def test_systemd_accepts_the_unit(unit):
    code, output = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert (code, output) == (0, "")


def test_the_unit_is_sandboxed(unit):
    code, output = analyze("security", "--offline=yes", f"--threshold={MAX_EXPOSURE * 10:.0f}", "--no-pager", unit)
    assert code == 0, output


def test_systemd_accepts_the_lines_for_tls_and_tokens(unit):
    text = unit.read_text()
    unit.write_text(text.replace("\n#LoadCredential=", "\nLoadCredential=").replace("\n#Environment=", "\nEnvironment="))
    options = re.findall(r"^Environment=(SAASGEN_\w+)=%d/(\S+)$", unit.read_text(), re.MULTILINE)
    files = re.findall(r"^LoadCredential=(\S+):/etc/saasgen/\1$", unit.read_text(), re.MULTILINE)
    assert len(options) == 3 and [file for _, file in options] == files
    help = subprocess.run([os.environ["SAASGEN"], "serve", "--help"], check=True, capture_output=True, text=True).stdout
    assert all(f"[env: {option}]" in help for option, _ in options)
    test_systemd_accepts_the_unit(unit)
    test_the_unit_is_sandboxed(unit)


def test_systemd_finds_a_misspelt_key(unit):
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytem="))
    assert "ProtectSytem" in analyze("verify", "--man=no", "--recursive-errors=no", unit)[1]
