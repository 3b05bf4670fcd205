"""A stand-in for DuckDB's Airport extension, which can't be had from a package index: the same calls, bytes and checks.

What is sent, in which order, and at which answers the client throws was read in the extension's sources
(Query-farm/airport, for DuckDB 1.3 to 1.5). Filters, column ids and the filtering of what comes back are DuckDB's own:
those of a plan of the same query over a table function that, like Airport's, applies no filters itself (`duckdb_plan`).
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

# Errors that Arrow gives the code IOError: the extension calls again, up to 15 times and for most of a minute.
RETRIED = (flight.FlightUnavailableError, flight.FlightInternalError, flight.FlightTimedOutError,
           flight.FlightUnauthenticatedError, flight.FlightUnauthorizedError)


class AirportError(Exception):
    """The extension throws here, crashes, or reads memory it never wrote."""


class WouldRetry(AirportError):
    """A final answer of a kind that is tried again and again."""


def check(condition, message):
    if not condition:
        raise AirportError(message)


# MessagePack as msgpack-c has it: a std::string is written as str whatever its bytes, and read from str and bin alike.

def pack(value, binary=False):
    """`binary` writes strings as bin instead, which other Airport clients do."""
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


def of(*kinds):
    """A reader of a value of these types; `bool` is no `int` in MessagePack."""
    def read(value, where):
        check(type(value) in kinds, f"{where} is {value!r:.80}")
        return value
    return read


def text(value, where):
    try:
        return of(bytes)(value, where).decode()
    except UnicodeDecodeError as error:
        raise AirportError(f"{where} is not UTF-8") from error


def optional(read):
    return lambda value, where: None if value is None else read(value, where)


def array(read):
    return lambda value, where: [read(item, f"{where}[{i}]") for i, item in enumerate(of(list)(value, where))]


def tags(value, where):
    return {text(key, where): text(item, f"{where}[{key}]") for key, item in of(dict)(value, where).items()}


blob, boolean, number = of(bytes), of(bool), of(float, int)


def unsigned(value, where):
    check(of(int)(value, where) in range(2**64), f"{where} is {value}")
    return value


def struct(**readers):
    """A map read into a C++ struct. An absent key leaves a field there with whatever it held, so here it is an error."""
    def read(value, where):
        of(dict)(value, where)
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
    """[length, zstd]: Arrow's codec writes into a buffer of exactly that length, or fails."""
    value = array(lambda item, _: item)(unpack(data, where), where)
    check(len(value) == 2, f"{where} has {len(value)} parts, not length and data")
    length, compressed = unsigned(value[0], f"{where}: length"), blob(value[1], f"{where}: data")
    check(length < 2**31, f"{where}: length {length} is no int")
    try:
        plain = zstandard.ZstdDecompressor().decompress(compressed, max_output_size=length)
    except zstandard.ZstdError as error:
        raise AirportError(f"{where}: {error}") from error
    check(len(plain) == length, f"{where}: {len(plain)} bytes, not the {length} announced")
    return plain


@dataclasses.dataclass
class Scan:
    """A query's rows, and what came over the wire for them."""
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
        """The headers of a call."""
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
        """The first result; the others are drained, and none at all is a null pointer followed."""
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
            check(len(info.endpoints) < 2, "only the first endpoint's list of locations is written")
        return infos

    # SELECT … FROM airport_take_flight(uri, place) WHERE …

    def take_flight(self, place, select="*", where=None, **how):
        """A list is a path, text a command."""
        make = flight.FlightDescriptor.for_path if isinstance(place, list) else flight.FlightDescriptor.for_command
        descriptor = make(*place) if isinstance(place, list) else make(place)
        trace = str(uuid.uuid4())
        schema = self.bind(descriptor, self.client.get_flight_info(descriptor, self.options(descriptor, trace)))
        return self.scan(descriptor, schema, select, where, trace=trace, **how)

    def bind(self, descriptor, info):
        check(info.descriptor == descriptor, f"asked for {descriptor}, got {info.descriptor}")
        check(info.schema is not None, "no schema")
        return info.schema

    def scan(self, descriptor, schema, select="*", where=None, *, dialect=2, optimize=True, column_ids=None, edit=None,
             binary=False, at=("", ""), trace=None, headers=()):
        """`dialect` is DuckDB's major version; `edit` changes the filters on their way out."""
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
        # Columns that weren't asked for may hold anything: DuckDB never gets to see them.
        seen = wire.select(sorted({i for i in column_ids if i < len(schema)}))
        seen = seen if seen.num_columns else pa.table({"rowid": pa.nulls(wire.num_rows)})
        return Scan(run(seen, select, where), wire, len(endpoints), [progress for _, progress in parts])

    def read(self, endpoint, schema, options):
        """One endpoint's rows and the progress told along with them."""
        check(endpoint.locations, "No locations specified in flight endpoint")
        location = endpoint.locations[0].uri
        check(not location.startswith(b"data:"), "a location of the kind `data` is not for a server of its own rows")
        client = self.client if location == REUSE else flight.connect(location)
        try:
            reader = client.do_get(endpoint.ticket, options)
            check(reader.schema.equals(schema), f"rows of {reader.schema}, but {schema} was announced")
            batches, told = [], []
            for chunk in reader:
                if chunk.app_metadata is not None:
                    told.append(progress(unpack(chunk.app_metadata.to_pybytes(), "progress"), "progress").progress)
                    check(0 <= told[-1] <= 1, f"progress out of range: {told[-1]}")
                if chunk.data is not None:
                    batches.append(chunk.data)
        except RETRIED as error:
            raise WouldRetry(f"DoGet: {error}") from error
        return pa.Table.from_batches(batches, schema), told

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
        # A hash here would announce the contents of all schemas at once, in another format.
        check(root.contents.sha256 == "" and root.contents.serialized is None and root.contents.url is None,
              "the catalogue's own contents are not empty")
        names = [schema.name for schema in root.schemas]
        check(all(names) and len(set(names)) == len(names), f"schemas {names}")
        check("main" not in names, "a schema `main` is never found by the versions that don't know is_default")
        self.version_info = root.version_info
        self.schemas = {schema.name: schema for schema in root.schemas}
        self.tables = {schema.name: self.load(schema) for schema in root.schemas}

    @property
    def default(self):
        """The tables of the default schema, by name."""
        (name,) = [schema.name for schema in self.schemas.values() if schema.is_default]
        return self.tables[name]

    def load(self, schema):
        source = schema.contents
        check(source.serialized is not None, "no contents: the extension would list all flights")
        if source.sha256:
            found = hashlib.sha256(source.serialized).hexdigest()
            check(found == source.sha256, f"SHA256 is {found}, not {source.sha256}")
        infos = array(blob)(unpack(decompress(source.serialized, schema.name), schema.name), schema.name)
        tables = {}
        for info in map(flight.FlightInfo.deserialize, infos):
            if info.app_metadata:
                table = Table(self, schema.name, info)
                check(table.name and table.name not in tables, f"table `{table.name}` is nameless or listed twice")
                tables[table.name] = table
        return tables


class Table:
    def __init__(self, catalog, schema_name, info):
        self.catalog, self.airport = catalog, catalog.airport
        self.metadata = app_metadata(unpack(info.app_metadata, "app_metadata"), "app_metadata")
        check(self.metadata.catalog == catalog.name, f"catalogue {self.metadata.catalog!r}, not {catalog.name!r}")
        check(self.metadata.schema == schema_name, f"schema {self.metadata.schema!r}, not {schema_name!r}")
        check(self.metadata.type == "table", f"{self.metadata.type!r} is not a table")
        check(self.metadata.input_schema is None, "a table takes no input")
        check(info.schema is not None, "no schema")
        self.name, self.descriptor, self.schema = self.metadata.name, info.descriptor, info.schema

    def scan(self, select="*", where=None, *, at=("", ""), **how):
        """A query in a transaction of its own. The catalogue's schema stands: no GetFlightInfo, unless there is an AT."""
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
        """One column's statistics; None where the schema doesn't offer them, and DuckDB doesn't ask."""
        if not (self.schema.metadata or {}).get(b"can_produce_statistics"):
            return None
        kind = self.schema.field(column).type
        request = {"flight_descriptor": self.descriptor.serialize(), "column_name": column, "type": duckdb_type(kind)}
        options = self.airport.options(trace=str(uuid.uuid4()), airport_action_name="column_statistics")
        reader = pa.ipc.open_stream(self.airport.action("column_statistics", pack(request, binary), options))
        batch, *_ = [*reader, None]
        check(batch is not None and batch.num_rows == 1, "not one row of statistics")
        kinds = {"min": kind, "max": kind, "has_not_null": pa.bool_(), "has_null": pa.bool_(),
                 "distinct_count": pa.uint64()}
        extra = {"max_string_length": pa.uint64(), "contains_unicode": pa.bool_()}
        kinds.update({name: kind for name, kind in extra.items() if name in batch.schema.names})
        check(not kinds.keys() - set(batch.schema.names), f"statistics of {batch.schema.names} lack a required field")
        for name, kind in kinds.items():
            check(batch.schema.field(name).type == kind, f"{name} is {batch.schema.field(name).type}, not {kind}")
            check(batch[name][0].is_valid, f"{name} is NULL")
        return types.SimpleNamespace(**{name: batch[name][0].as_py() for name in kinds})
