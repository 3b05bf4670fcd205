"""A server and a folder of files of the same small data set, both made by the program under test."""
import functools
import os
import subprocess

import pyarrow.parquet as pq
import pytest

from airport import Airport

SAASGEN = os.environ["SAASGEN"]
CUSTOMERS = 5_000
DEFAULT = "saas-v1"

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


@pytest.fixture
def model(request):
    """The model that the other fixtures are of: the default, unless the test is marked with one of `tables`."""
    return getattr(request, "param", DEFAULT)


@pytest.fixture(scope="session")
def servers():
    """Returns the server of a model, which is started once."""
    started = []

    @functools.cache
    def of(model):
        started.append(Server("--model", model, "--customers", str(CUSTOMERS)))
        return started[-1]

    yield of
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Returns the folder of a model's Parquet files, with all tables. They are written once."""
    @functools.cache
    def of(model):
        folder = tmp_path_factory.mktemp("raw")
        command = [SAASGEN, "generate", "--model", model, "--customers", str(CUSTOMERS), "--tables", "all", "--out", folder]
        subprocess.run(command, check=True)
        return folder
    return of


@pytest.fixture(scope="session")
def truths(folders):
    """Returns the tables of a model's Parquet files, by name."""
    return functools.cache(lambda model: {file.stem: pq.read_table(file) for file in folders(model).glob("*.parquet")})


@pytest.fixture
def server(servers, model):
    return servers(model)


@pytest.fixture
def raw(folders, model):
    return folders(model)


@pytest.fixture
def truth(truths, model):
    return truths(model)


@pytest.fixture
def airport(server):
    with Airport(server.uri) as airport:
        yield airport


@pytest.fixture
def attached(airport):
    """The tables of the attached catalog's default schema, by name."""
    return airport.attach("saas").default
