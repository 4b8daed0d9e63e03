"""An error before the connection means not sent; one after it means unconfirmed."""

import datetime
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actions.opswat.errors import Unconfirmed, Unreachable
from tests.opswat.hostile import Arrived, HostileServer, cut, garbage, reply, reset, silent
from tests.opswat.parts import METHODS, make_client


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_means_that_nothing_was_sent(method, scheme, closed_port):
    with pytest.raises(Unreachable, match="connection refused") as caught:
        METHODS[method](make_client(f"{scheme}://127.0.0.1:{closed_port}"))
    assert caught.value.http_status is None
    assert caught.value.retry_after is None


def test_an_unknown_name_means_that_nothing_was_sent():
    with pytest.raises(Unreachable, match="name could not be resolved"):
        client = make_client("https://vendor.invalid", allowed_hosts=("vendor.invalid",))
        METHODS["device_action"](client)


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose connection queue is full, so that a new connection gets no answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def test_a_connection_that_takes_too_long_means_that_nothing_was_sent(full_port):
    with pytest.raises(Unreachable, match="no answer in time"):
        METHODS["device_action"](make_client(f"http://127.0.0.1:{full_port}", connect_timeout=0.2))


def test_a_server_without_tls_means_that_nothing_was_sent():
    with HostileServer(garbage, reads=False) as server, pytest.raises(Unreachable, match="TLS"):
        METHODS["device_action"](make_client(f"https://127.0.0.1:{server.port}"))


def test_a_tls_handshake_without_an_answer_means_that_nothing_was_sent():
    with HostileServer(lambda connection, _: time.sleep(1), reads=False) as server:
        client = make_client(f"https://127.0.0.1:{server.port}", connect_timeout=0.2)
        with pytest.raises(Unreachable, match="no answer in time"):
            METHODS["device_action"](client)


@pytest.mark.parametrize("ending", [cut, reset])
def test_a_tls_handshake_that_breaks_off_means_that_nothing_was_sent(ending):
    with HostileServer(ending, reads=False) as server, pytest.raises(Unreachable):
        METHODS["device_action"](make_client(f"https://127.0.0.1:{server.port}"))


@pytest.fixture
def own_certificate(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server context with a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_an_untrusted_certificate_means_that_nothing_was_sent(own_certificate, monkeypatch):
    read: list[bytes] = []

    def serve(connection: socket.socket, _: object) -> None:
        with own_certificate.wrap_socket(connection, server_side=True) as secure:
            read.append(secure.recv(1))

    # Environment variables do not change the trusted certificates.
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    refused = pytest.raises(Unreachable, match="no trusted TLS connection")
    with HostileServer(serve, reads=False) as server, refused:
        METHODS["device_action"](make_client(f"https://localhost:{server.port}"))
    assert not any(read)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with HostileServer(reply(200, b"[]")) as proxy, HostileServer(reply(200, b"[]")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        METHODS["list_groups"](make_client(server.url))
        assert len(server.received) == 1
        assert proxy.connections == 0


def test_a_netrc_file_of_the_environment_is_not_used(monkeypatch, tmp_path):
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login somebody password something\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    with HostileServer(reply(200, b"[]")) as server:
        METHODS["list_groups"](make_client(server.url))
        assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("ending", [cut, reset])
@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_connection_lost_after_connecting_is_unconfirmed_and_not_retried(method, ending, reads):
    def script(connection: socket.socket, arrived: Arrived) -> None:
        if not reads:
            # Otherwise the reset may come before the client has recorded the connection.
            time.sleep(0.1)
        ending(connection, arrived)

    with HostileServer(script, reads=reads) as server:
        with pytest.raises(Unconfirmed, match="no usable answer") as caught:
            METHODS[method](make_client(server.url))
        assert server.connections == 1
    assert caught.value.http_status is None


@pytest.mark.parametrize("method", METHODS)
def test_no_answer_after_sending_is_unconfirmed_at_the_timeout(method):
    with HostileServer(silent) as server:
        started = time.monotonic()
        with pytest.raises(Unconfirmed, match="no answer in time"):
            METHODS[method](make_client(server.url, read_timeout=0.2))
        assert time.monotonic() - started < 2
        assert server.connections == 1
