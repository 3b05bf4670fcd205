"""Compares values a CPU-second in Parquet files: saasgen's default data set, and tpchgen-cli's TPC-H at scale 1.

The tables differ. Half of TPC-H's values are text. saasgen's are whole numbers, drawn from distributions. So the ratio
shows an order of magnitude, not a winner. Needs `pip install tpchgen-cli`.

usage: tpchgen.py PATH_TO_SAASGEN
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

ROUNDS = 5


def values_per_cpu_second(command, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    files = [pq.ParquetFile(path).metadata for path in Path(folder).rglob("*.parquet")]
    values = sum(file.num_rows * file.num_columns for file in files)
    return values / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    saasgen, tpchgen = sys.argv[1], os.path.join(os.path.dirname(sys.executable), "tpchgen-cli")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(values_per_cpu_second([saasgen, "generate", "--out", folder], folder))
        with tempfile.TemporaryDirectory() as folder:
            command = [tpchgen, "parquet", "--scale-factor", "1", "--output-dir", folder]
            theirs.append(values_per_cpu_second(command, folder))
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(f"values a CPU-second in Parquet files: saasgen {ours / 1e6:.0f}M, tpchgen-cli {theirs / 1e6:.0f}M: "
          f"ratio {ours / theirs:.1f}")


if __name__ == "__main__":
    main()
