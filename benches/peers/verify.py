"""Measures `saasgen verify`: its time relative to `generate`, and its peak memory at ten million customers.

Fails if the median ratio passes 5, or the peak 512 MiB. Takes about two minutes and 2 GB of disk.

usage: verify.py PATH_TO_SAASGEN
"""
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import PEAK_OF_COMMAND

MAX_RATIO, MAX_MIB = 5, 512
ROUNDS = 5
LARGE = 10_000_000


def seconds(*command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def ratio(saasgen, folder):
    """Returns the median ratio for the default data set, all values compared, and the median time of `generate`."""
    rounds = []
    for _ in range(ROUNDS):
        generate = seconds(saasgen, "generate", "--quiet", "--out", folder)
        rounds.append((seconds(saasgen, "verify", "--data", folder, "--exact") / generate, generate))
    return statistics.median(ratio for ratio, _ in rounds), statistics.median(generate for _, generate in rounds)


def peak_mib(saasgen, folder):
    subprocess.run([saasgen, "generate", "--quiet", "--customers", str(LARGE), "--out", folder], check=True)
    command = [saasgen, "verify", "--data", folder, "--exact"]
    command = [sys.executable, "-I", "-c", PEAK_OF_COMMAND, *command]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *verdict, peak = answer.stdout.splitlines()
    assert verdict[-1].startswith("The data set holds"), verdict
    return int(peak) / 1024


def main():
    saasgen = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        times, generate = ratio(saasgen, Path(folder) / "default")
        print(f"verify, default data set: {times:.1f} times the {generate:.2f} s that generate takes")
        start = time.perf_counter()
        peak = peak_mib(saasgen, Path(folder) / "large")
        elapsed = time.perf_counter() - start
        print(f"verify, {LARGE:,} customers: peak {peak:.0f} MiB; generate and verify took {elapsed:.0f} s")
    sys.exit(times > MAX_RATIO or peak > MAX_MIB)


if __name__ == "__main__":
    main()
