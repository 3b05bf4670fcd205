"""Dask: a table as a DataFrame. Workers read its partitions straight from the server.

The client that builds the graph calls GetFlightInfo once. A worker calls DoGet once for each partition it computes.

usage: python examples/dask_dataframe.py [URI]      (default grpc://localhost:8815)
needs: pip install "dask[dataframe]" pyarrow
"""
import sys

import dask.dataframe as dd
import pandas as pd
import pyarrow.flight as flight


def read_ticket(uris, ticket):
    """Reads a partition from the first replica that answers. ArrowDtype keeps dates and decimals as they are."""
    for left, uri in enumerate(uris, 1 - len(uris)):
        try:
            with flight.connect(uri) as client:
                return client.do_get(flight.Ticket(ticket)).read_all().to_pandas(types_mapper=pd.ArrowDtype)
        except flight.FlightUnavailableError:
            if left == 0:
                raise


def read_table(uri, command):
    """Returns the rows of a command, such as `usage_daily?partitions=8&columns=customer_id,date`, as a DataFrame."""
    with flight.connect(uri) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
    # An endpoint without locations is read from the server that listed it.
    uris = [[location.uri.decode() for location in endpoint.locations] or [uri] for endpoint in info.endpoints]
    tickets = [endpoint.ticket.ticket for endpoint in info.endpoints]
    return dd.from_map(read_ticket, uris, tickets, meta=info.schema.empty_table().to_pandas(types_mapper=pd.ArrowDtype))


def main(uri="grpc://localhost:8815"):
    usage = read_table(uri, "usage_daily?partitions=8&columns=customer_id,sessions")
    customers = read_table(uri, "customers?columns=customer_id,plan")
    print(usage.merge(customers, on="customer_id").groupby("plan")["sessions"].agg(["count", "sum", "mean"]).compute())


if __name__ == "__main__":
    main(*sys.argv[1:])
