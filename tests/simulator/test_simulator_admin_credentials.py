"""The simulator's control endpoints need the client secret, which no web page has."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

PATHS = [
    ("GET", "/_simulator/log"),
    ("GET", "/_simulator/applied"),
    ("GET", "/_simulator/faults"),
    ("POST", "/_simulator/faults"),
    ("DELETE", "/_simulator/faults"),
    ("POST", "/_simulator/tokens/expire"),
    ("GET", "/_simulator/devices/any"),
    ("OPTIONS", "/_simulator/faults"),
    ("PUT", "/_simulator/nothing"),
]
FAULT = json.dumps({"name": "status", "times": 1, "code": 503}).encode()
FROM_A_PAGE = {
    "no header": {},
    "text/plain from a page": {"Content-Type": "text/plain", "Origin": "https://evil.example"},
    "JSON from a page": {"Content-Type": "application/json", "Origin": "https://evil.example"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "an empty secret": {"Authorization": "Bearer "},
    "another secret": {"Authorization": "Bearer guessed"},
    "another scheme": {"Authorization": "Basic Y2xpZW50OnNlY3JldA=="},
    "bytes beyond ASCII": {"Authorization": "Bearer caf\xe9"},
}


@pytest.mark.parametrize("headers", FROM_A_PAGE.values(), ids=FROM_A_PAGE.keys())
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_low_control_calls_without_the_secret_are_refused_and_do_nothing(
    vendor, method, path, headers
):
    vendor.sim.add_device(device_id="any")
    reply = vendor.raw(method, path, FAULT, dict(headers))

    assert reply.status == 401
    assert b"client secret" in reply.body
    assert vendor.sim.client_secret.encode() not in reply.body
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert vendor.sim._handler.faults.pending() == []
    assert vendor.sim._account.accepts(vendor.token)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""]
)
def test_a_name_that_was_pointed_at_this_machine_is_refused(vendor, host):
    """A page can make its own name resolve to 127.0.0.1 (DNS rebinding)."""
    secret = {"Authorization": f"Bearer {vendor.sim.client_secret}", "Host": host}
    assert vendor.raw("GET", "/_simulator/log", None, secret).status == 401


def test_the_access_token_of_the_api_is_not_the_secret(vendor):
    headers = {"Authorization": f"Bearer {vendor.token}"}
    assert vendor.raw("GET", "/_simulator/log", None, headers).status == 401


def test_a_refused_call_leaves_the_connection_usable(vendor):
    connection = http.client.HTTPConnection(urlsplit(vendor.sim.url).netloc, timeout=5)
    for headers in ({}, {"Authorization": f"Bearer {vendor.sim.client_secret}"}):
        connection.request("POST", "/_simulator/faults", FAULT, headers)
        reply = connection.getresponse()
        reply.read()
    connection.close()

    assert reply.status == 200
    assert len(vendor.sim._handler.faults.pending()) == 1
