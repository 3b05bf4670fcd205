"""The examples run as scripts, read the same rows as files hold, and send filters to the server."""
import datetime
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as pq
import pytest
from adbc_driver_flightsql import dbapi

from conftest import CUSTOMERS, DEFAULT
from tables import each_table, schema

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import adbc_partition  # noqa: E402
import duckdb_join  # noqa: E402
import polars_scan  # noqa: E402
import pyarrow_flight  # noqa: E402


@pytest.mark.parametrize("name, shown", [
    ("pyarrow_flight", ["customers: 5,000 rows", "amount: decimal128(10, 2) not null", "category is dictionary",
                        "'customer_id': 1,"]),
    ("duckdb_join", ["plan Basic,", "plan Enterprise,", "plan Free,", "revenue None", "plan Pro,"]),
    ("polars_scan", ["active", "Enterprise", "shape: (3, 5)"]),
    ("adbc_partition", ["customers: (1, ", "part 4: "]),
])
def test_scripts(server, name, shown):
    ran = subprocess.run([sys.executable, EXAMPLES / f"{name}.py", server.uri], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert [text for text in shown if text not in ran.stdout] == []


def test_pyarrow_reads_and_leaves(server, raw):
    with flight.connect(server.uri) as client:
        assert pyarrow_flight.read(client, "billing").equals(pq.read_table(raw / "billing.parquet"))
        batch = pyarrow_flight.first_batch(client, "usage_daily?customers=1000000000000")
        assert batch["customer_id"][0].as_py() == 1


def test_duckdb_joins_the_streams_as_the_files(server, raw):
    with duckdb.connect() as database:
        for table in ("customers", "usage_daily", "billing", "support"):
            database.execute(f"create view {table} as from '{raw}/{table}.parquet'")
        assert duckdb_join.plans(server.uri).equals(database.sql(duckdb_join.QUERY).to_arrow_table())


def test_adbc_reads_tickets_and_partitions(server, raw):
    usage = pq.read_table(raw / "usage_daily.parquet")
    parts = adbc_partition.partitions(server.uri, "usage_daily?partitions=5")
    assert len(parts) == 5
    with dbapi.connect(server.uri, autocommit=True) as connection, connection.cursor() as cursor:
        def read(part):
            cursor.adbc_read_partition(part)
            return cursor.fetch_arrow_table()
        assert pa.concat_tables(map(read, parts)).cast(usage.schema).equals(usage)
        assert read(adbc_partition.partition(usage.schema, "usage_daily")).cast(usage.schema).equals(usage)


@pytest.fixture
def requests(monkeypatch):
    """Records each DoGet of a scan: the keys of its ticket, how many batches were read, whether it was cancelled."""
    asked = []

    class Reader:
        def __init__(self, reader, request):
            self.reader, self.request = reader, request

        def __iter__(self):
            for chunk in self.reader:
                self.request["batches"] += 1
                yield chunk

        def cancel(self):
            self.request["cancelled"] = True
            self.reader.cancel()

    class Client:
        def __init__(self, uri):
            self.client = connect(uri)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.client.close()

        def __getattr__(self, name):
            return getattr(self.client, name)

        def do_get(self, ticket):
            _, _, query = ticket.ticket.decode().partition("?")
            keys = dict(pair.split("=") for pair in query.replace("%2C", ",").split("&") if pair)
            asked.append({"keys": keys, "batches": 0, "cancelled": False})
            return Reader(self.client.do_get(ticket), asked[-1])

    connect = flight.connect
    monkeypatch.setattr(polars_scan.flight, "connect", Client)
    return asked


ID, DATE = pl.col("customer_id"), pl.col("date")
DAY = datetime.date(2024, 3, 1)
NEXT = datetime.date(2024, 3, 2)
WINDOW = {"from": "2023-07-01", "to": "2024-12-31"}
EVERYONE = {"first_id": "1", "last_id": str(CUSTOMERS)}
NOBODY = {"first_id": "1", "last_id": "0"}
NEVER = {"from": "2023-07-01", "to": "2023-06-30"}


def ids(first, last):
    return {"first_id": str(first), "last_id": str(last)} | WINDOW


def dates(first, last):
    return EVERYONE | {"from": first, "to": last}


PREDICATES = {
    "id >": (ID > 4_900, ids(4_901, 5_000)),
    "id >=": (ID >= 4_900, ids(4_900, 5_000)),
    "id <": (ID < 100, ids(1, 99)),
    "id <=": (ID <= 100, ids(1, 100)),
    "id ==": (ID == 77, ids(77, 77)),
    "> id": (pl.lit(100) > ID, ids(1, 99)),
    ">= id": (pl.lit(100) >= ID, ids(1, 100)),
    "< id": (pl.lit(4_900) < ID, ids(4_901, 5_000)),
    "<= id": (pl.lit(4_900) <= ID, ids(4_900, 5_000)),
    "== id": (pl.lit(77) == ID, ids(77, 77)),
    "between": (ID.is_between(10, 20), ids(10, 20)),
    "between, open": (ID.is_between(10, 20, closed="none"), ids(11, 19)),
    "between, left": (ID.is_between(10, 20, closed="left"), ids(10, 19)),
    "between, right": (ID.is_between(10, 20, closed="right"), ids(11, 20)),
    "in": (ID.is_in([9, 3, 70]), ids(3, 70)),
    "in, null": (ID.is_in([9, None, 70]), ids(9, 70)),
    "in one": (ID.is_in([9]), ids(9, 9)),
    "not <": (~(ID < 4_990), ids(4_990, 5_000)),
    "date >": (DATE > datetime.date(2024, 12, 1), dates("2024-12-02", "2024-12-31")),
    "date >=": (DATE >= datetime.date(2024, 12, 1), dates("2024-12-01", "2024-12-31")),
    "date <": (DATE < datetime.date(2023, 8, 1), dates("2023-07-01", "2023-07-31")),
    "<= date": (pl.lit(datetime.date(2024, 12, 1)) <= DATE, dates("2024-12-01", "2024-12-31")),
    "date ==": (DATE == DAY, dates("2024-03-01", "2024-03-01")),
    "date between": (DATE.is_between(DAY, NEXT), dates("2024-03-01", "2024-03-02")),
    "date in": (DATE.is_in([NEXT, DAY]), dates("2024-03-01", "2024-03-02")),
    "pl.date": (DATE == pl.date(2024, 3, 1), dates("2024-03-01", "2024-03-01")),
    "and": ((ID > 10) & (ID < 50) & (DATE == DAY), {"first_id": "11", "last_id": "49", "from": "2024-03-01", "to": "2024-03-01"}),
    "and another column": ((ID <= 50) & (pl.col("sessions") > 20), ids(1, 50)),
    "and or": ((ID <= 50) & ((ID == 3) | (pl.col("sessions") > 20)), ids(1, 50)),
    "contradiction": ((ID > 50) & (ID < 10), NOBODY | WINDOW),
    "contradiction of dates": ((DATE > NEXT) & (DATE < DAY), EVERYONE | NEVER),
    "above all": (ID > 1_000_000, NOBODY | WINDOW),
    "below all": (ID <= 0, NOBODY | WINDOW),
    "out of range, yet all": ((ID > -5) & (ID < 2**62), EVERYONE | WINDOW),
    "after the window": (DATE > datetime.date(2030, 1, 1), EVERYONE | NEVER),
    "before the window": (DATE <= datetime.date(1999, 1, 1), EVERYONE | NEVER),
    "the last int64": (ID > 2**63 - 1, NOBODY | WINDOW),
    # Not pushed down: Polars filters these alone.
    "or": ((ID == 5) | (ID == 4_000), EVERYONE | WINDOW),
    "not ==": (ID != 5, EVERYONE | WINDOW),
    "arithmetic": (ID % 1_000 == 7, EVERYONE | WINDOW),
    "fraction": (ID < 10.5, EVERYONE | WINDOW),
    "datetime": (DATE >= datetime.datetime(2024, 12, 30, 12), EVERYONE | WINDOW),
    "two columns": (ID > pl.col("usage_minutes"), EVERYONE | WINDOW),
    "another column": (pl.col("sessions") == 90, EVERYONE | WINDOW),
}


@pytest.fixture(scope="module")
def usage(folders):
    return pl.read_parquet(folders(DEFAULT) / "usage_daily.parquet")


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("name", PREDICATES)
def test_polars_pushes_predicates_and_gives_the_same_rows(server, usage, requests, name, engine):
    predicate, keys = PREDICATES[name]
    rows = polars_scan.scan(server.uri, "usage_daily").filter(predicate).collect(engine=engine)
    assert rows.equals(usage.filter(predicate))
    assert [request["keys"] for request in requests] == [keys]


@each_table
def test_polars_scans_every_table(server, raw, table):
    rows = pl.read_parquet(raw / f"{table}.parquet")
    scan = polars_scan.scan(server.uri, table)
    assert scan.collect_schema() == rows.schema
    assert scan.collect().equals(rows)
    first = scan.filter(pl.first() <= pl.first().min()).collect()
    assert first.equals(rows.filter(pl.first() <= pl.first().min()))


# The dates that a ticket can be narrowed to. The other dates of these tables, and those of other tables, narrow nothing.
OWN_DATES = {"customers": "signup_date", "subscriptions": "event_date", "usage_daily": "date", "billing": "bill_date",
             "support": "ticket_date", "cycles_truth": "first_day", "calendar": "date", "usage_truth": "date"}


@each_table
def test_polars_pushes_each_tables_own_date(server, raw, requests, model, table):
    columns = schema(model, table)
    whole = (EVERYONE if "customer_id" in columns.names else {}) | (WINDOW if table in OWN_DATES else {})
    day = {"from": "2024-03-01", "to": "2024-03-01"}
    for column in [field.name for field in columns if field.type == pa.date32()]:
        rows = polars_scan.scan(server.uri, table).filter(pl.col(column) == DAY).collect()
        assert rows.height > 0 and rows.equals(pl.read_parquet(raw / f"{table}.parquet").filter(pl.col(column) == DAY))
        assert requests[-1]["keys"] == (whole | day if column == OWN_DATES.get(table) else whole)


def test_polars_pushes_columns(server, usage, requests):
    scan = polars_scan.scan(server.uri, "usage_daily")
    assert scan.select("sessions", "date").collect().equals(usage.select("sessions", "date"))
    assert set(requests[0]["keys"]["columns"].split(",")) == {"sessions", "date"}
    assert scan.filter(ID == 7).select("sessions").collect().equals(usage.filter(ID == 7).select("sessions"))
    assert set(requests[1]["keys"]["columns"].split(",")) == {"sessions", "customer_id"}
    assert scan.select(pl.len()).collect().item() == usage.height


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_polars_stops_at_the_row_limit(server, usage, requests, engine):
    scan = polars_scan.scan(server.uri, "usage_daily")
    assert scan.head(10).collect(engine=engine).equals(usage.head(10))
    assert requests[0]["batches"] == 1 and requests[0]["cancelled"]
    assert scan.collect(engine=engine).equals(usage)
    most = requests[1]["batches"]
    assert most > 3
    assert scan.head(usage.height // 2).collect(engine=engine).equals(usage.head(usage.height // 2))
    assert 1 < requests[2]["batches"] < most


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_polars_counts_the_limit_before_it_filters(server, usage, requests, engine):
    head = polars_scan.scan(server.uri, "usage_daily").head(200)
    predicate = ID == usage["customer_id"][150]
    assert head.filter(predicate).collect(engine=engine).equals(usage.head(200).filter(predicate))
    assert requests[0]["keys"] == {}
    first = polars_scan.scan(server.uri, "usage_daily").filter(ID > 4_000).head(5).collect(engine=engine)
    assert first.equals(usage.filter(ID > 4_000).head(5))
    assert requests[1]["keys"] == ids(4_001, 5_000)
