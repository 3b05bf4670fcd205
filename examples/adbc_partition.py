"""ADBC: reads tables with the Flight SQL driver, without SQL.

The driver reads partitions. A partition is a serialized FlightInfo with one endpoint. It comes from the server, or is
built by hand around a ticket, as here. Its schema must be exactly the schema that the server sends. The driver takes
grpc:// and grpc+tcp:// addresses.

usage: python examples/adbc_partition.py [URI]      (default grpc://localhost:8815)
needs: pip install adbc-driver-flightsql adbc-driver-manager pyarrow
"""
import sys

import pyarrow.flight as flight
from adbc_driver_flightsql import dbapi


def partition(schema, ticket):
    """Returns the argument of `adbc_read_partition` for a ticket whose rows have this schema."""
    descriptor = flight.FlightDescriptor.for_command(ticket)
    return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])], -1, -1).serialize()


def partitions(uri, command):
    """Returns the partitions of a command such as `usage_daily?partitions=4`. Each can go to another reader."""
    with flight.connect(uri) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
    return [partition(info.schema, endpoint.ticket.ticket) for endpoint in info.endpoints]


def main(uri="grpc://localhost:8815"):
    with flight.connect(uri) as client:
        schema = client.get_schema(flight.FlightDescriptor.for_path("customers")).schema
    # The driver has no transactions, and warns without autocommit.
    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_read_partition(partition(schema, b"customers"))
        print(f"customers: {cursor.fetchone()} is the first")
        for number, part in enumerate(partitions(uri, "usage_daily?partitions=4"), 1):
            cursor.adbc_read_partition(part)
            print(f"usage_daily, part {number}: {cursor.fetch_arrow_table().num_rows:,} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
