"""The descriptions of tables: `saasgen describe`, the metadata of schemas and files, and the action `Describe`."""
import json
import subprocess

import duckdb
import pyarrow.flight as flight
import pyarrow.parquet as pq
import pytest

from conftest import CUSTOMERS, SAASGEN
from tables import SCHEMAS, each_model, each_table


# Values that the type of a column has, and no row. Free has no invoices, and saas-v2 has no moves yet.
ABSENT = {("billing", "plan"): {"Free"},
          ("subscriptions", "event"): {"upgrade", "downgrade", "seats_up", "seats_down", "reactivate"}}


@pytest.fixture
def described(model):
    command = [SAASGEN, "describe", "--json", "--model", model, "--customers", str(CUSTOMERS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["tables"]


def comments(schema):
    """The comment of a table, and those of its columns."""
    return schema.metadata[b"comment"].decode(), [field.metadata[b"comment"].decode() for field in schema]


@each_table
def test_streams_and_files_carry_the_descriptions(server, raw, described, airport, attached, table):
    expected = described[table]["summary"], [column["law"] for column in described[table]["columns"]]
    descriptor = flight.FlightDescriptor.for_path(table)
    with flight.connect(server.uri) as client:
        assert comments(client.get_flight_info(descriptor).schema) == expected
        assert comments(client.get_schema(descriptor).schema) == expected
        assert comments(client.do_get(flight.Ticket(table)).schema) == expected
    assert comments(pq.read_schema(raw / f"{table}.parquet")) == expected
    assert [info.descriptor.path[0].decode() for info in airport.flights() if comments(info.schema) == expected] == [table]
    # Airport shows these as comments of the table and its columns.
    assert comments(attached[table].schema) == expected
    assert attached[table].metadata.comment == expected[0]


def test_a_selection_of_columns_keeps_their_descriptions(server, described):
    with flight.connect(server.uri) as client:
        schema = client.do_get(flight.Ticket("billing?columns=amount,bill_date&strings=dictionary")).schema
    laws = {column["name"]: column["law"] for column in described["billing"]["columns"]}
    assert comments(schema) == (described["billing"]["summary"], [laws["amount"], laws["bill_date"]])


@each_table
def test_duckdb_finds_the_description_of_a_table_in_its_file(raw, described, table):
    query = f"select value::varchar from parquet_kv_metadata('{raw}/{table}.parquet') where key = 'comment'"
    assert duckdb.sql(query).fetchall() == [(described[table]["summary"],)]


@each_table
def test_the_keys_and_the_allowed_values_are_those_of_the_data(raw, described, table):
    one = lambda query: duckdb.sql(query).fetchall()[0][0]
    rows, about = f"'{raw}/{table}.parquet'", described[table]
    distinct = one(f"select count(*) from (select distinct {', '.join(about['primary_key'])} from {rows})")
    assert distinct == one(f"select count(*) from {rows}") > 0
    assert [key["column"] for key in about["foreign_keys"]] == [
        column["name"] for column in about["columns"] if column["name"] == "customer_id" and table != "customers"]
    for key in about["foreign_keys"]:
        there = f"select {key['references']['column']} from '{raw}/{key['references']['table']}.parquet'"
        assert one(f"select count(*) from {rows} where {key['column']} not in ({there})") == 0
    for column in about["columns"]:
        name = column["name"]
        if "values" in column:
            found = {value for value, in duckdb.sql(f"select distinct {name} from {rows}").fetchall()}
            allowed = {str(value) for value in column["values"]} - ABSENT.get((table, name), set())
            assert {str(value) for value in found} == allowed
        else:
            least, most = (json.dumps(column[end]).replace('"', "'") for end in ("minimum", "maximum"))
            outside = f"{name} < {least} or {name} > {most}"
            assert one(f"select count(*) from {rows} where {outside}") == 0


@each_model
def test_the_action_describes_the_data_set(server, described, model):
    with flight.connect(server.uri) as client:
        (result,) = client.do_action("Describe")
    description = json.loads(result.body.to_pybytes())
    assert description["customers"] == CUSTOMERS and description["model"] == model
    assert list(description["expected_rows"]) == list(SCHEMAS[model])
    assert description["parameters"]["plans"]["Pro"]["price"] == {"saas-v1": 99, "saas-v2": 15}[model]
    dated = {table: about["date_column"] for table, about in described.items() if about["date_column"]}
    assert description["date_columns"] == dated
