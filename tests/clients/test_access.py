"""TLS, tokens and Unix sockets with the clients of pyarrow and grpc."""
import base64
import http.client
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import grpc
import pyarrow.flight as flight
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from conftest import CUSTOMERS, SAASGEN, Server

NAME, TOKEN = "ann", "a-token-of-ann-0123456789"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `ca.pem`, certificates that it signed for a server and a client, and a file of tokens."""
    folder = tmp_path_factory.mktemp("access")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("server", "client"):
        identity = ca.issue_cert("localhost", "127.0.0.1")
        identity.private_key_pem.write_to_path(folder / f"{name}.key")
        for number, part in enumerate(identity.cert_chain_pems):
            part.write_to_path(folder / f"{name}.pem", append=number > 0)
    tokens = folder / "tokens"
    tokens.write_text(f"{NAME}:{TOKEN}\n")
    tokens.chmod(0o600)
    return folder


def serve(folder, *args):
    tls = ["--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key"]
    return Server("--customers", str(CUSTOMERS), *tls, *args)


@pytest.fixture(scope="module")
def guarded(folder):
    """A server that requires TLS and tokens."""
    server = serve(folder, "--auth-tokens", folder / "tokens")
    yield server
    server.stop()


def read(client, options=None):
    return client.do_get(flight.Ticket(b"customers"), options or flight.FlightCallOptions()).read_all().num_rows


def test_pyarrow_with_basic_credentials(folder, guarded):
    with flight.connect(guarded.uri, tls_root_certs=(folder / "ca.pem").read_bytes()) as client:
        with pytest.raises(flight.FlightUnauthenticatedError, match="asks for a token"):
            read(client)
        with pytest.raises(flight.FlightUnauthenticatedError, match="does not know the token"):
            client.authenticate_basic_token(NAME, "a-token-of-nobody-0123456789")
        with pytest.raises(flight.FlightUnauthenticatedError, match="does not know the token"):
            client.authenticate_basic_token("bob", TOKEN)
        header = client.authenticate_basic_token(NAME, TOKEN)
        assert header == (b"authorization", f"Bearer {TOKEN}".encode())
        assert read(client, flight.FlightCallOptions(headers=[header])) == CUSTOMERS


def test_pyarrow_with_a_bearer_header(folder, guarded):
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
    with flight.connect(guarded.uri, tls_root_certs=(folder / "ca.pem").read_bytes()) as client:
        assert read(client, options) == CUSTOMERS
        assert len(list(client.list_flights(options=options))) == 6


def test_health_needs_no_token(folder, guarded):
    credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    with grpc.secure_channel(guarded.uri.removeprefix("grpc+tls://"), credentials) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def fetch(url, folder, **headers):
    """Returns the status and the text of a page."""
    context = ssl.create_default_context(cafile=folder / "ca.pem") if url.startswith("https") else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def metrics(folder):
    """The address of metrics that other machines could reach, of a server with TLS and tokens."""
    command = [SAASGEN, "serve", "--listen", "127.0.0.1:0", "--customers", "10", "--metrics", "0.0.0.0:0",
               "--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key", "--auth-tokens", folder / "tokens"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    yield re.search(r"metrics at https://0.0.0.0:(\d+)/metrics", process.stderr.readline())[1]
    process.terminate()
    assert process.wait(timeout=60) == 0


def test_metrics_for_other_machines_have_the_tls_and_the_tokens_of_the_server(folder, metrics):
    url = f"https://127.0.0.1:{metrics}"
    basic = base64.b64encode(f"{NAME}:{TOKEN}".encode()).decode()
    for scheme, credentials in [("Bearer", TOKEN), ("Basic", basic)]:
        status, text = fetch(f"{url}/metrics", folder, Authorization=f"{scheme} {credentials}")
        assert status == 200 and "saasgen_streams_open 0" in text
    assert fetch(f"{url}/metrics", folder)[0] == 401
    assert fetch(f"{url}/metrics", folder, Authorization="Bearer a-token-of-nobody-0123456789")[0] == 401
    deadline = time.monotonic() + 60
    while fetch(f"{url}/healthz", folder) != (200, "SERVING\n"):  # The server serves soon after it printed its address.
        assert time.monotonic() < deadline
    with pytest.raises((OSError, http.client.HTTPException)):
        fetch(f"http://127.0.0.1:{metrics}/metrics", folder)


def test_pyarrow_with_mutual_tls(folder):
    server = serve(folder, "--tls-client-ca", folder / "ca.pem")
    roots = (folder / "ca.pem").read_bytes()
    chain, key = (folder / "client.pem").read_bytes(), (folder / "client.key").read_bytes()
    with flight.connect(server.uri, tls_root_certs=roots, cert_chain=chain, private_key=key) as client:
        assert read(client) == CUSTOMERS
    with flight.connect(server.uri, tls_root_certs=roots) as client:
        with pytest.raises(flight.FlightUnavailableError):
            read(client)
    server.stop()


def test_pyarrow_over_a_unix_socket(tmp_path):
    server = Server("--customers", str(CUSTOMERS), listen=f"grpc+unix://{tmp_path}/saasgen.sock")
    # By default, gRPC's C++ clients send the path as the host. HTTP/2 servers in Rust refuse a path there.
    with flight.connect(server.uri, generic_options=[("grpc.default_authority", "localhost")]) as client:
        assert read(client) == CUSTOMERS
    server.stop()
