"""Measures a server under load: many slow readers, clients that leave in mid-stream, and a mix of calls.

Fails if memory passes its bar or grows, if slow readers slow a fast one too much, if the server keeps descriptors,
threads or streams, or if a valid call fails.

usage: load.py PATH_TO_SAASGEN [SECONDS_OF_MIX [slow|hoarding|leavers|mix]]
"""
import contextlib
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import pyarrow as pa
import pyarrow.flight as flight

SLOW_READERS, SLOW_PROCESSES, PAUSE = 1_000, 4, 1.0
# Connections that one process opens at the same time. With more, it sends HTTP/2 prefaces too late for the server.
OPENING_TOGETHER = 10
FILL_SECONDS = 30
MAX_MIB, MIN_SPEED = 512, 0.5
LEAVERS, LEAVING_TOGETHER = 10_000, 20
WAVES, MAX_GROWTH_MIB = 10, 8
FAST_SECONDS, FAST_RUNS = 6, 3
CUSTOMERS = 10_000_000
MIX = ("usage_daily", "customers", "billing?from=2024-01-01&to=2024-01-31", "support?strings=dictionary",
       "usage_daily?compression=lz4&last_id=20000", "retention_curves", "usage_truth?columns=date")


class Server:
    def __init__(self, saasgen):
        command = [saasgen, "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
                   "--customers", str(CUSTOMERS), "--max-connections", "20000", "--drain-timeout", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().strip()
        line = next(line for line in self.process.stderr if "metrics at " in line)
        self.metrics = line.split("metrics at ")[1].split()[0]
        # The log has a line for each stream. A thread discards them, or they would fill the pipe.
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def mib(self, field="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024

    def idle_mib(self):
        """Returns the memory once it no longer falls. The server begins to return memory 50 ms after its last block."""
        before = float("inf")
        while (now := self.mib()) < before:
            before = now
            time.sleep(1)
        return before

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def open_streams(self):
        with urllib.request.urlopen(self.metrics) as answer:
            lines = answer.read().decode().splitlines()
        return int(next(line for line in lines if line.startswith("saasgen_streams_open ")).split()[1])

    def settle(self, descriptors):
        """Waits until the server has closed all streams and connections, and returns the open streams and descriptors.

        Reading the metrics opens a connection that may still be open for a moment, so this returns the numbers that it
        has compared.
        """
        end = time.monotonic() + 30
        while True:
            streams, after = self.open_streams(), self.descriptors()
            if (streams == 0 and after <= descriptors) or time.monotonic() > end:
                return streams, after
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0


@contextlib.contextmanager
def serving(saasgen):
    server = Server(saasgen)
    try:
        yield server
    finally:
        server.stop()


def connect(uri, hoards=True):
    """Opens a connection for one client. By default the clients of a process share one.

    A client that `hoards`, which is gRPC's default, reads about 4 MB ahead as fast as they come.
    """
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", int(hoards))]
    return flight.connect(uri, generic_options=options)


def rows_per_second(uri):
    """Returns the median speed of one reader, which has a process to itself."""
    command = [sys.executable, __file__, "--fast", uri]
    runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE) for _ in range(FAST_RUNS)]
    return statistics.median(int(run.stdout) for run in runs)


def fast_main(uri):
    rows, start = 0, time.monotonic()
    for chunk in connect(uri).do_get(flight.Ticket(b"usage_daily")):
        rows += chunk.data.num_rows
        if time.monotonic() - start > FAST_SECONDS:
            break
    print(int(rows / (time.monotonic() - start)))


def slow_main(uri, readers, hoards):
    """Reads a batch a second from each of `readers` streams, until the standard input ends."""
    opening = threading.Semaphore(OPENING_TOGETHER)

    def read():
        stream = connect(uri, hoards).do_get(flight.Ticket(b"usage_daily"))
        stream.read_chunk()
        opening.release()
        while True:
            time.sleep(PAUSE)
            stream.read_chunk()

    for _ in range(readers):
        opening.acquire()
        threading.Thread(target=read, daemon=True).start()
    for _ in range(OPENING_TOGETHER):
        opening.acquire()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


@contextlib.contextmanager
def slowly_read(server, hoards):
    """Keeps `SLOW_READERS` clients open that read a batch a second each."""
    command = [sys.executable, __file__, "--slow", server.uri, str(SLOW_READERS // SLOW_PROCESSES), str(int(hoards))]
    readers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(SLOW_PROCESSES)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    assert server.open_streams() == SLOW_READERS, server.open_streams()
    try:
        yield
        assert server.open_streams() == SLOW_READERS, server.open_streams()
    finally:
        for reader in readers:
            reader.stdin.close()
            reader.wait()


def slow_readers(saasgen, hoards):
    with serving(saasgen) as server:
        before = rows_per_second(server.uri)
        with slowly_read(server, hoards):
            # Clients that hoard are as fast as any until their buffers are full, and slow from then on.
            time.sleep(FILL_SECONDS if hoards else 0)
            among = rows_per_second(server.uri)
        peak = server.mib("VmHWM")
        server.settle(float("inf"))
        # The mean of before and after, because the speed of a machine drifts.
        alone = (before + rows_per_second(server.uri)) / 2
    print(f"{SLOW_READERS} slow readers{' whose clients read ahead' if hoards else ''}: "
          f"peak {peak:.0f} MiB (bar {MAX_MIB}); a fast reader gets {among / 1e6:.1f}M rows/s, "
          f"{among / alone:.2f} of its speed alone (bar {MIN_SPEED})", flush=True)
    return peak <= MAX_MIB and among >= MIN_SPEED * alone


def holds(name, server, load):
    """Whether the server is as before after several waves of `load`.

    The idle memory after one wave differs from that after the next by a MiB or two. So this compares the least memory
    after the later waves with the least memory after the earlier ones.
    """
    descriptors, threads, idle_mib = server.descriptors(), server.threads(), []
    for wave in range(WAVES):
        load(wave)
        streams, after = server.settle(descriptors)
        idle_mib.append(server.idle_mib())
    more_descriptors, more_threads = after - descriptors, server.threads() - threads
    growth = min(idle_mib[WAVES // 2:]) - min(idle_mib[:WAVES // 2])
    print(f"{name}: {streams} streams open, {more_descriptors} descriptors and {more_threads} threads more "
          f"than before, {growth:+.1f} MiB (bar {MAX_GROWTH_MIB})", flush=True)
    return streams == 0 and more_descriptors <= 0 and more_threads == 0 and growth <= MAX_GROWTH_MIB


def leave(uri, count, seed):
    choose = random.Random(seed)
    for _ in range(count):
        with connect(uri) as client:
            stream = client.do_get(flight.Ticket(b"usage_daily"))
            for _ in range(choose.randrange(3)):
                stream.read_chunk()
            if choose.random() < 0.5:
                stream.cancel()


def leave_main(uri, count, seed):
    each = count // LEAVING_TOGETHER
    threads = [threading.Thread(target=leave, args=(uri, each, seed + number)) for number in range(LEAVING_TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def leavers(saasgen):
    def load(wave):
        command = [sys.executable, __file__, "--leave", server.uri, str(LEAVERS // WAVES), str(100 * wave)]
        subprocess.run(command, check=True)

    with serving(saasgen) as server:
        return holds(f"{LEAVERS} clients left in mid-stream", server, load)


def mix_main(uri, seconds, seed):
    choose, end, calls, rows = random.Random(seed), time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        with connect(uri) as client:
            ticket = choose.choice(MIX)
            first = choose.randrange(1, CUSTOMERS - 50_000)
            if "last_id" not in ticket and not ticket.startswith("retention"):
                ticket += f"{'&' if '?' in ticket else '?'}first_id={first}&last_id={first + choose.randrange(50_000)}"
            for chunk in client.do_get(flight.Ticket(ticket.encode())):
                rows += chunk.data.num_rows
                if choose.random() < 0.01:
                    break
            list(client.list_flights())
            client.get_flight_info(flight.FlightDescriptor.for_path("usage_daily"))
            try:
                client.do_get(flight.Ticket(b"nothing")).read_chunk()
                raise SystemExit("the server gave a table that does not exist")
            except pa.ArrowKeyError:
                calls += 1
    print(calls, rows)


def mixed(saasgen, seconds):
    answers = []

    def load(wave):
        command = [sys.executable, __file__, "--mix", server.uri, str(seconds / WAVES)]
        clients = [subprocess.Popen([*command, str(10 * wave + client)], stdout=subprocess.PIPE, text=True)
                   for client in range(4)]
        answers.extend(client.communicate()[0].split() for client in clients)
        assert not any(client.returncode for client in clients), "a client failed"

    with serving(saasgen) as server:
        held = holds(f"{seconds} s of mixed load", server, load)
    calls, rows = (sum(map(int, numbers)) for numbers in zip(*answers))
    print(f"  {calls} rounds of calls, {rows:,} rows, no error")
    return held


def main():
    saasgen, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 120
    parts = {"slow": lambda saasgen: slow_readers(saasgen, hoards=False),
             "hoarding": lambda saasgen: slow_readers(saasgen, hoards=True), "leavers": leavers,
             "mix": lambda saasgen: mixed(saasgen, seconds)}
    chosen = [parts[sys.argv[3]]] if len(sys.argv) > 3 else parts.values()
    sys.exit(not all([part(saasgen) for part in chosen]))


if __name__ == "__main__":
    parts = {"--fast": fast_main, "--slow": lambda uri, n, hoards: slow_main(uri, int(n), hoards == "1"),
             "--leave": lambda uri, n, seed: leave_main(uri, int(n), int(seed)),
             "--mix": lambda uri, seconds, seed: mix_main(uri, float(seconds), int(seed))}
    parts[sys.argv[1]](*sys.argv[2:]) if sys.argv[1] in parts else main()
