"""Compares the peak memory at ten million customers with that at a million. Measures a server with four large streams.

Fails if a ratio passes 1.5, or a peak its bar.

usage: memory.py PATH_TO_SAASGEN [MODEL [generate|serve|pull|streams ...]]
"""
import contextlib
import subprocess
import sys
import tempfile

import pyarrow.flight as flight

# The default of 100,000 customers has too few row groups to fill the pipeline: `pull` takes 89 MiB there, 105 MiB here.
SIZES = (1_000_000, 10_000_000)
# The footer of a Parquet file has an entry for each page, and stays in memory until the file ends. So writing takes
# half a MiB more for each million customers: `generate` has 58 MiB at 5 million, 71 MiB at 30 million. The footer for ten
# million adds about a tenth. A run of ten times the length also has a higher peak by chance. The highest ratio seen is
# 1.29. A program that kept rows or pages has a ratio near ten.
MAX_RATIO = 1.5
MAX_GENERATE_MIB, MAX_SERVE_MIB, MAX_PULL_MIB = 160, 64, 256
# Each client reads about 400 million rows.
CLIENTS, CUSTOMERS_OF_CLIENT = 4, 10_000_000
# A busy disk or processor adds up to a fifth to a peak. So the ratio is that of the smallest peaks. The bar is for all.
ROUNDS = 3
# Both models have more rows of usage than this for each customer.
MIN_ROWS = 35

# Linux counts a child's peak from the memory of its parent on. So a small interpreter starts the command, not this one.
PEAK_OF_COMMAND = """
import os, subprocess, sys
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
assert status == 0, status
print(usage.ru_maxrss)
"""


def writing_mib(saasgen, *args):
    """Returns the peak of a command that writes usage_daily."""
    with tempfile.TemporaryDirectory() as folder:
        command = [saasgen, *args, "--quiet", "--tables", "usage_daily", "--out", folder]
        command = [sys.executable, "-I", "-c", PEAK_OF_COMMAND, *command]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        return int(answer.stdout) / 1024


@contextlib.contextmanager
def serving(saasgen, model, customers):
    command = [saasgen, "serve", "--listen", "127.0.0.1:0", "--log-level", "warn",
               "--model", model, "--customers", str(customers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait()


def generate_mib(saasgen, model, customers):
    return writing_mib(saasgen, "generate", "--model", model, "--customers", str(customers))


def pull_mib(saasgen, model, customers):
    """Returns the peak of a client that reads four endpoints together."""
    with serving(saasgen, model, customers) as (uri, _):
        return writing_mib(saasgen, "pull", "--threads", "4", "--server", uri)


def serve_mib(saasgen, model, customers):
    """Returns the peak of a server while a client reads all of usage_daily."""
    with serving(saasgen, model, customers) as (uri, pid):
        read_usage(uri, customers)
        return peak_mib(pid)


def peak_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def read_usage(uri, customers):
    rows = sum(chunk.data.num_rows for chunk in flight.connect(uri).do_get(flight.Ticket(b"usage_daily")))
    assert rows > MIN_ROWS * customers, rows


def does_not_grow(name, peak, bar):
    """Returns a measurement of a peak at both sizes. It says whether the peaks are within the bars."""
    def measure(saasgen, model):
        small, large = ([peak(saasgen, model, size) for _ in range(ROUNDS)] for size in SIZES)
        ratio = min(large) / min(small)
        print(f"{model}, {name}, usage_daily: peak {min(small):.0f} MiB at {SIZES[0]:,} customers, "
              f"{min(large):.0f} to {max(large):.0f} MiB at {SIZES[1]:,} (bar {bar}): ratio {ratio:.2f}", flush=True)
        return ratio <= MAX_RATIO and max(large) <= bar
    return measure


def large_streams(saasgen, model):
    """Whether the peak of a server is within its bar while four clients each read the usage of ten million customers."""
    with serving(saasgen, model, CUSTOMERS_OF_CLIENT) as (uri, pid):
        command = [sys.executable, __file__, "--read", uri, str(CUSTOMERS_OF_CLIENT)]
        clients = [subprocess.Popen(command) for _ in range(CLIENTS)]
        assert [client.wait() for client in clients] == [0] * CLIENTS
        peak = peak_mib(pid)
    print(f"{model}, serve, {CLIENTS} clients that each read the usage of {CUSTOMERS_OF_CLIENT:,} customers: "
          f"peak {peak:.0f} MiB (bar {MAX_SERVE_MIB})")
    return peak <= MAX_SERVE_MIB


MEASUREMENTS = {
    "generate": does_not_grow("generate", generate_mib, MAX_GENERATE_MIB),
    "serve": does_not_grow("serve", serve_mib, MAX_SERVE_MIB),
    "pull": does_not_grow("pull", pull_mib, MAX_PULL_MIB),
    "streams": large_streams,
}


def main():
    saasgen = sys.argv[1]
    model = sys.argv[2] if len(sys.argv) > 2 else "saas-v1"
    held = [MEASUREMENTS[name](saasgen, model) for name in sys.argv[3:] or MEASUREMENTS]
    sys.exit(not all(held))


if __name__ == "__main__":
    read_usage(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "--read" else main()
