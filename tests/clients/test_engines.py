"""DuckDB and Polars read streams and files."""
import duckdb
import polars as pl
import pyarrow.flight as flight

from conftest import CUSTOMERS


def stream(server, ticket):
    return flight.connect(server.uri).do_get(flight.Ticket(ticket)).to_reader()


def test_duckdb_reads_a_stream(server):
    usage = stream(server, b"usage_daily")
    rows, customers = duckdb.sql("select count(*), count(distinct customer_id) from usage").fetchall()[0]
    assert rows > 40 * CUSTOMERS * 0.9 and customers <= CUSTOMERS


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


def test_the_region_na_is_text_and_not_null(server, raw):
    of_file = pl.read_parquet(raw / "customers.parquet")
    of_stream = pl.from_arrow(stream(server, b"customers").read_all())
    assert of_file.equals(of_stream)
    assert of_file["region"].null_count() == 0
    assert 0.3 < (of_file["region"] == "NA").mean() < 0.4


def test_polars_scans_the_files(raw):
    usage = pl.scan_parquet(raw / "usage_daily.parquet")
    days = usage.group_by("date").agg(pl.col("customer_id").n_unique()).collect()
    assert days.height == 550
    assert usage.filter(pl.col("customer_id") == 7).select("sessions").collect().height > 0
