"""DuckDB reads through Airport. The stand-in extension must give the answers that DuckDB gives over the files."""
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from airport import Airport, EMPTY, ROW_ID, pack
from conftest import CUSTOMERS
from duckdb_plan import rewrite, run
from scan_request import scan_request
from tables import SCHEMAS, each_model, each_table, schema


# airport_flights and airport_take_flight

@each_model
def test_list_flights_lists_every_table(airport, model):
    flights = airport.flights()
    assert [info.descriptor.path for info in flights] == [[table.encode()] for table in SCHEMAS[model]]
    assert [info.schema.names for info in flights] == [schema(model, table).names for table in SCHEMAS[model]]
    assert [info.descriptor.path for info in airport.flights("billing")] == [[b"billing"]]
    assert len(airport.flights("NULL")) == len(SCHEMAS[model])


@each_table
def test_a_flight_by_path_and_by_command_has_the_rows_of_the_file(airport, truth, table):
    for descriptor in ([table], table):
        scan = airport.take_flight(descriptor)
        assert scan.wire.equals(truth[table])
        assert scan.rows.equals(run(truth[table], "*", None))


def test_a_command_and_filters_together_narrow_the_scan(airport, truth):
    command = "usage_daily?from=2024-01-01"
    expected = run(truth["usage_daily"], "*", "date >= '2024-01-01'")
    assert airport.take_flight(command).rows.equals(expected)
    assert airport.take_flight(command).wire.num_rows == expected.num_rows
    scan = airport.take_flight(command, where="date < '2024-02-01' AND customer_id <= 100")
    expected = run(truth["usage_daily"], "*", "date >= '2024-01-01' AND date < '2024-02-01' AND customer_id <= 100")
    assert scan.rows.equals(expected)
    assert scan.wire.num_rows == expected.num_rows > 0
    # A filter can't widen the command's range.
    assert airport.take_flight(command, where="date < '2024-01-01'").wire.num_rows == 0


def test_a_command_bounds_the_number_of_endpoints(airport):
    for command, endpoints in [("billing?partitions=3", 3), ("billing?customers=5&partitions=10", 5),
                               ("retention_curves?partitions=8", 1)]:
        assert airport.take_flight(command).endpoints == endpoints
    assert airport.take_flight("customers?partitions=10", where="customer_id < 4").endpoints == 3


def test_the_columns_of_a_command_are_the_schema(airport, truth):
    scan = airport.take_flight("customers?columns=plan,customer_id", select="plan", where="customer_id > 4990")
    assert scan.wire.schema.names == ["plan", "customer_id"]
    assert scan.rows.equals(run(truth["customers"], "plan", "customer_id > 4990"))


def test_unknown_flights_are_refused(airport):
    for descriptor in (["nothing"], "nothing", ["customers", "more"], ["__databases"]):
        with pytest.raises((KeyError, pa.ArrowInvalid)):
            airport.take_flight(descriptor)
    with pytest.raises(pa.ArrowInvalid):
        airport.take_flight("customers?colour=red")


def test_a_token_is_accepted_by_a_server_that_asks_for_none(server, truth):
    with Airport(server.uri, token="secret") as airport:
        assert airport.attach("saas").default["customers"].scan().wire.equals(truth["customers"])


# Strings that are not UTF-8

@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("command", [
    scan_request(b"customers", 200, 4_000),
    b"customers?first_id=200&last_id=4000&columns=customer_id,signup_date,plan,region&strings=utf8&compression=none"
    b"&customers=5000&seed=42",
])
def test_a_descriptor_that_is_not_utf8_is_read(airport, truth, command, binary):
    descriptor = flight.FlightDescriptor.for_command(command)
    with pytest.raises(UnicodeDecodeError):
        descriptor.serialize().decode()
    scan = airport.take_flight(command, where="customer_id < 300", binary=binary)
    assert scan.wire.equals(truth["customers"].slice(199, 100))


@pytest.mark.parametrize("binary", [False, True])
def test_strings_are_read_from_str_and_from_bin(airport, attached, truth, binary):
    scan = attached["billing"].scan(where="customer_id < 20", binary=binary)
    assert scan.rows.equals(run(truth["billing"], "*", "customer_id < 20"))
    assert attached["billing"].flight_info(binary=binary).schema.equals(truth["billing"].schema)
    assert attached["billing"].statistics("amount", binary=binary) == attached["billing"].statistics("amount")


# Filters

def dialects(*cases):
    """Runs each case in both dialects, optimized and not. Without the optimizer, filters keep casts of constants.

    A case is a table, a condition and, if the server can only narrow the scan to a wider condition, that one.
    """
    ways = [pytest.param({"dialect": dialect, "optimize": optimize},
                         id=f"{dialect}.x{'' if optimize else ' unoptimized'}")
            for dialect in (1, 2) for optimize in (True, False)]
    names = "table, where, wider" if len(cases[0]) == 3 else "table, where"
    return lambda test: pytest.mark.parametrize("how", ways)(pytest.mark.parametrize(names, cases)(test))


@dialects(
    ("customers", "customer_id = 42", None),
    ("customers", "42 = customer_id", None),
    ("customers", "customer_id < 100", None),
    ("customers", "customer_id <= 100", None),
    ("customers", "customer_id > 4900", None),
    ("customers", "customer_id >= 4900", None),
    ("customers", "100 > customer_id", None),
    ("customers", "4900 <= customer_id", None),
    ("customers", "customer_id BETWEEN 1000 AND 1100", None),
    ("customers", "customer_id >= 1000 AND customer_id < 1100", None),
    ("customers", "1000 < customer_id AND 1100 >= customer_id", None),
    ("customers", "customer_id IN (900, 5, 77)", "customer_id BETWEEN 5 AND 900"),
    ("customers", "customer_id IN (77)", None),
    ("customers", "customer_id < 50 AND upper(plan) = 'PRO'", "customer_id < 50"),
    ("customers", "customer_id < 900 AND customer_id IN (5, 77, 950)", "customer_id BETWEEN 5 AND 899"),
    ("customers", "customer_id > 5000", None),
    ("customers", "customer_id < 1", None),
    ("customers", "customer_id = -5", None),
    ("customers", "customer_id >= 9000000000000000000", None),
    ("customers", "customer_id = 9223372036854775807", None),
    ("customers", "customer_id = -9223372036854775807", None),
    ("usage_daily", "date = '2024-03-05'", None),
    ("usage_daily", "date < '2024-01-01'", None),
    ("usage_daily", "date <= DATE '2024-01-01'", None),
    ("usage_daily", "date > '2024-06-01'", None),
    ("usage_daily", "DATE '2024-06-01' <= date", None),
    ("usage_daily", "date BETWEEN '2024-02-01' AND '2024-02-29'", None),
    ("usage_daily", "date >= '2024-02-01' AND date < '2024-03-01' AND customer_id > 4000", None),
    ("usage_daily", "date IN (DATE '2024-02-01', DATE '2024-02-10')", "date BETWEEN '2024-02-01' AND '2024-02-10'"),
    ("usage_daily", "date = '2024-02-01' AND sessions > 1", "date = '2024-02-01'"),
    ("usage_daily", "date > '2100-01-01'", None),
    ("usage_daily", "date < '1900-01-01'", None),
    ("billing", "bill_date >= '2024-06-01' AND customer_id = 2", None),
    ("support", "ticket_date < '2024-01-01' AND 4000 <= customer_id", None),
    ("usage_truth", "date = '2024-03-05' AND customer_id <= 1000 AND logged",
     "date = '2024-03-05' AND customer_id <= 1000"),
)
def test_filters_on_ids_and_dates_narrow_the_scan(airport, truth, table, where, wider, how):
    scan = airport.take_flight([table], where=where, **how)
    expected = run(truth[table], "*", where)
    assert scan.rows.equals(expected)
    most = run(truth[table], "*", wider or where).num_rows
    assert expected.num_rows <= scan.wire.num_rows <= most < truth[table].num_rows


@dialects(
    ("customers", "plan = 'Free'"),
    ("customers", "upper(plan) = 'PRO'"),
    ("customers", "plan LIKE 'P%'"),
    ("customers", "region IN ('EU', 'NA')"),
    ("customers", "plan IS NULL"),
    ("customers", "plan IS NOT NULL"),
    ("customers", "customer_id IS NULL"),
    ("customers", "customer_id % 7 = 0"),
    ("customers", "customer_id + 1 = 5"),
    ("customers", "-customer_id > -10"),
    ("customers", "customer_id <> 5"),
    ("customers", "customer_id NOT IN (1, 2, 3)"),
    ("customers", "customer_id IS DISTINCT FROM 5"),
    ("customers", "customer_id IS NOT DISTINCT FROM 5"),
    ("customers", "NOT (customer_id < 100)"),
    ("customers", "NOT (customer_id BETWEEN 10 AND 4990)"),
    ("customers", "NOT (customer_id < 100 AND upper(plan) = 'PRO')"),
    ("customers", "NOT (customer_id IN (1, 2) OR signup_date < '2024-01-01')"),
    ("customers", "customer_id < 10 OR region = 'EU'"),
    ("customers", "customer_id < 10 OR customer_id > 4990"),
    ("customers", "(customer_id < 50 AND plan = 'Pro') OR (customer_id > 4000 AND region = 'EU')"),
    ("customers", "customer_id < 100 AND customer_id > 10 AND (plan = 'Pro' OR NOT customer_id < 50)"),
    ("customers", "customer_id = year(signup_date)"),
    ("customers", "customer_id BETWEEN 10 AND year(signup_date)"),
    ("customers", "year(signup_date) = 2024"),
    ("customers", "region > plan"),
    ("customers", "customer_id::VARCHAR = '42'"),
    ("customers", "CAST(customer_id AS INTEGER) < 30"),
    ("customers", "customer_id < 10.5"),
    ("customers", "customer_id < 100::HUGEINT AND customer_id > 90::SMALLINT"),
    ("customers", "customer_id < 99999999999999999999"),
    ("customers", "customer_id > -9223372036854775808"),
    ("customers", "coalesce(customer_id, 0) < 5"),
    ("customers", "CASE WHEN customer_id < 10 THEN plan = 'Free' ELSE region = 'EU' END"),
    ("customers", "signup_date >= TIMESTAMP '2024-01-01 12:00:00'"),
    ("customers", "signup_date < TIMESTAMP '2024-01-01 12:00:00'"),
    ("customers", "signup_date < 'infinity' AND signup_date > '-infinity'"),
    ("usage_daily", "date >= 'infinity'"),
    ("usage_daily", "date > '-infinity' AND customer_id < 100"),
    ("billing", "amount > 100.5"),
    ("billing", "payment_status = 'paid' AND amount <= 99"),
    ("retention_curves", "day < 30 AND retention_probability > 0.5"),
    ("retention_curves", "plan = 'Free' OR day = 7"),
    ("usage_truth", "logged AND customer_id < 300"),
    ("usage_truth", "NOT logged AND customer_id < 300"),
)
def test_other_filters_lose_no_row(airport, truth, table, where, how):
    assert airport.take_flight([table], where=where, **how).rows.equals(run(truth[table], "*", where))


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_long_list_of_values_loses_no_row(airport, truth, dialect):
    """A filter holds every value of the list, in about 200 bytes each."""
    # The server leaves very long lists to DuckDB. It reads only the descriptor of a request over about a megabyte.
    for values, is_narrowed in ((range(1, 2_000, 2), True), (range(1, 4_990, 2), False), (range(1, 20_000, 2), False)):
        where = f"customer_id IN ({', '.join(map(str, values))})"
        scan = airport.take_flight(["customers"], where=where, dialect=dialect)
        assert scan.rows.equals(run(truth["customers"], "*", where))
        assert (scan.wire.num_rows < CUSTOMERS) == is_narrowed


@pytest.mark.parametrize("number", [2**64 - 1, 2**64, 2**200, 1.8446744073709552e19, 1e308, -1])
def test_numbers_of_any_size_in_a_filter_are_accepted(airport, number):
    def edit(filters):
        return rewrite(filters, lambda node: {**node, "query_location": number} if "query_location" in node else node)
    scan = airport.take_flight(["customers"], where="customer_id = 42", edit=edit)
    assert scan.wire["customer_id"].to_pylist() == [42]


@pytest.mark.parametrize("edit", [
    lambda filters: [{**filters[0], "type": "COMPARE_NEWLY_INVENTED"}],
    lambda filters: [{**filters[0], "expression_class": "BOUND_SUBQUERY", "type": "SUBQUERY"}],
    lambda filters: [{"expression_class": "BOUND_NEWLY_INVENTED", "type": "NEWLY_INVENTED"}],
    lambda filters: [{**filters[0], "children": filters[0]["children"][:1]}],
    lambda filters: [{**filters[0], "children": filters[0]["children"][:1] * 2}],
    lambda filters: [{**filters[0], "children": []}],
    lambda filters: [{**filters[0], "children": None}],
    lambda filters: [{"expression_class": "BOUND_CONJUNCTION", "type": "CONJUNCTION_OR", "children": [*filters, {}]}],
    lambda filters: [{"expression_class": "BOUND_CONJUNCTION", "type": "CONJUNCTION_XOR", "children": filters}],
    lambda filters: [{}, None, 7, "text", [], [{}]],
    lambda filters: rewrite(filters, lambda node: {**node, "column_index": 99} if "column_index" in node else node),
    lambda filters: rewrite(filters, lambda node: {**node, "column_index": -1} if "column_index" in node else node),
    lambda filters: rewrite(filters, lambda node: {key: item for key, item in node.items() if key != "binding"}),
])
def test_unknown_expressions_in_a_filter_lose_no_row(airport, edit):
    scan = airport.take_flight(["customers"], where="customer_id = 42", edit=edit)
    assert scan.rows["customer_id"].to_pylist() == [42]


@pytest.mark.parametrize("where", [
    "customer_id = 42", "customer_id < 100", "customer_id BETWEEN 10 AND 90", "customer_id IN (1, 99)",
    "customer_id < 100 AND upper(plan) = 'PRO'", "signup_date < '2024-01-01'",
])
def test_not_loses_no_row(airport, truth, where):
    """A scan narrows to a range that may hold more rows than match. The complement of that range would lose rows."""
    def edit(filters):
        inside = {"expression_class": "BOUND_CONJUNCTION", "type": "CONJUNCTION_AND", "children": filters}
        return [{"expression_class": "BOUND_OPERATOR", "type": "OPERATOR_NOT", "children": [inside]}]
    wire = airport.take_flight(["customers"], where=where, edit=edit).wire
    assert run(wire, "*", f"NOT ({where})").equals(run(truth["customers"], "*", f"NOT ({where})"))


@pytest.mark.parametrize("constant", [
    {"is_null": True}, {"value": None}, {"value": "42"}, {"value": 42.5}, {"value": 1e300}, {"value": 2**70},
    {"value": -2**70}, {"value": True}, {"value": []}, {"value": {}}, {"value": {"upper": 0, "lower": 42}},
    {"type": None}, {"type": {"id": "NEWLY_INVENTED"}},
])
def test_constants_of_any_type_are_accepted(airport, constant):
    def edit(filters):
        return rewrite(filters, lambda node: {**node, **constant} if "is_null" in node else node)
    assert airport.take_flight(["customers"], where="customer_id = 42", edit=edit).wire.num_rows in (CUSTOMERS, 1, 0)


@pytest.mark.parametrize("edit", [
    lambda filters: [*filters, {"expression_class": "BOUND_NEWLY_INVENTED", "type": "NEWLY_INVENTED"}],
    lambda filters: [{"expression_class": "BOUND_CONJUNCTION", "type": "CONJUNCTION_AND", "children": [{}, *filters]}],
    lambda filters: rewrite(filters, lambda node: {**node, "newly_invented": {"of": [1, None]}}),
])
def test_a_known_filter_beside_an_unknown_one_narrows_the_scan(airport, edit):
    scan = airport.take_flight(["customers"], where="customer_id = 42", edit=edit)
    assert scan.wire["customer_id"].to_pylist() == [42]


# Columns

@each_table
def test_a_projection_keeps_the_schema_and_fills_its_columns(airport, truth, model, table):
    names = schema(model, table).names
    for chosen in ([names[-1]], names[:2], names[::-1]):
        select = ", ".join(f'"{name}"' for name in chosen)
        scan = airport.take_flight([table], select=select)
        assert scan.wire.schema.names == names
        assert scan.rows.equals(run(truth[table], select, None))


def test_a_filter_may_use_a_column_that_is_not_selected(airport, truth):
    for where in ("region = 'EU'", "customer_id < 10 AND region = 'EU'", "signup_date >= '2024-06-01'"):
        scan = airport.take_flight(["customers"], select="plan", where=where)
        assert scan.rows.equals(run(truth["customers"], "plan", where))


@pytest.mark.parametrize("column_ids", [[0], [ROW_ID], [EMPTY], [4], [99], [2**32], [1, ROW_ID], [ROW_ID, 99], [3, 3],
                                        []])
@each_model
def test_rows_are_counted_with_any_column_ids(airport, truth, model, column_ids):
    for table in SCHEMAS[model]:
        scan = airport.take_flight([table], select="count(*)", column_ids=column_ids)
        assert scan.rows.column(0).to_pylist() == [truth[table].num_rows]


def test_filters_name_columns_by_binding_not_by_column_id(airport, truth):
    """DuckDB lists the names when it hands over the filter, and the column ids at the end, when both may differ."""
    select, where = "customer_id, date, sessions", "customer_id = 42 AND date < '2024-06-01'"
    scan = airport.take_flight(["usage_daily"], select, where, column_ids=[4, 2, 1, 0, 3])
    expected = run(truth["usage_daily"], select, where)
    assert scan.rows.equals(expected)
    assert scan.wire.num_rows == expected.num_rows


# Progress

@each_table
def test_progress_rises_and_stays_within_zero_and_one(airport, table):
    scan = airport.take_flight([table])
    assert len(scan.progress) == scan.endpoints >= 1
    for reported in scan.progress:
        assert reported == sorted(reported)
        assert all(0 <= value <= 1 for value in reported)
    if table.startswith("usage"):
        assert any(scan.progress)


# ATTACH

@pytest.mark.parametrize("name", ["saas", "", "saasgen", "a b/c", "naïve ☃", "x" * 300])
@each_model
def test_a_catalog_has_any_name_that_a_client_gives_it(airport, truth, model, name):
    catalog = airport.attach(name)
    assert list(catalog.default) == list(SCHEMAS[model])
    assert sum(len(tables) for tables in catalog.tables.values()) == len(SCHEMAS[model])
    for table in catalog.default.values():
        assert table.metadata.catalog == name
        assert table.metadata.action_name is table.metadata.extra_data is None
        assert table.schema.equals(schema(model, table.name))
    assert catalog.default["customers"].scan(where="customer_id < 9").wire.equals(truth["customers"].slice(0, 8))


@each_table
def test_an_attached_table_has_the_rows_of_the_file(attached, truth, table):
    assert attached[table].scan().wire.equals(truth[table])
    (count,) = attached[table].scan(select="count(*)", column_ids=[ROW_ID]).rows.column(0).to_pylist()
    assert count == truth[table].num_rows


def test_attached_tables_join(attached, truth):
    """A join sends one scan for each table."""
    pro = attached["customers"].scan("customer_id", "plan = 'Pro' AND customer_id <= 500")
    paid = attached["billing"].scan("customer_id, amount", "payment_status = 'paid' AND customer_id <= 500")
    joined = pro.rows.join(paid.rows, "customer_id", join_type="inner")["amount"].to_pylist()
    expected = truth["customers"].join(truth["billing"], "customer_id", join_type="inner")
    expected = run(expected, "amount", "plan = 'Pro' AND payment_status = 'paid' AND customer_id <= 500")
    assert sorted(joined) == sorted(expected["amount"].to_pylist()) != []


def test_the_catalog_version_never_changes(airport):
    first, second = airport.catalog_version("saas"), airport.catalog_version("other")
    assert first == second == airport.attach("saas").version_info


def test_a_transaction_identifier_can_be_sent_as_a_header(airport, attached):
    identifier = airport.create_transaction("saas")
    assert identifier is None or identifier.isascii()
    assert attached["customers"].scan(where="customer_id = 1").wire.num_rows == 1


@each_table
def test_flight_info_matches_get_flight_info(airport, attached, table):
    of_action = attached[table].flight_info()
    of_call = airport.client.get_flight_info(attached[table].descriptor)
    assert of_action.schema.equals(of_call.schema)
    assert of_action.schema.equals(attached[table].schema)
    assert of_action.total_records in (-1, of_call.total_records)


@each_table
def test_statistics_hold_for_every_row(attached, truth, model, table):
    for column in schema(model, table).names:
        statistics = attached[table].statistics(column)
        bounds = (run(truth[table], f'{bound}("{column}") AS bound', None) for bound in ("min", "max"))
        low, high = (bound["bound"][0].as_py() for bound in bounds)
        assert statistics.min <= low and high <= statistics.max, column
        assert statistics.has_not_null and not statistics.has_null, column
        assert 1 <= statistics.distinct_count < 2**63, column
        if isinstance(low, str):
            longest = max(len(value.encode()) for value in truth[table][column].unique().to_pylist())
            # Versions without max_string_length use the longer of the two bounds instead, and pack strings by it.
            assert max(len(statistics.min.encode()), len(statistics.max.encode())) >= longest, column
            assert getattr(statistics, "max_string_length", longest) >= longest, column
