"""DuckDB: one query over four tables. DuckDB reads them while the server generates them, without files.

usage: python examples/duckdb_join.py [URI]      (default grpc://localhost:8815)
needs: pip install duckdb pyarrow
"""
import sys

import duckdb
import pyarrow.flight as flight

# A stream can be read only once, so the query names each table once, and aggregates it before the join.
QUERY = """
    with used as (select customer_id, sum(usage_minutes) as minutes from usage_daily group by customer_id),
         paid as (select customer_id, sum(amount) as revenue from billing where payment_status <> 'failed' group by customer_id),
         asked as (select customer_id, count(*) as tickets from support group by customer_id)
    select plan, count(*) as customers, sum(minutes)::bigint as minutes, sum(revenue) as revenue, sum(tickets)::bigint as tickets
    from customers
        left join used using (customer_id) left join paid using (customer_id) left join asked using (customer_id)
    group by plan order by plan"""


def stream(client, ticket):
    """Returns the rows of a ticket as a stream. DuckDB finds it by the name of the variable that holds it."""
    return client.do_get(flight.Ticket(ticket)).to_reader()


def plans(uri):
    """Returns the customers, minutes, revenue and support tickets of each plan as a pyarrow.Table."""
    with flight.connect(uri) as client, duckdb.connect() as database:
        # DuckDB cannot tell a stream which columns it needs. The ticket can, and the server generates no others.
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
