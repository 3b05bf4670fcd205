"""Two servers of the same data set behind counting proxies, and a Spark cluster, all on loopback."""
import contextlib
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.flight as flight
import pytest

SAASGEN = os.environ["SAASGEN"]
CUSTOMERS = 20_000
COMMANDS = ["customers?partitions=4", "usage_daily?partitions=4", "billing?partitions=4", "support?partitions=4",
            "usage_truth?partitions=4", "retention_curves"]
EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

# Spark's driver, master, workers and executors listen on loopback only.
os.environ.update(SPARK_LOCAL_IP="127.0.0.1", SPARK_LOCAL_HOSTNAME="localhost", PYSPARK_PYTHON=sys.executable,
                  PYSPARK_DRIVER_PYTHON=sys.executable)
# Without SPARK_HOME, pyspark uses the Spark in its own package.
os.environ.pop("SPARK_HOME", None)
# By default Ray writes a token to the home folder, and reports usage. It reads these variables when it is imported.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")


class Server:
    def __init__(self, *args):
        command = [SAASGEN, "serve", "--listen", "127.0.0.1:0", "--customers", str(CUSTOMERS), *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()


class Proxy:
    """Forwards connections to a server, and counts the bytes that the server sends.

    Its address is known before the server starts, so the server can advertise it. Past `limit` bytes, it stops.
    """

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"grpc://127.0.0.1:{self.listener.getsockname()[1]}"
        self.target = None
        self.sent = 0
        self.limit = float("inf")
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def forward_to(self, uri):
        host, port = uri.removeprefix("grpc://").split(":")
        self.target = (host, int(port))

    def accept(self):
        with contextlib.suppress(OSError):  # The listener is closed.
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                self.open += [client, server]
                threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, source, sink, count):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if count:
                    self.sent += len(data)
                    if self.sent > self.limit:
                        self.stop()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self):
        """Breaks all connections and accepts no more, as if the server's machine were gone."""
        for end in (self.listener, *self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class LoggedProcess:
    """A process in its own process group. A thread reads its output, so it never blocks on a full pipe."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True)
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, pattern):
        """Reads the output up to the next line that matches `pattern`, and returns the match."""
        seen = []
        while (line := self.lines.get(timeout=120)) is not None:
            seen.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended before `{pattern}`:\n{''.join(seen)}")

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)


@contextlib.contextmanager
def two_replicas(*args, advertised=False):
    with contextlib.ExitStack() as stack:
        proxies = [Proxy(), Proxy()]
        for proxy in proxies:
            stack.callback(proxy.stop)
        if advertised:
            args = (*args, "--advertise", ",".join(proxy.uri for proxy in proxies))
        # The second has no memory for blocks, so it sends the same rows in smaller batches.
        for proxy, more in zip(proxies, ((), ("--max-blocks", "0"))):
            server = Server(*args, *more)
            stack.callback(server.kill)
            assert server.uri.startswith("grpc://"), "the server did not start"
            proxy.forward_to(server.uri)
        yield proxies


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def truth(server):
    """Reads a ticket with pyarrow. Every engine must give the same rows."""
    def read(ticket):
        with flight.connect(server.uri) as client:
            return client.do_get(flight.Ticket(ticket)).read_all()
    return read


@pytest.fixture
def replicas():
    with two_replicas() as proxies:
        yield proxies


@pytest.fixture
def advertised_replicas():
    with two_replicas(advertised=True) as proxies:
        yield proxies


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The address of a standalone Spark master with two registered workers of one core each."""
    import pyspark
    spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
    folder = tmp_path_factory.mktemp("cluster")
    env = {**os.environ, "SPARK_LOCAL_DIRS": str(folder / "local")}
    name = "org.apache.spark.deploy"
    with contextlib.ExitStack() as stack:
        command = [spark_class, f"{name}.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        master = LoggedProcess(command, env)
        stack.callback(master.stop)
        address = master.wait_for(r"Starting Spark master at (spark://\S+)")[1]
        for number in "01":
            command = [spark_class, f"{name}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g",
                       "--webui-port", "0", "--work-dir", folder / f"worker{number}", address]
            worker = LoggedProcess(command, env)
            stack.callback(worker.stop)
        for _ in range(2):
            master.wait_for("Registering worker")
        yield address


@pytest.fixture(scope="session")
def spark(cluster, tmp_path_factory):
    from pyspark.sql import SparkSession

    import spark_source
    settings = {
        "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.cores": "1", "spark.executor.memory": "800m", "spark.sql.shuffle.partitions": "4",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        # No task starts before both executors have registered.
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
    }
    spark = SparkSession.builder.master(cluster).appName("saasgen").config(map=settings).getOrCreate()
    gateway = spark.sparkContext._gateway
    try:
        spark_source.register(spark)
        yield spark
    finally:
        spark.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()  # This ends the driver's JVM.
        gateway.proc.wait(timeout=60)
