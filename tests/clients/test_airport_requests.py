"""Airport's actions with bodies that no extension sends. The server refuses them at once, and goes on."""
import time

import msgpack
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from airport import pack
from scan_request import scan_request

DESCRIPTOR = flight.FlightDescriptor.for_path("customers").serialize()
PARAMETERS = {"json_filters": "", "column_ids": [], "table_function_parameters": "", "table_function_input_schema": "",
              "at_unit": "", "at_value": ""}
REQUESTS = {
    "endpoints": {"descriptor": DESCRIPTOR, "parameters": PARAMETERS},
    "list_schemas": {"catalog_name": "saas"},
    "catalog_version": {"catalog_name": "saas"},
    "create_transaction": {"catalog_name": "saas"},
    "flight_info": {"descriptor": DESCRIPTOR, "at_unit": "", "at_value": ""},
    "column_statistics": {"flight_descriptor": DESCRIPTOR, "column_name": "plan", "type": "VARCHAR"},
}
BROKEN = {
    "nothing": b"",
    "nil": b"\xc0",
    "a number": b"\x07",
    "an array": b"\x91\xa1a",
    "the unused byte": b"\xc1",
    "a map cut short": b"\x82\xa1a",
    "a map of 2^32": b"\xdf\xff\xff\xff\xff",
    "an array of 2^32": b"\xdd\xff\xff\xff\xff",
    "a str of 2^32": b"\xdb\xff\xff\xff\xffcustomers",
    "a bin of 2^32": b"\xc6\xff\xff\xff\xffcustomers",
    "an ext of 2^32": b"\xc9\xff\xff\xff\xff\x01customers",
    "arrays in arrays": b"\x91" * 200_000 + b"\xc0",
    "maps in maps": b"\x81\xa1a" * 60_000 + b"\xc0",
    "maps as keys": b"\x81" * 200_000 + b"\xc0",
    "10 MB": b"\x91" * 10_000_000,
    "text": b"SELECT * FROM customers",
    "random bytes": bytes((i * 167 + 89) % 256 for i in range(10_000)),
}
NESTED = b'{"expression_class": "BOUND_CONJUNCTION", "type": "CONJUNCTION_AND", "children": ['
# pyarrow raises these for NOT_FOUND, INVALID_ARGUMENT and RESOURCE_EXHAUSTED. The extension does not retry them.
REFUSALS = KeyError, pa.ArrowInvalid


def assert_refused(airport, action, body):
    """The server blames the caller, answers within 10 seconds, and still serves the next call."""
    start = time.monotonic()
    with pytest.raises(REFUSALS):
        airport.action(action, body)
    assert time.monotonic() - start < 10
    assert airport.catalog_version("saas")


@pytest.mark.parametrize("action", REQUESTS)
def test_well_formed_requests_are_answered(airport, action):
    assert airport.action(action, pack(REQUESTS[action]))


@pytest.mark.parametrize("action", REQUESTS)
def test_unknown_fields_of_a_newer_extension_are_ignored(airport, action):
    assert airport.action(action, pack({"newer": [{"than": 1}], **REQUESTS[action]}))
    assert airport.action("endpoints", pack({"descriptor": DESCRIPTOR, "parameters": {**PARAMETERS, "newer": b"\xff"}}))


def test_an_endpoints_request_of_an_older_extension_is_answered(airport):
    parameters = {"json_filters": "", "column_ids": [0]}
    assert airport.action("endpoints", pack({"descriptor": DESCRIPTOR, "parameters": parameters}))


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("action", REQUESTS)
def test_malformed_bodies_are_refused(airport, action, broken):
    assert_refused(airport, action, BROKEN[broken])


@pytest.mark.parametrize("action", REQUESTS)
def test_truncated_requests_are_refused(airport, action):
    body = pack(REQUESTS[action])
    for length in range(1, len(body), 1 + len(body) // 40):
        assert_refused(airport, action, body[:length])


@pytest.mark.parametrize("action", REQUESTS)
@pytest.mark.parametrize("value", [None, 7, -1, 1.5, True, [], {}])
def test_values_of_the_wrong_type_are_refused(airport, action, value):
    for key in REQUESTS[action]:
        if key not in ("at_unit", "at_value", "parameters"):
            assert_refused(airport, action, msgpack.packb({**REQUESTS[action], key: value}))


@pytest.mark.parametrize("key, value", [
    ("json_filters", 7), ("json_filters", []), ("column_ids", 7), ("column_ids", "text"), ("column_ids", ["text"]),
    ("column_ids", [1.5]), ("column_ids", [None]),
])
def test_parameters_of_the_wrong_type_are_refused(airport, key, value):
    assert_refused(airport, "endpoints", pack({"descriptor": DESCRIPTOR, "parameters": {**PARAMETERS, key: value}}))


@pytest.mark.parametrize("parameters", [None, 7, "text", []])
def test_parameters_that_are_not_a_map_are_refused(airport, parameters):
    assert_refused(airport, "endpoints", pack({"descriptor": DESCRIPTOR, "parameters": parameters}))


@pytest.mark.parametrize("descriptor", [
    b"", b"\xff", b"\x08", b"\x08\x02\x12\xff\xff\xff\xff\x0f", b"customers",
    flight.FlightDescriptor.for_path().serialize(),
    flight.FlightDescriptor.for_path("nothing").serialize(),
    flight.FlightDescriptor.for_path("customers", "customers").serialize(),
    flight.FlightDescriptor.for_path(b"\xff".decode("latin1") * 100).serialize(),
    flight.FlightDescriptor.for_command(b"").serialize(),
    flight.FlightDescriptor.for_command(b"\xff").serialize(),
    flight.FlightDescriptor.for_command(b"nothing").serialize(),
    flight.FlightDescriptor.for_command(b"customers?colour=red").serialize(),
    flight.FlightDescriptor.for_command(scan_request(b"nothing", 1, 1)).serialize(),
])
@pytest.mark.parametrize("action, key", [("endpoints", "descriptor"), ("flight_info", "descriptor"),
                                         ("column_statistics", "flight_descriptor")])
def test_descriptors_without_a_known_table_are_refused(airport, action, key, descriptor):
    assert_refused(airport, action, pack({**REQUESTS[action], key: descriptor}))


@pytest.mark.parametrize("column, kind", [
    ("nothing", "VARCHAR"), ("", "VARCHAR"), (b"\xff", "VARCHAR"), ("plan", b"\xff"),
])
def test_statistics_of_an_unknown_column_or_type_are_refused(airport, column, kind):
    body = pack({"flight_descriptor": DESCRIPTOR, "column_name": column, "type": kind})
    assert_refused(airport, "column_statistics", body)


@pytest.mark.parametrize("filters", [
    b"{", b"nonsense", b"[]", b"7", b"null", b'"text"', b"\xff\xfe", b"[" * 200_000, b"[" * 10_000_000,
    b"{}", b'{"filters": 7}', b'{"filters": []}', b'{"filters": [{}]}', b'{"filters": [' + NESTED * 2_000,
    b'{"filters": [' + NESTED * 2_000 + b"]}" * 2_000 + b'], "column_binding_names_by_index": []}',
    b'{"filters": [], "column_binding_names_by_index": 7}', b'{"filters": [], "column_binding_names_by_index": [7]}',
])
def test_malformed_filters_are_refused_or_ignored(airport, filters):
    body = pack({"descriptor": DESCRIPTOR, "parameters": {**PARAMETERS, "json_filters": filters}})
    try:
        assert airport.action("endpoints", body)
    except REFUSALS:
        pass
    assert airport.catalog_version("saas")


def test_an_unknown_action_is_not_implemented(airport):
    with pytest.raises(pa.ArrowNotImplementedError):
        airport.action("create_table", pack({"catalog_name": "saas"}))
