"""pyarrow reads from the Flight server, as a notebook does."""
import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.flight as flight
import pyarrow.parquet as pq
import pytest

from conftest import CUSTOMERS
from tables import SCHEMAS, each_model, each_table, schema

@pytest.fixture
def client(server):
    with flight.connect(server.uri) as client:
        yield client


def read(client, ticket):
    return client.do_get(flight.Ticket(ticket)).read_all()


@each_table
def test_a_ticket_gives_the_rows_of_the_file(client, raw, model, table):
    rows = read(client, table.encode())
    rows.validate(full=True)
    assert rows.schema == schema(model, table)
    assert rows.equals(pq.read_table(raw / f"{table}.parquet"))


def test_one_early_batch_comes_with_more_bytes_than_its_columns(client):
    def spare_bytes(batch):
        whole = batch.column(0).buffers()[1]
        while whole.parent is not None:
            whole = whole.parent
        return whole.size - batch.nbytes

    spare = [spare_bytes(chunk.data) for chunk in client.do_get(flight.Ticket(b"usage_daily"))]
    assert [size // (1 << 20) for size in spare] == [0, 0, 0, 1, 0]


def test_a_table_name_is_a_ticket(client):
    rows = client.do_get(flight.Ticket(b"customers")).read_all()
    assert rows.num_rows == CUSTOMERS
    assert rows["customer_id"].to_pylist() == list(range(1, CUSTOMERS + 1))


@each_table
def test_get_flight_info_takes_a_path_or_a_command(client, table):
    for descriptor in (flight.FlightDescriptor.for_path(table), flight.FlightDescriptor.for_command(table)):
        info = client.get_flight_info(descriptor)
        assert info.descriptor == descriptor
        assert info.ordered
        assert info.schema == client.get_schema(descriptor).schema
        parts = [client.do_get(endpoint.ticket).read_all() for endpoint in info.endpoints]
        assert pa.concat_tables(parts).equals(read(client, table.encode()))
        assert info.total_records in (-1, sum(part.num_rows for part in parts))


@each_table
def test_partitions_together_are_the_whole_table(client, model, table):
    def parts(command):
        info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
        return [client.do_get(endpoint.ticket).read_all() for endpoint in info.endpoints]

    has_customers = "customer_id" in schema(model, table).names
    seven = parts(f"{table}?partitions=7")
    assert len(seven) == (7 if has_customers else 1)
    assert pa.concat_tables(seven).equals(read(client, table.encode()))
    assert len(parts(f"{table}?customers=5&partitions=10")) == (5 if has_customers else 1)


@each_model
def test_list_flights_lists_the_tables(client, model):
    flights = {info.descriptor.path[0].decode(): info for info in client.list_flights()}
    assert list(flights) == list(SCHEMAS[model])
    assert flights["customers"].total_records == CUSTOMERS
    assert flights["usage_daily"].total_records == -1
    assert [info.descriptor.path[0] for info in client.list_flights(b"billing")] == [b"billing"]


def test_a_ticket_selects_columns_dates_and_customers(client):
    rows = read(client, b"usage_daily?columns=date,sessions,customer_id"
                        b"&from=2024-01-01&to=2024-01-31&first_id=10&last_id=999")
    whole = read(client, b"usage_daily")
    january = pc.and_(pc.greater_equal(whole["date"], datetime.date(2024, 1, 1)),
                      pc.less_equal(whole["date"], datetime.date(2024, 1, 31)))
    own = pc.and_(pc.greater_equal(whole["customer_id"], 10), pc.less_equal(whole["customer_id"], 999))
    assert rows.num_rows > 1_000
    assert rows.equals(whole.filter(pc.and_(january, own)).select(["date", "sessions", "customer_id"]))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compression_and_dictionaries_keep_the_values(client, compression):
    rows = read(client, f"billing?compression={compression}&strings=dictionary".encode())
    assert rows.schema.field("payment_status").type == pa.dictionary(pa.int8(), pa.string())
    plain = rows.set_column(4, rows.schema.field(4).with_type(pa.string()), rows["payment_status"].cast(pa.string()))
    assert plain.equals(read(client, b"billing"))


def test_an_empty_range_has_a_schema_and_no_batch(client):
    reader = client.do_get(flight.Ticket(b"support?first_id=8&last_id=7"))
    assert reader.schema.names == schema("saas-v1", "support").names
    assert list(reader) == []


def test_the_last_of_a_trillion_customers_can_be_read(client):
    reader = client.do_get(flight.Ticket(b"usage_daily?customers=1000000000000&first_id=999999990001"))
    assert reader.read_chunk().data["customer_id"][0].as_py() > 999_999_990_000
    reader.cancel()


def test_describe_is_an_action_with_the_fingerprint(client):
    (result,) = client.do_action("Describe")
    assert b'"fingerprint"' in result.body.to_pybytes()
    assert [action.type for action in client.list_actions()][:2] == ["Describe", "CancelFlightInfo"]


def test_credentials_are_accepted_by_a_server_that_asks_for_none(client, server):
    token = client.authenticate_basic_token("anybody", "anything")
    assert token[0] == b"authorization" and token[1].startswith(b"Bearer ")
    options = flight.FlightCallOptions(headers=[token])
    assert client.do_get(flight.Ticket(b"customers"), options).read_all().num_rows == CUSTOMERS

    class Handler(flight.ClientAuthHandler):
        def authenticate(self, outgoing, incoming):
            outgoing.write(b"anything")
            self.token = incoming.read()

        def get_token(self):
            return self.token

    client.authenticate(Handler())
    assert read(client, b"customers").num_rows == CUSTOMERS


def test_a_cancelled_flight_info_can_be_read_again(client):
    info = client.get_flight_info(flight.FlightDescriptor.for_command("billing"))
    serialized = info.serialize()
    # Encodes CancelFlightInfoRequest {info = 1} by hand.
    length = bytes([len(serialized) & 0x7F | 0x80, len(serialized) >> 7])
    (result,) = client.do_action(flight.Action("CancelFlightInfo", b"\x0a" + length + serialized))
    assert result.body.to_pybytes() == b"\x08\x01", "CANCEL_STATUS_CANCELLED"
    assert client.do_get(info.endpoints[0].ticket).read_all().num_rows > 0


@pytest.mark.parametrize("ticket, error, message", [
    (b"nothing", KeyError, "customers, usage_daily"),
    (b"customers?first_id=0", pa.ArrowInvalid, "`first_id` is 0"),
    (b"customers?colour=red", pa.ArrowInvalid, "unknown key `colour`"),
    (b"\xff", pa.ArrowInvalid, "neither UTF-8"),
])
def test_errors_name_the_allowed_values(client, ticket, error, message):
    with pytest.raises(error, match=message):
        read(client, ticket)
