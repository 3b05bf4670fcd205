"""Many clients: 16 at a time against one, by turns, each reading usage_daily again and again for the same seconds.

The 16 read the same rows as the one, which the server then makes once for those that are side by side; and rows of 16
seeds, where it makes each client's.

Rows count once all have read for a moment: at the end 1.6 MB a client are on their way, which with 16 that began with
nothing would be a hundredth of what is made.

Fails where the 16 of either kind together get fewer rows a second than one alone, or one of them less than half of its
fair share.

usage: many_clients.py PATH_TO_SAASGEN
"""
import statistics
import subprocess
import sys
import time

import pyarrow.flight as flight

CLIENTS, LEAD_SECONDS, SECONDS, TURNS, TRIES = 16, 0.5, 4, 5, 2
MIN_TOGETHER, MIN_SHARE = 1.0, 0.5
TICKETS = {
    "one client": ["usage_daily"],
    f"{CLIENTS} of the same rows": ["usage_daily"] * CLIENTS,
    f"{CLIENTS} of other rows each": [f"usage_daily?seed={seed}" for seed in range(CLIENTS)],
}


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
    turns = [{kind: rows_of_each(uri, tickets) for kind, tickets in TICKETS.items()} for _ in range(TURNS)]
    one, *many = TICKETS
    alone = statistics.median(sum(turn[one]) for turn in turns)
    print(f"{one}: {alone / SECONDS / 1e6:.1f}M rows/s")
    held = True
    for kind in many:
        together = statistics.median(sum(turn[kind]) for turn in turns)
        share = min(min(turn[kind]) / (sum(turn[kind]) / CLIENTS) for turn in turns)
        print(f"{kind}: {together / SECONDS / 1e6:.1f}M rows/s together, ratio {together / alone:.2f} (bar {MIN_TOGETHER}); "
              f"the least got {share:.2f} of its fair share (bar {MIN_SHARE})", flush=True)
        held &= together >= MIN_TOGETHER * alone and share >= MIN_SHARE
    return held


def main():
    server = subprocess.Popen([sys.argv[1], "serve", "--listen", "127.0.0.1:0", "--log-level", "warn"], stdout=subprocess.PIPE, text=True)
    try:
        uri = server.stdout.readline().strip()
        # Others on the machine can slow one try more than their turns even out.
        held = any(holds(uri) for _ in range(TRIES))
    finally:
        server.terminate()
        server.wait()
    sys.exit(not held)


if __name__ == "__main__":
    client_main(*sys.argv[2:]) if sys.argv[1] == "--client" else main()
