"""The gRPC services beside Flight: health and reflection, called by gRPC's own clients."""
import signal

import grpc
import pyarrow.flight as flight
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from conftest import CUSTOMERS, Server

FLIGHT = "arrow.flight.protocol.FlightService"
GZIP = 2  # GRPC_COMPRESS_GZIP


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.uri.removeprefix("grpc://")) as channel:
        yield channel


def test_health_by_service(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", FLIGHT):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as error:
        health.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=30)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_turns_when_the_server_is_told_to_stop():
    server = Server("--customers", "10")
    with grpc.insecure_channel(server.uri.removeprefix("grpc://")) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=FLIGHT), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        server.process.send_signal(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
    assert server.process.wait(timeout=60) == 0


def flight_info(channel):
    """Calls GetFlightInfo with messages that reflection describes."""
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName(FLIGHT).FindMethodByName("GetFlightInfo")
    request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    call = channel.unary_unary(f"/{FLIGHT}/GetFlightInfo", request.SerializeToString, answer.FromString)
    return call(request(type="PATH", path=["customers"]), timeout=30)


def test_channels_that_compress_with_gzip_by_default(server):
    address = server.uri.removeprefix("grpc://")
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        # gRPC compresses only messages that get shorter so.
        assert health.Check(health_pb2.HealthCheckRequest(service=FLIGHT), timeout=30).status == 1
        with pytest.raises(grpc.RpcError) as error:
            health.Check(health_pb2.HealthCheckRequest(service="nothing" * 100), timeout=30)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        assert flight_info(channel).total_records == CUSTOMERS
    with flight.connect(server.uri, generic_options=[("grpc.default_compression_algorithm", GZIP)]) as client:
        ticket = b"customers?columns=customer_id,plan,region,signup_date&first_id=1&last_id=111&strings=dictionary"
        assert client.do_get(flight.Ticket(ticket)).read_all().num_rows == 111
        with pytest.raises(ValueError, match="1208 bytes; a key"):
            client.do_get(flight.Ticket(b"customers?columns=" + b"customer_id," * 100)).read_all()


def test_other_compressions_are_refused_with_those_that_are_not(server):
    address = server.uri.removeprefix("grpc://")
    with grpc.insecure_channel(address, compression=grpc.Compression.Deflate) as channel:
        with pytest.raises(grpc.RpcError) as error:
            health = health_pb2_grpc.HealthStub(channel)
            health.Check(health_pb2.HealthCheckRequest(service="nothing" * 100), timeout=30)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in error.value.details()


def test_reflection_describes_every_service_and_message(channel):
    """A client without generated code learns the services by reflection, and calls them, as grpcurl does."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    assert {FLIGHT, "grpc.health.v1.Health"} <= services
    pool = DescriptorPool(database)
    service = pool.FindServiceByName(FLIGHT)
    assert len(service.methods) == 10
    method = service.FindMethodByName("GetFlightInfo")
    request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    call = channel.unary_unary(f"/{FLIGHT}/GetFlightInfo", request.SerializeToString, answer.FromString)
    info = call(request(type="PATH", path=["customers"]), timeout=30)
    assert info.total_records == CUSTOMERS and info.ordered
    # Reflection also describes the messages in tickets.
    scan = message_factory.GetMessageClass(pool.FindMessageTypeByName("saasgen.v1.ScanRequest"))
    ticket = scan.FromString(info.endpoint[0].ticket.ticket)
    assert (ticket.table, ticket.last_id, ticket.customers) == ("customers", CUSTOMERS, CUSTOMERS)
