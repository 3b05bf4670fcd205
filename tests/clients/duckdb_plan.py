"""DuckDB's plan of a query: the columns and filters that it requests from a scan, as versions 1 and 2 write them."""
import dataclasses
import json

import duckdb
import pyarrow as pa

DUCKDB_TYPES = {pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.date32(): "DATE", pa.string(): "VARCHAR",
                pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN"}


def duckdb_type(kind):
    return f"DECIMAL({kind.precision},{kind.scale})" if pa.types.is_decimal(kind) else DUCKDB_TYPES[kind]


def run(rows, select, where):
    """Runs the query over `rows` in DuckDB."""
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        return connection.sql(f"SELECT {select} FROM rows WHERE {where or 'true'}").to_arrow_table()


@dataclasses.dataclass
class Plan:
    """The scan of a query. `filters` is empty if DuckDB sees that no row can match."""
    names: list
    column_ids: list
    filters: list

    @classmethod
    def make(cls, schema, select, where, optimize=True):
        nulls = ", ".join(f"NULL::{duckdb_type(field.type)}" for field in schema)
        columns = ", ".join(f'"{name}"' for name in schema.names)
        query = f"SELECT {select} FROM repeat_row({nulls}, num_rows = 1) AS t({columns}) WHERE {where or 'true'}"
        with duckdb.connect() as connection:
            # This optimizer rewrites IN. It runs after the stage that gives filters to a table function.
            connection.execute("SET disabled_optimizers = 'in_clause'").fetchall()
            plan = f"SELECT json_serialize_plan($query${query}$query$, optimize := {optimize})"
            ((plan,),) = connection.execute(plan).fetchall()
        plan = json.loads(plan)
        assert not plan["error"], plan
        (get,) = nodes(plan, "LOGICAL_GET")
        column_ids = [column["index"] for column in get["column_indexes"]]
        filters = [filter for node in nodes(plan, "LOGICAL_FILTER") for filter in node["expressions"]]
        return cls([schema.names[i] for i in column_ids], column_ids, [bound(filter) for filter in filters])


def nodes(plan, kind):
    """Yields the nodes of a plan that have the type `kind`."""
    if isinstance(plan, dict):
        if plan.get("type") == kind:
            yield plan
        plan = plan.values()
    if not isinstance(plan, (str, int, float, type(None))):
        for child in plan:
            yield from nodes(child, kind)


def rewrite(node, change):
    """Applies `change` to each object of a tree, from the leaves up."""
    if isinstance(node, dict):
        return change({key: rewrite(item, change) for key, item in node.items()})
    return [rewrite(item, change) for item in node] if isinstance(node, list) else node


def bound(filter):
    """Turns the column numbers of a finished plan back into bindings, which a table function receives in filters."""
    def change(node):
        if node.get("expression_class") != "BOUND_REF":
            return node
        kind = "BOUND_COLUMN_REF"
        binding = {"table_index": 0, "column_index": node.pop("index")}
        return {**node, "expression_class": kind, "type": kind, "binding": binding, "depth": 0}
    return rewrite(filter, change)


def as_duckdb_1(filter):
    """Writes a filter as DuckDB 1 does: comparisons, BETWEEN and casts are classes of their own, not functions."""
    def change(node):
        node.pop("query_location_length", None)
        if node.get("expression_class") != "BOUND_FUNCTION":
            return node
        head = {key: node[key] for key in ("type", "alias", "query_location")}
        children, data = node["children"], node.get("function_data")
        if node["type"] == "OPERATOR_CAST":
            return {"expression_class": "BOUND_CAST", **head, "child": children[0], "return_type": node["return_type"],
                    "try_cast": data["try_cast"]}
        if node["type"] == "COMPARE_BETWEEN":
            operands = dict(zip(("input", "lower", "upper"), children))
            return {"expression_class": "BOUND_BETWEEN", **head, **operands, **data}
        if node["type"].startswith("COMPARE_"):
            return {"expression_class": "BOUND_COMPARISON", **head, "left": children[0], "right": children[1]}
        *qualifiers, name = node.pop("qname")["path"]
        catalog, schema = qualifiers or ("", "")
        return {**node, "name": name, "original_arguments": [], "catalog_name": catalog, "schema_name": schema}
    return rewrite(filter, change)
