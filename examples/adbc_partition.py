"""ADBC: tables through the database driver for Arrow Flight, without SQL.

The driver reads partitions, and a partition of it is a serialized FlightInfo of one endpoint: the server's own, or one
made by hand around a ticket. It takes grpc:// and grpc+tcp:// addresses, and the FlightInfo's schema must be exactly the
one that the server will send.

usage: python examples/adbc_partition.py [URI]      (default grpc://localhost:8815)
needs: pip install adbc-driver-flightsql adbc-driver-manager pyarrow
"""
import sys

import pyarrow.flight as flight
from adbc_driver_flightsql import dbapi


def partition(schema, ticket):
    """What `adbc_read_partition` takes, for a ticket that gives rows of this schema."""
    descriptor = flight.FlightDescriptor.for_command(ticket)
    return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])], -1, -1).serialize()


def partitions(uri, command):
    """The partitions that the server makes of a command, as `usage_daily?partitions=4`; each can go to another reader."""
    with flight.connect(uri) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
    return [partition(info.schema, endpoint.ticket.ticket) for endpoint in info.endpoints]


def main(uri="grpc://localhost:8815"):
    with flight.connect(uri) as client:
        schema = client.get_schema(flight.FlightDescriptor.for_path("customers")).schema
    # The driver knows no transactions, and would warn of it.
    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_read_partition(partition(schema, b"customers"))
        print(f"customers: {cursor.fetchone()} is the first")
        for number, part in enumerate(partitions(uri, "usage_daily?partitions=4"), 1):
            cursor.adbc_read_partition(part)
            print(f"usage_daily, part {number}: {cursor.fetch_arrow_table().num_rows:,} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
