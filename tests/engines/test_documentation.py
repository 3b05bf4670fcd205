"""The documentation's snippets for engines run and print what the pages say. tests/it/documentation.rs runs the others."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SAASGEN

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", PROJECT / "data/README.md", *sorted(PROJECT.glob("docs/*.md"))]
# The same list as in tests/it/documentation.rs.
ENGINES = ["pyspark", "examples/dask_", "examples/ray_"]
FENCE = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def snippets():
    """The page, the options of the server it reads from, the language, the code and the printed output of each snippet."""
    for page in PAGES:
        options = None
        blocks = FENCE.findall(page.read_text())
        for (language, code), (next_language, output) in zip(blocks, [*blocks[1:], ("", "")]):
            if language == "sh" and code.startswith("saasgen serve") and not re.search(r"[&\n]", code):
                options = code.split()[2:]
            if any(engine in code for engine in ENGINES):
                assert options is not None, f"{page.name} starts no server"
                yield pytest.param(options, language, code, output if next_language == "text" else None, id=page.name)


SNIPPETS = list(snippets())


def test_each_engine_has_a_snippet():
    assert all(any(engine in snippet.values[2] for snippet in SNIPPETS) for engine in ENGINES)


@pytest.mark.parametrize("options, language, code, output", SNIPPETS)
def test_the_snippet_prints_what_the_page_says(options, language, code, output):
    command = [SAASGEN, "serve", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            code = code.replace("grpc://localhost:8815", server.stdout.readline().strip())
            run = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[language]
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            ran = subprocess.run([*run, code], cwd=PROJECT, env={**os.environ, "PATH": path}, capture_output=True, text=True,
                                 timeout=300)
        finally:
            server.kill()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    if output is not None:
        assert [line.split() for line in ran.stdout.split("\n") if line] == [line.split() for line in output.split("\n") if line]
