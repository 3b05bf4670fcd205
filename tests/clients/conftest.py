"""A server and a folder of files of the same small data set, both made by the program under test."""
import os
import subprocess

import pyarrow.parquet as pq
import pytest

from airport import Airport

SAASGEN = os.environ["SAASGEN"]
CUSTOMERS = 5_000

# The environment of the tests must not set options of the program.
for name in [name for name in os.environ if name.startswith("SAASGEN_")]:
    del os.environ[name]


class Server:
    def __init__(self, *args, listen="127.0.0.1:0"):
        command = [SAASGEN, "serve", "--listen", listen, *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def server():
    server = Server("--customers", str(CUSTOMERS))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """The folder of the Parquet files, with all six tables."""
    folder = tmp_path_factory.mktemp("raw")
    tables = "customers,usage_daily,billing,support,retention_curves,usage_truth"
    command = [SAASGEN, "generate", "--customers", str(CUSTOMERS), "--tables", tables, "--out", folder]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def airport(server):
    with Airport(server.uri) as airport:
        yield airport


@pytest.fixture(scope="session")
def truth(raw):
    """The tables of the Parquet files, by name."""
    return {file.stem: pq.read_table(file) for file in raw.glob("*.parquet")}


@pytest.fixture
def attached(airport):
    """The tables of the attached catalog's default schema, by name."""
    return airport.attach("saas").default
