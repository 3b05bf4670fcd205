"""DuckDB: one query over all four tables, read while the server generates them, without a file in between.

usage: python examples/duckdb_join.py [URI]      (default grpc://localhost:8815)
needs: pip install duckdb pyarrow
"""
import sys

import duckdb
import pyarrow.flight as flight

# A reader can be read once, so each table stands in the query once, and is aggregated before it is joined.
QUERY = """
    with used as (select customer_id, sum(usage_minutes) as minutes from usage_daily group by customer_id),
         paid as (select customer_id, sum(amount) as revenue from billing where payment_status <> 'failed' group by customer_id),
         asked as (select customer_id, count(*) as tickets from support group by customer_id)
    select plan, count(*) as customers, sum(minutes)::bigint as minutes, sum(revenue) as revenue, sum(tickets)::bigint as tickets
    from customers
        left join used using (customer_id) left join paid using (customer_id) left join asked using (customer_id)
    group by plan order by plan"""


def stream(client, ticket):
    """A ticket's rows as a reader that DuckDB finds by the name of the variable that holds it."""
    return client.do_get(flight.Ticket(ticket)).to_reader()


def plans(uri):
    """Customers, minutes, revenue and tickets of each plan, as a pyarrow.Table."""
    with flight.connect(uri) as client, duckdb.connect() as database:
        # DuckDB can't tell a reader which columns it needs; the ticket can, and the others aren't even generated.
        customers = stream(client, "customers?columns=customer_id,plan")
        usage_daily = stream(client, "usage_daily?columns=customer_id,usage_minutes")
        billing = stream(client, "billing?columns=customer_id,amount,payment_status")
        support = stream(client, "support?columns=customer_id")
        return database.sql(QUERY).to_arrow_table()


def main(uri="grpc://localhost:8815"):
    for row in plans(uri).to_pylist():
        print(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
