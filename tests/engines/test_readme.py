"""The README's snippets for engines, as they stand."""
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_the_snippets_for_spark_run(server):
    blocks = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    blocks = [block for block in blocks if "pyspark" in block]
    assert len(blocks) == 1
    for block in blocks:
        code = block.replace("grpc://localhost:8815", server.uri)
        ran = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.count("2024-12-") == 7, ran.stdout
