"""The documentation's snippets for engines print what the pages say. tests/it/documentation.rs runs all others."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SAASGEN

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *PROJECT.glob("data/*.md"), *PROJECT.glob("docs/*.md")]
# The same list as in tests/it/documentation.rs.
ENGINES = ["pyspark", "examples/dask_", "examples/ray_"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def snippets():
    """Yields the options of a page's server, and the language, code and printed output of each snippet that reads it."""
    for page in PAGES:
        options = None
        blocks = BLOCK.findall(page.read_text())
        for (language, code), (following, output) in zip(blocks, [*blocks[1:], ("", "")]):
            if language == "sh" and code.startswith("saasgen serve") and not re.search(r"[&\n]", code):
                options = code.split()[2:]
            if any(engine in code for engine in ENGINES):
                assert options is not None, f"{page.name} starts no server"
                yield pytest.param(options, language, code, output if following == "text" else None, id=page.name)


SNIPPETS = list(snippets())


def words(text):
    return [line.split() for line in text.split("\n") if line]


def test_each_engine_has_a_snippet():
    assert all(any(engine in snippet.values[2] for snippet in SNIPPETS) for engine in ENGINES)


@pytest.mark.parametrize("options, language, code, output", SNIPPETS)
def test_a_snippet_prints_what_the_page_says(options, language, code, output):
    run = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[language]
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    serve = [SAASGEN, "serve", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            code = code.replace("grpc://localhost:8815", server.stdout.readline().strip())
            ran = subprocess.run([*run, code], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=300)
        finally:
            server.kill()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    if output is not None:
        assert words(ran.stdout) == words(output)
