"""PySpark: the server's tables as a data source. Executors read them from one replica or several.

The driver asks once for the parts of a scan. Each part becomes a task, which reads its ticket straight from a replica.
Filters on customer_id and on the table's date become part of the ticket, so the server generates only matching rows.
If a replica is unavailable, the next one takes over, even in the middle of a stream: every replica sends the same rows.

Spark pickles the class by reference, so executors need this file. `register` sends it with addPyFile. Executors also
need pyarrow and the driver's version of Python: set PYSPARK_PYTHON.

usage: python examples/spark_source.py [URI[,URI..]]      (default grpc://localhost:8815)
needs: pip install pyspark pyarrow      and Java 17
"""
import datetime
import json
import sys
import urllib.parse

import pyarrow.flight as flight
from pyspark.sql import SparkSession
from pyspark.sql.datasource import (DataSource, DataSourceReader, EqualTo, GreaterThan, GreaterThanOrEqual, In,
                                    InputPartition, LessThan, LessThanOrEqual)

DDL = {"int64": "bigint", "int32": "int", "date32[day]": "date", "decimal128(10, 2)": "decimal(10, 2)", "string": "string",
       "double": "double", "bool": "boolean"}


class SaasgenDataSource(DataSource):
    """Options: `uri` (replicas, separated by commas), `table`, and the ticket keys in KEYS."""

    KEYS = ("partitions", "customers", "seed", "columns")

    def __init__(self, options):
        self.uris = options.get("uri", "grpc://localhost:8815").split(",")
        self.table = options["table"]
        self.keys = {key: options[key] for key in self.KEYS if key in options}

    @classmethod
    def name(cls):
        return "saasgen"

    def schema(self):
        # Spark compares this schema with that of the batches, whose columns are not nullable.
        return ", ".join(f"`{field.name}` {DDL[str(field.type)]} NOT NULL" for field in self.info().schema)

    def reader(self, schema):
        return SaasgenReader(self, schema)

    def info(self, **keys):
        """Returns the FlightInfo of the scan, with further keys."""
        command = f"{self.table}?{urllib.parse.urlencode(self.keys | keys)}"
        return first_available(self.uris, lambda client: client.get_flight_info(flight.FlightDescriptor.for_command(command)))


class SaasgenReader(DataSourceReader):
    def __init__(self, source, schema):
        self.source, self.narrowed = source, {}
        self.kinds = {field.name: field.dataType.typeName() for field in schema.fields}

    def pushFilters(self, filters):
        """Narrows the scan, and yields the filters that Spark still has to apply."""
        description = describe(self.source.uris)
        whole = {"date": [datetime.date.fromisoformat(description["window"][end]).toordinal() for end in ("first", "last")],
                 "long": [1, int(self.source.keys.get("customers", description["customers"]))]}
        narrowing = ("customer_id", description["date_columns"].get(self.source.table))
        ranges = {(name,): whole[kind] for name, kind in self.kinds.items() if name in narrowing}
        for filter in filters:
            path, low, high = bounds(filter)
            if path in ranges:
                ranges[path] = [max(low, ranges[path][0]), min(high, ranges[path][1])]
            if path not in ranges or isinstance(filter, In):  # A list is pushed as its least and largest value.
                yield filter
        for (name,), (low, high) in ranges.items():
            if low > high:
                low, high = whole[self.kinds[name]][0], whole[self.kinds[name]][0] - 1  # An empty range.
            if self.kinds[name] == "date":
                dates = [datetime.date.fromordinal(day).isoformat() for day in (low, high)]
                self.narrowed.update(zip(("from", "to"), dates))
            else:
                self.narrowed.update(first_id=low, last_id=high)

    def partitions(self):
        parts, uris = [], self.source.uris
        for number, endpoint in enumerate(self.source.info(**self.narrowed).endpoints):
            # A server that advertises replicas lists them, rotated by endpoint. Otherwise, rotate our own list.
            first = number % len(uris)
            locations = [location.uri.decode() for location in endpoint.locations] or uris[first:] + uris[:first]
            parts.append(InputPartition((endpoint.ticket.ticket, locations)))
        return parts

    def read(self, partition):
        ticket, locations = partition.value
        done = 0
        for left, location in enumerate(locations, 1 - len(locations)):
            try:
                with flight.connect(location) as client:
                    to_skip = done  # A failed replica sent these, in other batches.
                    for chunk in client.do_get(flight.Ticket(ticket)):
                        rows = chunk.data.slice(min(to_skip, chunk.data.num_rows))
                        to_skip -= chunk.data.num_rows - rows.num_rows
                        if rows.num_rows > 0:
                            yield rows
                            done += rows.num_rows
                return
            except flight.FlightUnavailableError:
                if left == 0:
                    raise


def bounds(filter):
    """Returns a filter's column path, and the least and largest id or day that pass; Nones for other filters."""
    if not isinstance(filter, (EqualTo, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual, In)):
        return None, None, None
    values = filter.value if isinstance(filter, In) else [filter.value]
    if not values or any(type(value) not in (int, datetime.date) for value in values):
        return None, None, None
    values = [value.toordinal() if isinstance(value, datetime.date) else value for value in values]
    low, high = min(values) + isinstance(filter, GreaterThan), max(values) - isinstance(filter, LessThan)
    if isinstance(filter, (LessThan, LessThanOrEqual)):
        low = float("-inf")
    if isinstance(filter, (GreaterThan, GreaterThanOrEqual)):
        high = float("inf")
    return filter.attribute, low, high


def describe(uris):
    """Returns the server's description of its data set."""
    (result,) = first_available(uris, lambda client: list(client.do_action("Describe")))
    return json.loads(result.body.to_pybytes())


def first_available(uris, ask):
    """Returns the answer of the first replica that is available."""
    for left, uri in enumerate(uris, 1 - len(uris)):
        try:
            with flight.connect(uri) as client:
                return ask(client)
        except flight.FlightUnavailableError:
            if left == 0:
                raise


def register(spark):
    """Registers the data source, so that `spark.read.format("saasgen")` works on the driver and the executors."""
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    spark.sparkContext.addPyFile(__file__)
    spark.dataSource.register(SaasgenDataSource)


def retention(spark, uri, ages=(30, 90, 180), **options):
    """Returns, by plan and age, the share of customers with logged usage, among those who could reach that age."""
    for table in "customers", "usage_daily":
        spark.read.format("saasgen").options(uri=uri, table=table, **options).load().createOrReplaceTempView(table)
    last = describe(uri.split(","))["window"]["last"]
    return spark.sql(f"""
        select plan, age, count(*) as customers, count(date) as active, count(date) / count(*) as retention
        from (select *, explode(array({', '.join(map(str, ages))})) as age from customers) customers
            left join usage_daily on usage_daily.customer_id = customers.customer_id and date = date_add(signup_date, age)
        where date_add(signup_date, age) <= date '{last}'
        group by plan, age order by plan, age""")


def main(uri="grpc://localhost:8815"):
    spark = SparkSession.builder.master("local[*]").appName("saasgen").getOrCreate()
    try:
        register(spark)
        retention(spark, uri).show()
    finally:
        spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
