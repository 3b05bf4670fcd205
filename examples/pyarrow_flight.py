"""pyarrow: lists a server's tables, reads one, reads a part of one, and leaves a stream early.

usage: python examples/pyarrow_flight.py [URI]      (default grpc://localhost:8815)
needs: pip install pyarrow
"""
import sys

import pyarrow.flight as flight


def read(client, ticket):
    """Returns the rows of a ticket, `table` or `table?key=value&key=value`, as a pyarrow.Table."""
    return client.do_get(flight.Ticket(ticket)).read_all()


def first_batch(client, ticket):
    """Returns the first batch of a ticket. The server stops generating when the reader cancels."""
    reader = client.do_get(flight.Ticket(ticket))
    try:
        return reader.read_chunk().data
    finally:
        reader.cancel()


def main(uri="grpc://localhost:8815"):
    with flight.connect(uri) as client:
        print("Tables:")
        for info in client.list_flights():
            rows = "unknown number of rows" if info.total_records < 0 else f"{info.total_records:,} rows"
            print(f"  {info.descriptor.path[0].decode()}: {rows}; {', '.join(info.schema.names)}")

        print("Schema of billing:")
        for field in client.get_schema(flight.FlightDescriptor.for_path("billing")).schema:
            print(f"  {field}")

        info = client.get_flight_info(flight.FlightDescriptor.for_command("usage_daily?partitions=4"))
        rows = [read(client, endpoint.ticket.ticket).num_rows for endpoint in info.endpoints]
        print(f"usage_daily in four parts, for four readers: {rows}")

        customers = read(client, "customers")
        print(f"customers, whole: {customers.num_rows:,} rows, {customers.nbytes:,} bytes")

        january = read(client, "usage_daily?columns=customer_id,sessions&from=2024-01-01&to=2024-01-31&last_id=1000")
        print(f"January 2024 of the first thousand, two columns: {january.num_rows:,} rows, {january.nbytes:,} bytes")

        # Dictionaries and compression send less, for a slow network. On one machine, plain text is faster.
        for compression in "lz4", "zstd":
            tickets = read(client, f"support?strings=dictionary&compression={compression}")
            print(f"support over {compression}: {tickets.nbytes:,} bytes, category is {tickets.schema.field('category').type}")

        batch = first_batch(client, "usage_daily?customers=1000000000000")
        print(f"The first of 58 trillion rows: {batch.slice(0, 1).to_pylist()[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
