"""`saasgen pull` from Flight servers that are not saasgen's, or from a balancer in front of two saasgen servers."""
import json
import subprocess

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import SAASGEN, Server

IDENTITY = {
    "program": "saasgen", "version": "9", "model": "m", "fingerprint": "f", "seed": 1, "customers": 3,
    "window": {"first": "2023-07-01", "last": "2024-12-31"}, "expected_rows": {},
}
FIELDS = [("customer_id", pa.int64()), ("signup_date", pa.date32()), ("plan", pa.string()), ("region", pa.string())]
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in FIELDS])
TEXT_IDS = SCHEMA.set(0, pa.field("customer_id", pa.string(), nullable=False))
ENDPOINT = [flight.FlightEndpoint(b"t", [])]


class Foreign(flight.FlightServerBase):
    """By default, it answers like a saasgen server with an empty table of customers."""

    def __init__(self, description=json.dumps(IDENTITY), schema=SCHEMA, endpoints=ENDPOINT, rows_schema=SCHEMA):
        super().__init__("grpc://127.0.0.1:0")
        self.description, self.schema, self.endpoints, self.rows_schema = description, schema, endpoints, rows_schema

    def do_action(self, context, action):
        return [self.description.encode()]

    def get_flight_info(self, context, descriptor):
        return flight.FlightInfo(self.schema, descriptor, self.endpoints, -1, -1)

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(self.rows_schema.empty_table())


def pull(server, folder):
    uri = f"grpc://127.0.0.1:{server.port}"
    command = [SAASGEN, "pull", "--server", uri, "--tables", "customers", "--out", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("message, server", [
    ("does not describe a data set", {"description": "hello"}),
    ("no endpoint", {"endpoints": []}),
    ("columns", {"schema": TEXT_IDS}),
    ("columns", {"schema": pa.schema([])}),
    ("columns", {"schema": pa.schema(list(SCHEMA) + [SCHEMA.field(0)])}),
    ("another schema", {"rows_schema": TEXT_IDS}),
])
def test_wrong_answers_are_refused_and_nothing_is_written(tmp_path, message, server):
    with Foreign(**server) as foreign:
        ran = pull(foreign, tmp_path / "out")
    assert ran.returncode == 1 and ran.stdout == "", ran.stderr
    assert message in ran.stderr and "127.0.0.1" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_right_answers_are_accepted_with_any_descriptions(tmp_path):
    other = SCHEMA.set(0, SCHEMA.field(0).with_metadata({"comment": "another version's"})).with_metadata({"x": "y"})
    for number, (schema, rows_schema) in enumerate([(SCHEMA, SCHEMA), (other, SCHEMA), (SCHEMA, other)]):
        with Foreign(schema=schema, rows_schema=rows_schema) as foreign:
            ran = pull(foreign, tmp_path / str(number))
            assert ran.returncode == 0, ran.stderr
    files = {(tmp_path / str(number) / "customers.parquet").read_bytes() for number in range(3)}
    assert len(files) == 1, "the file has the descriptions of the program that writes it"


class Balancer(flight.FlightServerBase):
    """Balances calls, not connections: one server describes the data set, another one serves it."""

    def __init__(self, describing, serving):
        super().__init__("grpc://127.0.0.1:0")
        self.describing, self.serving = flight.connect(describing.uri), flight.connect(serving.uri)

    def do_action(self, context, action):
        return [result.body for result in self.describing.do_action(action)]

    def get_flight_info(self, context, descriptor):
        try:
            return self.serving.get_flight_info(descriptor)
        except flight.FlightError as error:
            raise pa.ArrowInvalid(str(error)) from error

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(self.serving.do_get(ticket).read_all())


def test_a_server_with_another_default_data_set_serves_the_described_one(tmp_path):
    describing, serving = Server("--customers", "300"), Server("--customers", "50", "--seed", "7")
    with Balancer(describing, serving) as balancer:
        ran = pull(balancer, tmp_path / "balanced")
        assert ran.returncode == 0, ran.stderr
    command = [SAASGEN, "pull", "--server", describing.uri, "--tables", "customers", "--out", tmp_path / "one"]
    subprocess.run(command, check=True)
    for file in "customers.parquet", "manifest.json":
        assert (tmp_path / "balanced" / file).read_bytes() == (tmp_path / "one" / file).read_bytes()
    describing.stop(), serving.stop()


def test_a_server_of_another_model_is_refused(tmp_path):
    model = tmp_path / "model.toml"
    model.write_text("retention.decay_days = 90.0")
    describing, serving = Server("--customers", "300"), Server("--customers", "300", "--model", str(model))
    with Balancer(describing, serving) as balancer:
        ran = pull(balancer, tmp_path / "out")
    assert ran.returncode == 2 and "fingerprint" in ran.stderr, ran.stderr
    assert not (tmp_path / "out").exists()
    describing.stop(), serving.stop()


class BreakingBalancer(Balancer):
    """Removes the resume marks, and breaks each stream after its first batch."""

    def do_get(self, context, ticket):
        def batches():
            yield from self.serving.do_get(ticket).read_all().to_batches()[:1]
            raise flight.FlightUnavailableError("broken on purpose")

        return flight.GeneratorStream(SCHEMA, batches())


def test_a_stream_without_resume_marks_is_not_resumed(tmp_path):
    server = Server("--customers", "300")
    with BreakingBalancer(server, server) as balancer:
        ran = pull(balancer, tmp_path / "out")
    assert ran.returncode == 1 and "broken on purpose" in ran.stderr and "can't be resumed" in ran.stderr, ran.stderr
    assert not (tmp_path / "out").exists()
    server.stop()
