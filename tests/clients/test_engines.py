"""DuckDB, Polars and pandas read streams and files."""
import datetime
import decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.flight as flight

from conftest import CUSTOMERS
from duckdb_plan import duckdb_type
from tables import each_model, each_table, schema

POLARS = {pa.int64(): pl.Int64, pa.int32(): pl.Int32, pa.date32(): pl.Date, pa.string(): pl.String,
          pa.float64(): pl.Float64, pa.bool_(): pl.Boolean, pa.decimal128(10, 2): pl.Decimal(10, 2)}
# pandas has no types for dates and decimals, and keeps Python's objects.
PANDAS = {pa.int64(): "int64", pa.int32(): "int32", pa.date32(): "object", pa.string(): "str", pa.float64(): "float64",
          pa.bool_(): "bool", pa.decimal128(10, 2): "object"}
OBJECTS = {pa.date32(): datetime.date, pa.decimal128(10, 2): decimal.Decimal}


def stream(server, ticket):
    return flight.connect(server.uri).do_get(flight.Ticket(ticket)).to_reader()


@each_table
def test_duckdb_reads_every_table(server, raw, model, table):
    rows = stream(server, table.encode())
    of_stream, of_file = duckdb.sql("from rows").to_arrow_table(), duckdb.sql(f"from '{raw}/{table}.parquet'")
    assert of_file.columns == schema(model, table).names
    assert [str(kind) for kind in of_file.types] == [duckdb_type(kind) for kind in schema(model, table).types]
    assert of_stream.num_rows > 0 and of_stream.equals(of_file.to_arrow_table())


@each_table
def test_polars_reads_every_table(server, raw, model, table):
    of_stream, of_file = pl.from_arrow(stream(server, table.encode())), pl.read_parquet(raw / f"{table}.parquet")
    assert dict(of_file.schema) == {field.name: POLARS[field.type] for field in schema(model, table)}
    assert of_file.height > 0 and of_stream.equals(of_file)
    assert of_file.null_count().sum_horizontal().item() == 0


@each_table
def test_pandas_reads_every_table(server, raw, model, table):
    of_stream, of_file = stream(server, table.encode()).read_pandas(), pd.read_parquet(raw / f"{table}.parquet")
    expected = {field.name: PANDAS[field.type] for field in schema(model, table)}
    assert {name: str(kind) for name, kind in of_file.dtypes.items()} == expected
    for field in schema(model, table):
        if field.type in OBJECTS:
            assert set(of_file[field.name].map(type)) == {OBJECTS[field.type]}
    assert len(of_file) > 0 and not of_file.isna().any(axis=None)
    pd.testing.assert_frame_equal(of_stream, of_file)


@each_model
def test_a_join_in_duckdb_is_the_same_over_streams_and_files(server, raw):
    customers, usage_daily = stream(server, b"customers"), stream(server, b"usage_daily")
    billing, support = stream(server, b"billing"), stream(server, b"support")
    query = """
        with used as (select customer_id, sum(sessions) as sessions from {usage} group by all),
             paid as (select customer_id, sum(amount) as revenue from {billing}
                      where payment_status = 'paid' group by all),
             asked as (select customer_id, count(*) as tickets from {support} group by all)
        select plan, count(*), sum(sessions), sum(revenue), sum(tickets)
        from {customers} left join used using (customer_id) left join paid using (customer_id)
                         left join asked using (customer_id)
        group by plan order by plan"""
    streams = {"customers": "customers", "usage": "usage_daily", "billing": "billing", "support": "support"}
    of_streams = duckdb.sql(query.format(**streams)).fetchall()
    files = {name: f"'{raw}/{table}.parquet'" for name, table in streams.items()}
    assert of_streams == duckdb.sql(query.format(**files)).fetchall()
    assert [row[0] for row in of_streams] == ["Basic", "Enterprise", "Free", "Pro"]
    assert [row[3] is None for row in of_streams] == [False, False, True, False]


def test_duckdb_reads_the_statistics_and_the_metadata(raw):
    file = f"{raw}/usage_daily.parquet"
    metadata = duckdb.sql(f"""select stats_min_value, stats_max_value from parquet_metadata('{file}')
                              where path_in_schema = 'customer_id'""")
    assert all(low is not None and high is not None for low, high in metadata.fetchall())
    pairs = dict(duckdb.sql(f"select key, value from parquet_kv_metadata('{file}')").fetchall())
    assert pairs[b"saasgen.seed"] == b"42" and pairs[b"saasgen.customers"] == str(CUSTOMERS).encode()
    truth = f"'{raw}/usage_truth.parquet'"
    lost = duckdb.sql(f"select count(*) from {truth} where logged").fetchall()[0]
    assert lost == duckdb.sql(f"select count(*) from '{file}'").fetchall()[0]


@each_model
def test_the_region_na_is_text_and_not_null(raw):
    region = pl.read_parquet(raw / "customers.parquet")["region"]
    assert region.null_count() == 0
    assert 0.3 < (region == "NA").mean() < 0.4


def test_polars_scans_the_files(raw):
    usage = pl.scan_parquet(raw / "usage_daily.parquet")
    days = usage.group_by("date").agg(pl.col("customer_id").n_unique()).collect()
    assert days.height == 550
    assert usage.filter(pl.col("customer_id") == 7).select("sessions").collect().height > 0
