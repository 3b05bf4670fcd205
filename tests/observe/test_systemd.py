"""The unit file, by systemd's own judgement."""
import os
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd/saasgen.service"
INSTALLED = "/usr/local/bin/saasgen"

# Of 10.0; 1.2 when written: it is on the network and sees the host's file tree, read-only.
MOST_EXPOSED = 1.5


@pytest.fixture
def unit(tmp_path):
    """The unit with the program under test for the one installed, which verify looks for."""
    text = UNIT.read_text()
    assert f"ExecStart={INSTALLED} serve " in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(INSTALLED, os.environ["SAASGEN"]))
    return copy


def analyze(*args):
    ran = subprocess.run(["systemd-analyze", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.returncode, ran.stdout


def test_unit_verifies(unit):
    code, said = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert (code, said) == (0, "")


def test_unit_is_confined(unit):
    code, said = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED * 10:.0f}", "--no-pager", unit)
    assert code == 0, said


def test_verify_sees_what_is_wrong(unit):
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytem="))
    assert "ProtectSytem" in analyze("verify", "--man=no", "--recursive-errors=no", unit)[1]
