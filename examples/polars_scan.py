"""Polars: a LazyFrame that sends its columns, and its bounds on customer_id and dates, to the server.

usage: python examples/polars_scan.py [URI]      (default grpc://localhost:8815)
needs: pip install polars pyarrow
"""
import datetime
import io
import json
import sys
import urllib.parse

import polars as pl
import pyarrow.flight as flight
from polars.io.plugins import register_io_source

EPOCH = datetime.date(1970, 1, 1)
FLIPPED = {"Gt": "Lt", "GtEq": "LtEq", "Lt": "Gt", "LtEq": "GtEq", "Eq": "Eq"}


def scan(uri, table):
    """Returns a table as a LazyFrame. The server generates only the rows and columns that a query needs."""
    with flight.connect(uri) as client:
        empty = client.get_schema(flight.FlightDescriptor.for_path(table)).schema.empty_table()
        (description,) = client.do_action("Describe")
    schema = pl.from_arrow(empty).schema
    described = json.loads(description.body.to_pybytes())
    date_column = described["date_columns"].get(table)

    def read(with_columns, predicate, n_rows, _batch_size):
        # Polars applies n_rows before the predicate. A scan narrowed by the predicate would count other rows.
        can_narrow = predicate is not None and n_rows is None
        keys = narrowed(predicate, schema, described, date_column) if can_narrow else {}
        if with_columns:
            keys["columns"] = ",".join(with_columns)
        with flight.connect(uri) as client:
            reader = client.do_get(flight.Ticket(f"{table}?{urllib.parse.urlencode(keys)}"))
            try:
                for chunk in reader:
                    rows = pl.from_arrow(chunk.data)
                    if n_rows is not None:
                        rows = rows.head(n_rows)
                        n_rows -= rows.height
                    yield rows if predicate is None else rows.filter(predicate)
                    if n_rows == 0:
                        break
            finally:
                reader.cancel()

    return register_io_source(read, schema=schema)


def narrowed(predicate, schema, described, date_column):
    """Returns ticket keys whose rows include all that pass the predicate. The rest is filtered out after reading."""
    window = [(datetime.date.fromisoformat(described["window"][end]) - EPOCH).days for end in ("first", "last")]
    ranges = {date_column: window} if date_column else {}
    if "customer_id" in schema:
        ranges["customer_id"] = [1, described["customers"]]
    keys = {}
    for name, (first, last) in ranges.items():
        low, high = first, last
        for column, op, values in comparisons(json.loads(predicate.meta.serialize(format="json"))):
            values = values.explode().drop_nulls()
            if column == name and values.dtype == schema[name] and len(values) > 0:
                values = values.to_physical()  # Dates become days since 1970-01-01.
                if op in ("Gt", "GtEq", "Eq"):
                    low = max(low, values.min() + (op == "Gt"))
                if op in ("Lt", "LtEq", "Eq"):
                    high = min(high, values.max() - (op == "Lt"))
        if low > high:
            low, high = first, first - 1  # An empty range.
        if schema[name] == pl.Date:
            low, high = (EPOCH + datetime.timedelta(days) for days in (low, high))
        keys.update(zip(("from", "to") if schema[name] == pl.Date else ("first_id", "last_id"), (low, high)))
    return keys


def comparisons(node):
    """Yields (column, operator, values) of comparisons that every row must pass, from a predicate as Polars' JSON."""
    match node:
        case {"BinaryExpr": {"left": left, "op": "And", "right": right}}:
            yield from comparisons(left)
            yield from comparisons(right)
        case {"BinaryExpr": {"left": {"Column": column}, "op": op, "right": {"Literal": _} as value}} if op in FLIPPED:
            yield column, op, literal(value)
        case {"BinaryExpr": {"left": {"Literal": _} as value, "op": op, "right": {"Column": column}}} if op in FLIPPED:
            yield column, FLIPPED[op], literal(value)
        case {"Function": {"input": [{"Column": column}, {"Literal": _} as low, {"Literal": _} as high],
                           "function": {"Boolean": {"IsBetween": {"closed": closed}}}}}:
            yield column, "GtEq" if closed in ("Both", "Left") else "Gt", literal(low)
            yield column, "LtEq" if closed in ("Both", "Right") else "Lt", literal(high)
        case {"Function": {"input": [{"Column": column}, {"Literal": _} as values], "function": {"Boolean": {"IsIn": _}}}}:
            yield column, "Eq", literal(values)


def literal(node):
    """Returns the value of a literal, or the values of a list, as Polars reads them."""
    return pl.select(pl.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")).to_series()


def main(uri="grpc://localhost:8815"):
    january = pl.col("date").is_between(datetime.date(2024, 1, 1), datetime.date(2024, 1, 31))
    usage = scan(uri, "usage_daily").filter(january, pl.col("customer_id") <= 1000)
    plans = usage.join(scan(uri, "customers"), on="customer_id").group_by("plan")
    print(plans.agg(pl.col("customer_id").n_unique().alias("active"), pl.col("sessions").sum()).sort("plan").collect())
    print(scan(uri, "support").head(3).collect())


if __name__ == "__main__":
    main(*sys.argv[1:])
