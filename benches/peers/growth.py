"""Compares rows of usage_daily a second at 1,000,000 customers and at 100,000, in files and over Flight.

Fails if a median ratio is under 0.9.

usage: growth.py PATH_TO_SAASGEN
"""
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow.flight as flight

SMALL, LARGE = 100_000, 1_000_000
ROUNDS, TRIES = 5, 3
MIN_RATIO = 0.9


def generate_rate(saasgen, customers):
    """Returns customers a second. A customer has as many rows on average at every size."""
    with tempfile.TemporaryDirectory() as folder:
        command = [saasgen, "generate", "--quiet", "--tables", "usage_daily", "--customers", str(customers),
                   "--out", folder]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return customers / (time.perf_counter() - start)


def flight_rate(client, customers):
    start = time.perf_counter()
    rows = sum(chunk.data.num_rows for chunk in client.do_get(flight.Ticket(f"usage_daily?customers={customers}")))
    assert rows > 40 * customers, rows
    return rows / (time.perf_counter() - start)


def holds(name, rate):
    """Whether the ratio is within the bar. Small and large alternate, so a machine that becomes slower slows both."""
    pairs = [(rate(SMALL), rate(LARGE)) for _ in range(ROUNDS)]
    ratio = statistics.median(large / small for small, large in pairs)
    print(f"{name}: rows/s at {LARGE:,} customers over {SMALL:,}: ratio {ratio:.2f} (bar {MIN_RATIO})")
    return ratio >= MIN_RATIO


def main():
    saasgen = sys.argv[1]
    command = [saasgen, "serve", "--listen", "127.0.0.1:0", "--log-level", "warn"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        client = flight.connect(server.stdout.readline().strip())
        flight_rate(client, SMALL)
        measures = (
            ("generate", lambda customers: generate_rate(saasgen, customers)),
            ("Flight, one client", lambda customers: flight_rate(client, customers)),
        )
        # Other work on the machine can slow one try, but hardly three in a row.
        held = all(any(holds(*measure) for _ in range(TRIES)) for measure in measures)
    finally:
        server.terminate()
        server.wait()
    sys.exit(not held)


if __name__ == "__main__":
    main()
