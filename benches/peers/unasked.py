"""Measures the cost of a part of a table: the time to a first batch anywhere in it, of one day, and of one column.

Fails if a first batch or one day of usage_daily takes longer than the model's bars allow, or if one column takes more
than half of the time of all columns.

usage: unasked.py PATH_TO_SAASGEN [MODEL]
"""
import statistics
import subprocess
import sys
import time

import pyarrow.flight as flight

SIZES = (10_000, 1_000_000_000_000)
FIRST_BATCHES, ROUNDS, TRIES = 40, 9, 5
# A day of saas-v1 costs its own values alone, so its bar is a share of the time of all days. A day of saas-v2 also costs
# the lives of all 100,000 customers, so its bar is a time.
MAX_FIRST_BATCH_MS = {"saas-v1": 5, "saas-v2": 10}
MAX_DAY_SHARE = {"saas-v1": 0.1}
MAX_DAY_MS = {"saas-v2": 20}
MAX_COLUMN_SHARE = 0.5


def first_batch_ms(client, ticket):
    """Returns the median time from the ticket to the first rows, on an open connection."""
    def once():
        start = time.perf_counter()
        reader = client.do_get(flight.Ticket(ticket))
        assert reader.read_chunk().data.num_rows > 0
        seconds = time.perf_counter() - start
        reader.cancel()
        return seconds

    return 1_000 * statistics.median(once() for _ in range(FIRST_BATCHES))


def first_batch_ms_in_tries(client, ticket, bar):
    """Returns the time of the first try within the bar, or else of the best one. Other work on the machine can slow one
    try, but hardly all."""
    best = float("inf")
    for _ in range(TRIES):
        best = min(best, first_batch_ms(client, ticket))
        if best <= bar:
            break
    return best


def read_seconds(client, ticket):
    start = time.perf_counter()
    rows = sum(chunk.data.num_rows for chunk in client.do_get(flight.Ticket(ticket)))
    assert rows > 1_000, rows
    return time.perf_counter() - start


def tables_of_customers(client):
    return [info.descriptor.path[0].decode() for info in client.list_flights() if "customer_id" in info.schema.names]


def first_batches(client, model):
    """Whether the slowest first batch of all tables is within the bar, at the first, middle and last customers."""
    slowest, bar = 0, MAX_FIRST_BATCH_MS[model]
    for size in SIZES:
        for place, first in (("first", 1), ("middle", size // 2), ("last", size - 999)):
            times = {table: first_batch_ms_in_tries(client, f"{table}?customers={size}&first_id={first}", bar)
                     for table in tables_of_customers(client)}
            slowest = max(slowest, *times.values())
            shown = ", ".join(f"{table} {milliseconds:.1f}" for table, milliseconds in times.items())
            print(f"first batch at the {place} customers of {size:,}, ms: {shown}")
    print(f"slowest first batch: {slowest:.1f} ms (bar {bar})")
    return slowest <= bar


def parts(client, model):
    """Whether a day and a column are as much faster than the whole table as they must be."""
    times = {"usage_daily": [], "usage_daily?from=2024-06-01&to=2024-06-01": [], "usage_daily?columns=customer_id": []}
    for _ in range(ROUNDS):
        for ticket, seconds in times.items():
            seconds.append(read_seconds(client, ticket))
    whole, day, column = (1_000 * statistics.median(seconds) for seconds in times.values())
    max_day = min(MAX_DAY_SHARE.get(model, 1) * whole, MAX_DAY_MS.get(model, whole))
    max_column = MAX_COLUMN_SHARE * whole
    print(f"all of usage_daily: {whole:.0f} ms")
    for name, part, bar in (("one day of usage_daily", day, max_day), ("customer_id alone", column, max_column)):
        print(f"{name}: {part:.1f} ms, {whole / part:.1f} times as fast as all of it (bar {bar:.1f} ms)")
    return day <= max_day and column <= max_column


def main():
    saasgen, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "saas-v1"
    command = [saasgen, "serve", "--model", model, "--listen", "127.0.0.1:0", "--log-level", "warn"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        client = flight.connect(process.stdout.readline().strip())
        held = first_batches(client, model) and any(parts(client, model) for _ in range(TRIES))
    finally:
        process.terminate()
        process.wait()
    sys.exit(not held)


if __name__ == "__main__":
    main()
