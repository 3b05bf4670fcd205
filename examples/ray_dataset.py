"""Ray Data: a table as a Dataset. Ray's tasks read it straight from the server, batch by batch.

Creating the Dataset calls GetFlightInfo once. Each ticket becomes one read task, which calls DoGet once.

If you import this file instead of running it, Ray's workers must be able to import it, too. See Ray's `runtime_env`.

usage: python examples/ray_dataset.py [URI]      (default grpc://localhost:8815)
needs: pip install "ray[data]"
"""
import sys

import pyarrow as pa
import pyarrow.flight as flight
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask


class FlightDatasource(Datasource):
    """The rows of a command, such as `usage_daily?partitions=8&columns=customer_id,date`."""

    def __init__(self, uri, command):
        super().__init__()
        with flight.connect(uri) as client:
            info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
        self.schema = info.schema
        # An endpoint without locations is read from the server that listed it.
        self.parts = [([location.uri.decode() for location in endpoint.locations] or [uri], endpoint.ticket.ticket)
                      for endpoint in info.endpoints]

    def get_read_tasks(self, parallelism, per_task_row_limit=None, data_context=None):
        unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
        # The server has already decided the number of parts, so `parallelism` is ignored.
        return [ReadTask(lambda part=part: read_part(*part), unknown, self.schema, per_task_row_limit) for part in self.parts]

    def estimate_inmemory_data_size(self):
        return None


def read_part(uris, ticket):
    """Yields the rows of a ticket. If a replica fails, the next one continues with the same rows in other batches."""
    done = 0
    for left, uri in enumerate(uris, 1 - len(uris)):
        try:
            with flight.connect(uri) as client:
                to_skip = done
                for chunk in client.do_get(flight.Ticket(ticket)):
                    rows = chunk.data.slice(min(to_skip, chunk.data.num_rows))
                    to_skip -= chunk.data.num_rows - rows.num_rows
                    if rows.num_rows > 0:
                        yield pa.Table.from_batches([rows])
                        done += rows.num_rows
            return
        except flight.FlightUnavailableError:
            if left == 0:
                raise


def main(uri="grpc://localhost:8815"):
    usage = ray.data.read_datasource(FlightDatasource(uri, "usage_daily?partitions=8&columns=date,usage_minutes"))
    print(usage.groupby("date").sum("usage_minutes").sort("date").take(3))


if __name__ == "__main__":
    main(*sys.argv[1:])
