"""The client refuses an address whose host is not allowed, before anything is looked up or sent."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actions.opswat.base_url import LOOPBACK_HOSTS, VENDOR_HOSTS, check_base_url
from actions.opswat.client import VendorClient, VendorConfig
from actions.opswat.errors import VendorError
from tests.opswat.parts import METHODS, SECRET, make_client
from tests.opswat.strategies import steady

OWN_NAMES = {"localhost", "127.0.0.1", "::1"}

_attempts: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Record each host that the process resolves or connects to, as the interpreter reports it."""
    if _attempts is not None and event in {"socket.getaddrinfo", "socket.connect"}:
        place = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        _attempts.append(str(place[0] if isinstance(place, tuple) else place))


sys.addaudithook(_watch)


@contextmanager
def watched_sockets() -> Iterator[list[str]]:
    """Return the list of hosts that are resolved or connected to in this block."""
    global _attempts  # noqa: PLW0603  # An audit hook cannot be removed, so it gets a switch.
    found: list[str] = []
    _attempts = found
    try:
        yield found
    finally:
        _attempts = None


@pytest.fixture(scope="module")
def canary() -> Iterator[socket.socket]:
    """A server on a loopback address that is not among the allowed ones."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        server.setblocking(False)
        yield server


def call_every_method(url: str) -> None:
    for call in METHODS.values():
        with suppress(ValueError, VendorError):
            call(make_client(url, connect_timeout=0.3, read_timeout=0.3))


def test_h6_the_client_itself_refuses_a_host_that_is_not_allowed():
    with watched_sockets() as attempts:
        with pytest.raises(ValueError, match="not among") as refusal:
            VendorClient(VendorConfig("https://attacker.example", "client-id", SECRET))
        call_every_method("https://attacker.example")
        call_every_method("https://127.0.0.2")

    assert attempts == []
    assert SECRET not in str(refusal.value)


def test_h6_the_client_accepts_a_host_that_the_settings_allow():
    VendorClient(
        VendorConfig("https://eu.example.com", "id", SECRET, allowed_hosts=("eu.example.com",))
    )


HOSTS = st.sampled_from(sorted(VENDOR_HOSTS | LOOPBACK_HOSTS)) | st.sampled_from(
    ["attacker.example", "127.0.0.2", "127.1", "2130706434", "0x7f.0.0.2", "0.0.0.0", "[::]"]
)
PIECES = st.sampled_from(
    ["", "/", "@", "\\", "#", "?", ":", ".", "%2e", "\t", "\n", " ", "\u3002", "\u200b", "user:pw@"]
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Build an address of hosts, separators and the canary's port in any order."""
    scheme = draw(st.sampled_from(["http://", "https://", "HTTPS://", "//", "ftp://", ""]))
    parts = draw(st.lists(HOSTS | PIECES | st.text(max_size=3), min_size=1, max_size=5))
    port = draw(st.sampled_from(["", ":443", ":PORT"]))
    return scheme + "".join(parts) + port


@steady
@given(address=addresses())
@example(address="http://127.0.0.2:PORT")
@example(address="https://127.0.0.2")
@example(address="https://127.0.0.2:443/")
@example(address="http://gears.opswat.com@127.0.0.2:PORT")
@example(address="http://127.0.0.1.attacker.example:PORT")
def test_no_address_makes_the_client_look_up_or_open_a_host_that_is_not_allowed(canary, address):
    url = address.replace("PORT", str(canary.getsockname()[1]))
    try:
        host = urlsplit(check_base_url(url)).hostname
    except ValueError:
        with watched_sockets() as attempts:
            call_every_method(url)
        assert attempts == []
    else:
        # Not called: it may be the vendor's real host.
        assert host in VENDOR_HOSTS | OWN_NAMES
    with pytest.raises(BlockingIOError):
        canary.accept()
