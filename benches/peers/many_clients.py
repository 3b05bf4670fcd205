"""Many clients: 16 at a time against one, by turns, each reading usage_daily again and again for the same seconds.

Rows count once all have read for a moment: at the end 1.6 MB a client are on their way, which with 16 that began with
nothing would be a hundredth of what is made.

Fails where together they get fewer rows a second than one alone, or one of them less than half of its fair share.

usage: many_clients.py PATH_TO_SAASGEN
"""
import statistics
import subprocess
import sys
import time

import pyarrow.flight as flight

CLIENTS, LEAD_SECONDS, SECONDS, TURNS, TRIES = 16, 0.5, 4, 5, 2
MIN_TOGETHER, MIN_SHARE = 1.0, 0.5


def client_main(uri):
    client = flight.connect(uri)
    for chunk in client.do_get(flight.Ticket(b"customers?last_id=1000")):
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    rows, begin = 0, time.monotonic() + LEAD_SECONDS
    end = begin + SECONDS
    while time.monotonic() < end:
        reader = client.do_get(flight.Ticket(b"usage_daily"))
        for chunk in reader:
            now = time.monotonic()
            if now >= begin:
                rows += chunk.data.num_rows
            if now >= end:
                reader.cancel()
                break
    print(rows)


def rows_of_each(uri, count):
    command = [sys.executable, __file__, "--client", uri]
    clients = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        client.stdin.write("\n")
        client.stdin.flush()
    rows = [int(client.communicate()[0]) for client in clients]
    assert not any(client.returncode for client in clients)
    return rows


def holds(uri):
    turns = [(rows_of_each(uri, 1)[0], rows_of_each(uri, CLIENTS)) for _ in range(TURNS)]
    alone = statistics.median(alone for alone, _ in turns)
    together = statistics.median(sum(each) for _, each in turns)
    share = min(min(each) / (sum(each) / CLIENTS) for _, each in turns)
    print(f"one client {alone / SECONDS / 1e6:.1f}M rows/s; {CLIENTS} together {together / SECONDS / 1e6:.1f}M rows/s: "
          f"ratio {together / alone:.2f} (bar {MIN_TOGETHER}); the least got {share:.2f} of its fair share (bar {MIN_SHARE})")
    return together >= MIN_TOGETHER * alone and share >= MIN_SHARE


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
    client_main(sys.argv[2]) if sys.argv[1] == "--client" else main()
