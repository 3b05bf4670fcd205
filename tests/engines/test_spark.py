"""PySpark reads from two replicas, on a standalone cluster of two workers."""
import datetime
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.flight as flight
import pyarrow.parquet as pq
import pytest
from pyspark.sql.datasource import (EqualTo, GreaterThan, GreaterThanOrEqual, In, LessThan, LessThanOrEqual, Not,
                                    StringStartsWith)
from pyspark.sql.types import _parse_datatype_string

import spark_source
from conftest import CUSTOMERS, EXAMPLES, Server

TABLES = ["usage_daily", "billing", "support", "customers", "usage_truth", "retention_curves"]
JANUARY = datetime.date(2024, 1, 1), datetime.date(2024, 1, 31)


def load(spark, uri, table, **options):
    return spark.read.format("saasgen").options(uri=uri, table=table, **options).load()


def both(replicas):
    return ",".join(proxy.uri for proxy in replicas)


def same_rows(rows, expected):
    """Whether the tables hold the same rows in any order. Spark's tasks end in no fixed order."""
    by_all = [(name, "ascending") for name in expected.column_names]
    return rows.cast(expected.schema).sort_by(by_all).equals(expected.sort_by(by_all))


@pytest.mark.parametrize("table", TABLES)
def test_a_dataframe_has_the_rows_and_types_of_the_table(spark, server, truth, table):
    frame = load(spark, server.uri, table)
    assert not any(field.nullable for field in frame.schema)
    assert same_rows(frame.toArrow(), truth(table))


def work(spark, frame):
    """Returns the worker, the partition and the number of rows of each task."""
    def report(batches):
        # An inner function is pickled with its code. The workers can't import this file.
        import os

        import pyarrow as pa
        from pyspark import TaskContext
        rows = sum(batch.num_rows for batch in batches)
        worker = next(part for part in os.getcwd().split("/") if part.startswith("worker"))
        yield pa.RecordBatch.from_pylist([{"worker": worker, "part": TaskContext.get().partitionId(), "rows": rows}])
    return frame.mapInArrow(report, "worker string, part long, rows long").toPandas()


def test_both_workers_read_from_both_given_replicas(spark, replicas, truth):
    tasks = work(spark, load(spark, both(replicas), "usage_daily", partitions=8))
    assert sorted(tasks["part"]) == list(range(8))
    assert tasks["rows"].min() > 0 and tasks["rows"].sum() == truth("usage_daily").num_rows
    assert set(tasks["worker"]) == {"worker0", "worker1"}
    one, other = (proxy.sent for proxy in replicas)
    assert min(one, other) > 0.4 * (one + other)


def test_advertised_replicas_share_the_work(spark, advertised_replicas, truth):
    one, other = advertised_replicas
    frame = load(spark, one.uri, "usage_daily", partitions=8)
    assert same_rows(frame.toArrow(), truth("usage_daily"))
    assert min(one.sent, other.sent) > 0.4 * (one.sent + other.sent)


def test_retention_in_spark_is_the_same_as_in_pandas(spark, replicas, truth):
    rows = spark_source.retention(spark, both(replicas), ages=(1, 30, 180), partitions=8).toPandas()
    customers, usage = truth("customers").to_pandas(), truth("usage_daily").to_pandas()
    usage = usage.merge(customers, on="customer_id")
    last = pd.Timestamp("2024-12-31")
    age = (pd.to_datetime(usage["date"]) - pd.to_datetime(usage["signup_date"])).dt.days
    reach = (last - pd.to_datetime(customers["signup_date"])).dt.days
    expected = [(plan, days, int(((customers["plan"] == plan) & (reach >= days)).sum()),
                 int(((usage["plan"] == plan) & (age == days)).sum()))
                for plan in ("Basic", "Enterprise", "Free", "Pro") for days in (1, 30, 180)]
    assert list(rows[["plan", "age", "customers", "active"]].itertuples(index=False, name=None)) == expected
    assert rows["retention"].tolist() == [active / of for _, _, of, active in expected]


@pytest.mark.parametrize("table", ["usage_daily", "billing"])
def test_spark_writes_the_same_rows_to_parquet(spark, replicas, truth, tmp_path, table):
    folder = tmp_path / table
    load(spark, both(replicas), table, partitions=8).write.parquet(str(folder))
    assert len(list(folder.glob("*.parquet"))) == 8
    assert same_rows(pq.read_table(folder), truth(table))


FILTERS = {
    "customer_id = 7": pc.field("customer_id") == 7,
    "customer_id > 19000": pc.field("customer_id") > 19_000,
    "20000 >= customer_id and 19000 <= customer_id": pc.field("customer_id") >= 19_000,
    "customer_id < 50": pc.field("customer_id") < 50,
    "customer_id between 10 and 99 and sessions > 5":
        (pc.field("customer_id") >= 10) & (pc.field("customer_id") <= 99) & (pc.field("sessions") > 5),
    "customer_id in (3, 5, 900)": pc.field("customer_id").isin([3, 5, 900]),
    "date = date '2024-02-29'": pc.field("date") == datetime.date(2024, 2, 29),
    "date > date '2024-12-20'": pc.field("date") > datetime.date(2024, 12, 20),
    "date < '2023-08-01'": pc.field("date") < datetime.date(2023, 8, 1),
    "date between date '2024-01-01' and date '2024-01-31' and customer_id <= 2000":
        (pc.field("date") >= JANUARY[0]) & (pc.field("date") <= JANUARY[1]) & (pc.field("customer_id") <= 2_000),
    "date in (date '2024-01-05', date '2024-01-20')":
        pc.field("date").isin([datetime.date(2024, 1, 5), datetime.date(2024, 1, 20)]),
    "customer_id > 10 and customer_id < 5": pc.scalar(False),
    "customer_id > 9999999999": pc.scalar(False),
    "customer_id < -3": pc.scalar(False),
    "date > date '2031-01-01'": pc.scalar(False),
    "date < date '1999-01-01'": pc.scalar(False),
    "customer_id = null": pc.scalar(False),
    "(customer_id = 3 or sessions > 95) and date >= date '2024-12-01'":
        ((pc.field("customer_id") == 3) | (pc.field("sessions") > 95))
        & (pc.field("date") >= datetime.date(2024, 12, 1)),
}


@pytest.mark.parametrize("condition", FILTERS)
def test_filters_keep_the_right_rows_and_narrow_the_scan(spark, replicas, truth, condition):
    rows = load(spark, both(replicas), "usage_daily", partitions=3).filter(condition).toArrow()
    assert same_rows(rows, truth("usage_daily").filter(FILTERS[condition]))
    # The server sends only a part of the table, which has 20 MB.
    assert sum(proxy.sent for proxy in replicas) < 2_500_000


WINDOW = {"from": "2023-07-01", "to": "2024-12-31"}
EVERYONE = {"first_id": 1, "last_id": CUSTOMERS}
ID, DATE = ("customer_id",), ("date",)


@pytest.mark.parametrize("filters, narrowed, left", [
    ([EqualTo(ID, 7)], {"first_id": 7, "last_id": 7} | WINDOW, []),
    ([GreaterThan(ID, 7), LessThan(ID, 9)], {"first_id": 8, "last_id": 8} | WINDOW, []),
    ([GreaterThanOrEqual(DATE, JANUARY[0]), LessThanOrEqual(DATE, JANUARY[1])],
     {"from": "2024-01-01", "to": "2024-01-31"} | EVERYONE, []),
    ([In(ID, (9, 3, 5))], {"first_id": 3, "last_id": 9} | WINDOW, [0]),
    ([In(DATE, JANUARY)], {"from": "2024-01-01", "to": "2024-01-31"} | EVERYONE, [0]),
    ([EqualTo(("sessions",), 7), EqualTo(ID, 7)], {"first_id": 7, "last_id": 7} | WINDOW, [0]),
    ([Not(EqualTo(ID, 7)), EqualTo(ID, None), In(ID, (None, 4)), In(ID, ()), EqualTo(DATE, "x")],
     EVERYONE | WINDOW, [0, 1, 2, 3, 4]),
    ([StringStartsWith(("plan",), "P")], EVERYONE | WINDOW, [0]),
    ([GreaterThan(ID, 10**12)], {"first_id": 1, "last_id": 0} | WINDOW, []),
    ([LessThan(DATE, datetime.date(1, 1, 1))], {"from": "2023-07-01", "to": "2023-06-30"} | EVERYONE, []),
    ([GreaterThan(DATE, datetime.date(9999, 12, 31))], {"from": "2023-07-01", "to": "2023-06-30"} | EVERYONE, []),
])
def test_pushed_filters_narrow_the_scan_and_the_others_stay_with_spark(spark, server, filters, narrowed, left):
    reader = reader_of(server.uri, table="usage_daily")
    remaining = list(reader.pushFilters(filters))
    assert reader.narrowed == narrowed
    assert [id(filter) for filter in remaining] == [id(filters[number]) for number in left]


@pytest.mark.parametrize("table, date, narrowed, is_left", [
    ("billing", "bill_date", EVERYONE | {"from": "2024-01-01", "to": "2024-01-01"}, False),
    ("billing", "settled_date", EVERYONE | WINDOW, True),
    ("customer_truth", "ended_date", EVERYONE, True),
    ("calendar", "date", {"from": "2024-01-01", "to": "2024-01-01"}, False),
])
def test_only_a_tables_own_date_narrows_its_scan(spark, table, date, narrowed, is_left):
    server = Server("--model", "saas-v2")
    try:
        reader = reader_of(server.uri, table=table)
        filter = EqualTo((date,), JANUARY[0])
        assert list(reader.pushFilters([filter])) == ([filter] if is_left else [])
        assert reader.narrowed == narrowed
    finally:
        server.stop()


def reader_of(uri, **options):
    source = spark_source.SaasgenDataSource({"uri": uri, **options})
    return source.reader(_parse_datatype_string(source.schema()))


def test_the_last_of_a_trillion_customers_can_be_read(spark, server):
    frame = load(spark, server.uri, "usage_daily", customers=10**12, seed=7, partitions=2, columns="customer_id,date")
    rows = frame.filter("customer_id > 999999999900").toArrow()
    assert rows.column_names == ["customer_id", "date"]
    assert pc.min(rows["customer_id"]).as_py() > 999_999_999_900


def test_an_unreachable_replica_is_skipped(spark, replicas, truth):
    dead = Server()
    dead.kill()
    frame = load(spark, f"{dead.uri},{replicas[0].uri},{dead.uri}", "usage_daily", partitions=8)
    assert same_rows(frame.toArrow(), truth("usage_daily"))


def test_the_other_replica_sends_the_rest_when_one_dies(spark, replicas, truth):
    one, other = replicas
    frame = load(spark, both(replicas), "usage_daily", partitions=8)
    one.limit = 4_000_000
    assert same_rows(frame.toArrow(), truth("usage_daily"))
    assert one.sent >= one.limit and other.sent > 10_000_000


def test_a_stream_resumes_at_the_other_replica(server, replicas, truth):
    one, other = replicas
    reader = reader_of(both(replicas), table="usage_daily", partitions="1")
    (part,) = reader.partitions()
    one.limit = one.sent + 8_000_000
    batches = list(reader.read(part))
    assert one.sent >= one.limit and other.sent > 0
    assert pa.Table.from_batches(batches).equals(truth("usage_daily"))


def test_a_read_without_a_live_replica_fails(server):
    dead = Server()
    dead.kill()
    with pytest.raises(flight.FlightUnavailableError):
        reader_of(f"{dead.uri},{dead.uri}", table="customers")
    reader = reader_of(server.uri, table="customers")
    (part,) = reader.partitions()
    part.value = (part.value[0], [dead.uri, dead.uri])
    with pytest.raises(flight.FlightUnavailableError):
        list(reader.read(part))


def test_the_example_prints_the_retention_of_each_plan(server):
    command = [sys.executable, EXAMPLES / "spark_source.py", server.uri]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "retention" in ran.stdout and "Enterprise|180" in ran.stdout
