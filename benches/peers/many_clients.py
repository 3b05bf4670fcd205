"""Compares 16 pyarrow clients that read usage_daily together with one that reads alone, several times in one run.

Each of the 16 reads the rows of its own seed, again and again, for the same seconds. The count begins half a second after
the first read. The streams are then as full as they are at the end, so rows that are on their way cancel out.

Fails if the 16 together get less than 0.65 of the rows a second of one, or one of them less than 0.8 of its fair share.

usage: many_clients.py PATH_TO_SAASGEN
"""
import statistics
import subprocess
import sys
import time

import pyarrow.flight as flight

CLIENTS, LEAD_SECONDS, SECONDS, ROUNDS, TRIES = 16, 0.5, 4, 5, 2
MIN_TOGETHER, MIN_SHARE = 0.65, 0.8


def client_main(uri, ticket):
    client = flight.connect(uri)
    for chunk in client.do_get(flight.Ticket(b"customers?last_id=1000")):
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    rows, begin = 0, time.monotonic() + LEAD_SECONDS
    end = begin + SECONDS
    while time.monotonic() < end:
        reader = client.do_get(flight.Ticket(ticket.encode()))
        for chunk in reader:
            now = time.monotonic()
            if now >= begin:
                rows += chunk.data.num_rows
            if now >= end:
                reader.cancel()
                break
    print(rows)


def rows_of_each(uri, tickets):
    command = [sys.executable, __file__, "--client", uri]
    clients = [subprocess.Popen([*command, ticket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for ticket in tickets]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        client.stdin.write("\n")
        client.stdin.flush()
    rows = [int(client.communicate()[0]) for client in clients]
    assert not any(client.returncode for client in clients)
    return rows


def holds(uri):
    one, many = [], []
    for _ in range(ROUNDS):
        one.append(rows_of_each(uri, ["usage_daily"]))
        many.append(rows_of_each(uri, [f"usage_daily?seed={seed}" for seed in range(CLIENTS)]))
    alone, together = (statistics.median(sum(rows) for rows in rounds) for rounds in (one, many))
    share = min(min(rows) / (sum(rows) / CLIENTS) for rows in many)
    print(f"one client: {alone / SECONDS / 1e6:.1f}M rows/s; {CLIENTS} together: {together / SECONDS / 1e6:.1f}M, "
          f"ratio {together / alone:.2f} (bar {MIN_TOGETHER}); the least share is {share:.2f} of a fair one "
          f"(bar {MIN_SHARE})", flush=True)
    return together >= MIN_TOGETHER * alone and share >= MIN_SHARE


def main():
    server = subprocess.Popen([sys.argv[1], "serve", "--listen", "127.0.0.1:0", "--log-level", "warn"], stdout=subprocess.PIPE, text=True)
    try:
        uri = server.stdout.readline().strip()
        # Other programs on the machine can slow a whole try.
        held = any(holds(uri) for _ in range(TRIES))
    finally:
        server.terminate()
        server.wait()
    sys.exit(not held)


if __name__ == "__main__":
    client_main(*sys.argv[2:]) if sys.argv[1] == "--client" else main()
