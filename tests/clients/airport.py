"""A stand-in for DuckDB's Airport extension, which no package index has: the same calls, bytes and checks.

The calls, their order and the checks of the answers follow the extension's sources (Query-farm/airport, for DuckDB 1.3
to 1.5). DuckDB itself makes the filters and column ids, and filters the rows that come back. For that, `duckdb_plan`
plans the same query over a table function that, like Airport's, applies no filters.
"""
import concurrent.futures
import dataclasses
import hashlib
import json
import types
import uuid

import msgpack
import pyarrow as pa
import pyarrow.flight as flight
import zstandard

from duckdb_plan import Plan, as_duckdb_1, duckdb_type, run

ROW_ID = 2**64 - 1
EMPTY = 2**64 - 2
REUSE = b"arrow-flight-reuse-connection://?"
USER_AGENT = b"airport/20250723"

# Arrow gives these errors the code IOError. The extension then repeats the call up to 15 times, for most of a minute.
RETRIED = (flight.FlightUnavailableError, flight.FlightInternalError, flight.FlightTimedOutError,
           flight.FlightUnauthenticatedError, flight.FlightUnauthorizedError)


class AirportError(Exception):
    """The extension would throw, crash or read uninitialized memory."""


class WouldRetry(AirportError):
    """The server gave a final answer with a status that the extension retries."""


def check(condition, message):
    if not condition:
        raise AirportError(message)


# MessagePack as msgpack-c writes it: a std::string becomes str, whatever its bytes. It is read from str and from bin.

def pack(value, binary=False):
    """Encodes `value`. With `binary`, strings become bin, as other Airport clients write them."""
    return msgpack.packb(as_bin(value) if binary else as_str(value), unicode_errors="surrogateescape")


def as_str(value):
    if isinstance(value, dict):
        return {key: as_str(item) for key, item in value.items()}
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def as_bin(value):
    if isinstance(value, dict):
        return {key: as_bin(item) for key, item in value.items()}
    return value.encode() if isinstance(value, str) else value


def unpack(data, where):
    try:
        return msgpack.unpackb(data, raw=True, strict_map_key=False)
    except Exception as error:
        raise AirportError(f"{where}: not one MessagePack value: {error}") from error


def value_of(*kinds):
    """Returns a reader of a value of one of these types. In MessagePack, `bool` is no `int`."""
    def read(value, where):
        check(type(value) in kinds, f"{where} is {value!r:.80}")
        return value
    return read


def text(value, where):
    try:
        return value_of(bytes)(value, where).decode()
    except UnicodeDecodeError as error:
        raise AirportError(f"{where} is not UTF-8") from error


def optional(read):
    return lambda value, where: None if value is None else read(value, where)


def array(read):
    return lambda value, where: [read(item, f"{where}[{i}]") for i, item in enumerate(value_of(list)(value, where))]


def tags(value, where):
    return {text(key, where): text(item, f"{where}[{key}]") for key, item in value_of(dict)(value, where).items()}


blob, boolean, number = value_of(bytes), value_of(bool), value_of(float, int)


def unsigned(value, where):
    check(value_of(int)(value, where) in range(2**64), f"{where} is {value}")
    return value


def struct(**readers):
    """Returns a reader of a map into a C++ struct. It requires every key. In C++, an absent key leaves garbage."""
    def read(value, where):
        value_of(dict)(value, where)
        absent = [key for key in readers if key.encode() not in value]
        check(not absent, f"{where} has no {absent}")
        fields = {key: reader(value[key.encode()], f"{where}.{key}") for key, reader in readers.items()}
        return types.SimpleNamespace(**fields)
    return read


contents = struct(sha256=text, url=optional(text), serialized=optional(blob))
version = struct(catalog_version=unsigned, is_fixed=boolean)
schema_entry = struct(name=text, description=text, tags=tags, contents=contents, is_default=boolean)
catalog_root = struct(contents=contents, schemas=array(schema_entry), version_info=version)
app_metadata = struct(type=text, schema=text, catalog=text, name=text, comment=optional(text),
                      input_schema=optional(blob), action_name=optional(text), description=optional(text),
                      extra_data=optional(blob))
transaction = struct(identifier=optional(text))
progress = struct(progress=number)


def decompress(data, where):
    """Reads [length, zstd]. Arrow's codec fails unless the data has exactly that length."""
    value = array(lambda item, _: item)(unpack(data, where), where)
    check(len(value) == 2, f"{where} has {len(value)} items; it must have a length and data")
    length, compressed = unsigned(value[0], f"{where}: length"), blob(value[1], f"{where}: data")
    check(length < 2**31, f"{where}: length {length} is too large for an int")
    try:
        plain = zstandard.ZstdDecompressor().decompress(compressed, max_output_size=length)
    except zstandard.ZstdError as error:
        raise AirportError(f"{where}: {error}") from error
    check(len(plain) == length, f"{where}: {len(plain)} bytes instead of {length}")
    return plain


@dataclasses.dataclass
class Scan:
    """The result of a query, and the rows and progress that the server sent for it."""
    rows: pa.Table
    wire: pa.Table
    endpoints: int
    progress: list


class Airport:
    def __init__(self, uri, token=None):
        self.uri = uri
        self.token = token
        self.client = flight.connect(uri)
        self.session = str(uuid.uuid4())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def options(self, descriptor=None, trace=None, **more):
        """Returns the options of a call, with the headers that the extension sends."""
        headers = [(b"airport-user-agent", USER_AGENT), (b"authority", self.uri.encode()),
                   (b"airport-client-session-id", self.session.encode())]
        if self.token:
            headers.append((b"authorization", b"Bearer " + self.token.encode()))
        if trace:
            headers.append((b"airport-trace-id", trace.encode()))
        headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
        if descriptor and descriptor.descriptor_type == flight.DescriptorType.PATH:
            headers.append((b"airport-flight-path", b"/".join(descriptor.path)))
        return flight.FlightCallOptions(headers=headers)

    def action(self, name, body, options=None):
        """Returns the first result, and reads the others to the end. Without any, the extension would crash."""
        try:
            results = self.client.do_action(flight.Action(name, body), options or self.options())
            results = [result.body.to_pybytes() for result in results]
        except RETRIED as error:
            raise WouldRetry(f"{name}: {error}") from error
        check(results, f"{name}: no result")
        return results[0]

    # SELECT … FROM airport_flights(uri, criteria)

    def flights(self, criteria=""):
        infos = list(self.client.list_flights(criteria.encode(), self.options(airport_duckdb_json_filters="")))
        for info in infos:
            kinds = flight.DescriptorType.PATH, flight.DescriptorType.CMD
            check(info.descriptor and info.descriptor.descriptor_type in kinds, "unknown descriptor type")
            check(isinstance(info.schema, pa.Schema), "no schema")
            check(len(info.endpoints) < 2, "the extension writes the locations of the first endpoint only")
        return infos

    # SELECT … FROM airport_take_flight(uri, descriptor) WHERE …

    def take_flight(self, descriptor, select="*", where=None, **how):
        """Reads a flight. A list is the path of a descriptor; anything else is its command."""
        make = flight.FlightDescriptor
        descriptor = make.for_path(*descriptor) if isinstance(descriptor, list) else make.for_command(descriptor)
        trace = str(uuid.uuid4())
        schema = self.bind(descriptor, self.client.get_flight_info(descriptor, self.options(descriptor, trace)))
        return self.scan(descriptor, schema, select, where, trace=trace, **how)

    def bind(self, descriptor, info):
        check(info.descriptor == descriptor, f"the answer has {info.descriptor} instead of {descriptor}")
        check(info.schema is not None, "no schema")
        return info.schema

    def scan(self, descriptor, schema, select="*", where=None, *, dialect=2, optimize=True, column_ids=None, edit=None,
             binary=False, at=("", ""), trace=None, headers=()):
        """Reads the rows of a query. `dialect` is DuckDB's major version. `edit` changes the filters that are sent."""
        plan = Plan.make(schema, select, where, optimize)
        filters = plan.filters if dialect == 2 else [as_duckdb_1(filter) for filter in plan.filters]
        filters = edit(filters) if edit else filters
        json_filters = json.dumps({"filters": filters, "column_binding_names_by_index": plan.names}) if filters else ""
        column_ids = plan.column_ids if column_ids is None else column_ids
        parameters = {"json_filters": json_filters, "column_ids": column_ids, "table_function_parameters": "",
                      "table_function_input_schema": "", "at_unit": at[0], "at_value": at[1]}
        options = self.options(descriptor, trace or str(uuid.uuid4()), **dict(headers))
        body = pack({"descriptor": descriptor.serialize(), "parameters": parameters}, binary)
        endpoints = array(blob)(unpack(self.action("endpoints", body, options), "endpoints"), "endpoints")
        endpoints = [flight.FlightEndpoint.deserialize(endpoint) for endpoint in endpoints]
        with concurrent.futures.ThreadPoolExecutor(max(1, len(endpoints))) as threads:
            parts = list(threads.map(lambda endpoint: self.read(endpoint, schema, options), endpoints))
        wire = pa.concat_tables([schema.empty_table(), *(rows for rows, _ in parts)])
        # The other columns may hold anything, because DuckDB does not read them.
        seen = wire.select(sorted({i for i in column_ids if i < len(schema)}))
        seen = seen if seen.num_columns else pa.table({"rowid": pa.nulls(wire.num_rows)})
        return Scan(run(seen, select, where), wire, len(endpoints), [progress for _, progress in parts])

    def read(self, endpoint, schema, options):
        """Returns the rows of an endpoint, and the progress that came with them."""
        check(endpoint.locations, "No locations specified in flight endpoint")
        location = endpoint.locations[0].uri
        check(not location.startswith(b"data:"), "the server must send the rows itself, not in a `data` location")
        client = self.client if location == REUSE else flight.connect(location)
        try:
            reader = client.do_get(endpoint.ticket, options)
            check(reader.schema.equals(schema), f"the rows have {reader.schema} instead of {schema}")
            batches, reported = [], []
            for chunk in reader:
                if chunk.app_metadata is not None:
                    reported.append(progress(unpack(chunk.app_metadata.to_pybytes(), "progress"), "progress").progress)
                    check(0 <= reported[-1] <= 1, f"progress out of range: {reported[-1]}")
                if chunk.data is not None:
                    batches.append(chunk.data)
        except RETRIED as error:
            raise WouldRetry(f"DoGet: {error}") from error
        return pa.Table.from_batches(batches, schema), reported

    # ATTACH 'name' (TYPE airport, LOCATION 'uri')

    def attach(self, name):
        return Catalog(self, name)

    def catalog_version(self, name):
        where = "catalog_version"
        return version(unpack(self.action(where, pack({"catalog_name": name})), where), where)

    def create_transaction(self, name):
        where = "create_transaction"
        return transaction(unpack(self.action(where, pack({"catalog_name": name})), where), where).identifier


class Catalog:
    def __init__(self, airport, name):
        self.airport, self.name = airport, name
        data = decompress(airport.action("list_schemas", pack({"catalog_name": name})), "list_schemas")
        root = catalog_root(unpack(data, "list_schemas"), "list_schemas")
        # With a hash here, the extension would expect the contents of all schemas together, in another format.
        check(root.contents.sha256 == "" and root.contents.serialized is None and root.contents.url is None,
              "the catalog's own contents are not empty")
        names = [schema.name for schema in root.schemas]
        check(all(names) and len(set(names)) == len(names), f"schemas {names}")
        check("main" not in names, "versions that don't know is_default never find a schema `main`")
        self.version_info = root.version_info
        self.schemas = {schema.name: schema for schema in root.schemas}
        self.tables = {schema.name: self.load(schema) for schema in root.schemas}

    @property
    def default(self):
        """Returns the tables of the default schema, by name."""
        (name,) = [schema.name for schema in self.schemas.values() if schema.is_default]
        return self.tables[name]

    def load(self, schema):
        source = schema.contents
        check(source.serialized is not None, "without contents, the extension would list all flights")
        if source.sha256:
            found = hashlib.sha256(source.serialized).hexdigest()
            check(found == source.sha256, f"the SHA-256 is {found} instead of {source.sha256}")
        infos = array(blob)(unpack(decompress(source.serialized, schema.name), schema.name), schema.name)
        tables = {}
        for info in map(flight.FlightInfo.deserialize, infos):
            if info.app_metadata:
                table = Table(self, schema.name, info)
                check(table.name and table.name not in tables, f"table `{table.name}` has no name, or is listed twice")
                tables[table.name] = table
        return tables


class Table:
    def __init__(self, catalog, schema_name, info):
        self.catalog, self.airport = catalog, catalog.airport
        self.metadata = app_metadata(unpack(info.app_metadata, "app_metadata"), "app_metadata")
        check(self.metadata.catalog == catalog.name, f"catalog {self.metadata.catalog!r} instead of {catalog.name!r}")
        check(self.metadata.schema == schema_name, f"schema {self.metadata.schema!r} instead of {schema_name!r}")
        check(self.metadata.type == "table", f"{self.metadata.type!r} is not a table")
        check(self.metadata.input_schema is None, "a table takes no input")
        check(info.schema is not None, "no schema")
        self.name, self.descriptor, self.schema = self.metadata.name, info.descriptor, info.schema

    def scan(self, select="*", where=None, *, at=("", ""), **how):
        """Runs a query in its own transaction. Without an AT clause it uses the catalog's schema, not GetFlightInfo."""
        trace = str(uuid.uuid4())
        identifier = self.airport.create_transaction(self.catalog.name)
        headers = {"airport_transaction_id": identifier} if identifier else {}
        if not self.catalog.version_info.is_fixed:
            self.airport.catalog_version(self.catalog.name)
        schema = self.flight_info(at, trace=trace, **headers).schema if all(at) else self.schema
        return self.airport.scan(self.descriptor, schema, select, where, at=at, trace=trace, headers=headers, **how)

    def flight_info(self, at=("", ""), binary=False, **headers):
        body = pack({"descriptor": self.descriptor.serialize(), "at_unit": at[0], "at_value": at[1]}, binary)
        data = self.airport.action("flight_info", body, self.airport.options(self.descriptor, **headers))
        info = flight.FlightInfo.deserialize(data)
        self.airport.bind(self.descriptor, info)
        return info

    def statistics(self, column, binary=False):
        """Returns the statistics of a column, or None if the schema does not offer them. DuckDB then does not ask."""
        if not (self.schema.metadata or {}).get(b"can_produce_statistics"):
            return None
        kind = self.schema.field(column).type
        request = {"flight_descriptor": self.descriptor.serialize(), "column_name": column, "type": duckdb_type(kind)}
        options = self.airport.options(trace=str(uuid.uuid4()), airport_action_name="column_statistics")
        reader = pa.ipc.open_stream(self.airport.action("column_statistics", pack(request, binary), options))
        batch, *_ = [*reader, None]
        check(batch is not None and batch.num_rows == 1, "the statistics must be one row")
        kinds = {"min": kind, "max": kind, "has_not_null": pa.bool_(), "has_null": pa.bool_(),
                 "distinct_count": pa.uint64()}
        extra = {"max_string_length": pa.uint64(), "contains_unicode": pa.bool_()}
        kinds.update({name: kind for name, kind in extra.items() if name in batch.schema.names})
        check(not kinds.keys() - set(batch.schema.names), f"statistics of {batch.schema.names} lack a required field")
        for name, kind in kinds.items():
            check(batch.schema.field(name).type == kind, f"{name} is {batch.schema.field(name).type} instead of {kind}")
            check(batch[name][0].is_valid, f"{name} is NULL")
        return types.SimpleNamespace(**{name: batch[name][0].as_py() for name in kinds})
