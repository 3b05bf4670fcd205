"""`saasgen verify` reads files from other writers."""
import json
import shutil
import subprocess

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import SAASGEN

TABLES = ["customers", "usage_daily", "billing", "support", "retention_curves", "usage_truth"]


def verify(folder, *args):
    ran = subprocess.run([SAASGEN, "verify", "--data", folder, "--json", *args], capture_output=True, text=True)
    assert ran.stderr == "", ran.stderr
    checks = json.loads(ran.stdout)["checks"]
    by_verdict = lambda verdict: {f"{check['table']}: {check['name']}" for check in checks if check["verdict"] == verdict}
    return ran.returncode, by_verdict("holds"), by_verdict("fails"), by_verdict("not_run")


@pytest.fixture(scope="module")
def expected(raw):
    """The checks that hold for the files as `saasgen generate` wrote them."""
    code, holds, fails, not_run = verify(raw)
    assert (code, fails, not_run) == (0, set(), set())
    assert len(holds) > 130
    return holds


def rewritten(raw, folder, rewrite, manifest=True):
    for table in TABLES:
        rewrite(table, raw / f"{table}.parquet")
    if manifest:
        shutil.copy(raw / "manifest.json", folder)
    return verify(folder)


def test_files_rewritten_by_duckdb_hold(raw, tmp_path, expected):
    def rewrite(table, source):
        duckdb.sql(f"copy (from '{source}') to '{tmp_path}/{table}.parquet' (format parquet, row_group_size 20000)")

    code, holds, fails, not_run = rewritten(raw, tmp_path, rewrite)
    assert (code, holds, fails, not_run) == (0, expected, set(), set())


def test_shuffled_rows_in_several_files_hold_without_a_manifest(raw, tmp_path, expected):
    def rewrite(table, source):
        (tmp_path / table).mkdir()
        for part in range(3):
            rows = f"select *, 'note' as extra, 1.5 as more from (select *, row_number() over () as n from '{source}') where n % 3 = {part}"
            duckdb.sql(f"copy ({rows} order by hash(n)) to '{tmp_path}/{table}/part-{part}.parquet' (format parquet, row_group_size 5000)")
        (tmp_path / table / "_SUCCESS").touch()

    code, holds, fails, not_run = rewritten(raw, tmp_path, rewrite, manifest=False)
    order = {check for check in expected if check.endswith(": rows in order")}
    exact = {check for check in expected if check.endswith(": every value as generated")}
    assert (code, fails, not_run) == (0, set(), order)
    assert holds == expected - order - exact


def test_shuffled_rows_with_a_manifest_are_compared_value_by_value(raw, tmp_path, expected):
    def rewrite(table, source):
        duckdb.sql(f"copy (from '{source}' order by random()) to '{tmp_path}/{table}.parquet' (format parquet, row_group_size 4000)")

    code, holds, fails, not_run = rewritten(raw, tmp_path, rewrite)
    order = {check for check in expected if check.endswith(": rows in order")}
    assert (code, holds, fails, not_run) == (0, expected - order, set(), order)


def other_types(table, pandas_types):
    """The same values in the types that other programs write."""
    def cast(field, column):
        if pa.types.is_date(field.type):
            return column.cast(pa.timestamp("ns", "UTC") if pandas_types else pa.timestamp("us"))
        if pa.types.is_string(field.type):
            return column.cast(pa.large_string()) if pandas_types else column.dictionary_encode()
        if pa.types.is_decimal(field.type):
            return column.cast(pa.float64()) if pandas_types else column.cast(pa.decimal128(18, 4))
        if pa.types.is_int32(field.type):
            return column.cast(pa.float64() if pandas_types else pa.int64())
        return column

    return pa.table({field.name: cast(field, table[field.name]) for field in table.schema})


@pytest.mark.parametrize("pandas_types", [True, False])
def test_values_in_other_types_hold(raw, tmp_path, expected, pandas_types):
    def rewrite(table, source):
        rows = other_types(pq.read_table(source), pandas_types)
        rows = rows.select(reversed(rows.column_names))
        pq.write_table(rows, tmp_path / f"{table}.parquet", write_statistics=not pandas_types, row_group_size=30_000,
                       compression="gzip" if pandas_types else "brotli")

    code, holds, fails, not_run = rewritten(raw, tmp_path, rewrite)
    assert (code, holds, fails, not_run) == (0, expected, set(), set())


def test_values_outside_of_the_type_fail_and_are_shown(raw, tmp_path):
    shutil.copytree(raw, tmp_path, dirs_exist_ok=True)
    usage = pq.read_table(raw / "usage_daily.parquet")
    sessions = usage["sessions"].cast(pa.float64()).to_pylist()
    sessions[5] += 0.5
    dates = usage["date"].cast(pa.timestamp("s")).to_pylist()
    dates[9] = dates[9].replace(hour=7)
    usage = usage.set_column(2, "sessions", pa.array(sessions)).set_column(1, "date", pa.array(dates, pa.timestamp("s")))
    pq.write_table(usage, tmp_path / "usage_daily.parquet")
    ran = subprocess.run([SAASGEN, "verify", "--data", tmp_path], capture_output=True, text=True)
    assert ran.returncode == 1
    lines = ran.stdout.split("usage_daily: values can be read, names known FAILS\n")[1].splitlines()
    assert f"sessions {sessions[5]}" in lines[0] and "T07:00:00" in lines[1]


def test_unreadable_columns_fail_and_the_other_tables_are_checked(raw, tmp_path):
    shutil.copytree(raw, tmp_path, dirs_exist_ok=True)
    billing = pq.read_table(raw / "billing.parquet").drop_columns(["amount"])
    pq.write_table(billing, tmp_path / "billing.parquet")
    support = pq.read_table(raw / "support.parquet")
    lists = pc.make_struct(support["category"])
    pq.write_table(support.set_column(3, "category", lists), tmp_path / "support.parquet")
    code, holds, fails, _ = verify(tmp_path)
    assert code == 1
    assert fails == {"billing: columns are there", "support: columns are there"}
    assert "usage_daily: every value as generated" in holds
