"""Each answer means one of three: done, not done, or outcome unknown."""

import time
import tracemalloc
from urllib.parse import parse_qs, urlsplit

import pytest

from actions.opswat.client import Slot, VendorConfig
from actions.opswat.errors import (
    Blocked,
    Rejected,
    Throttled,
    Unauthorized,
    Unconfirmed,
    VendorError,
)
from actions.opswat.payloads import ActionCall, GroupPage, RateLimitStatus
from tests.opswat.hostile import FAULTS, HostileServer, head, reply, reply_json
from tests.opswat.parts import ACTION_CALL, METHODS, SECRET, SLOT, TOKEN, make_client

JSON_METHODS = [name for name in METHODS if name not in ("fetch_token", "get_report")]
GOOD = {
    "fetch_token": {"access_token": "12345678-aaaa", "expires_in": 43199, "token_type": "bearer"},
    "device_action": [{"id": "d1", "status": 1, "command_id": ""}],
    "list_devices": {"devices": [], "next_token": ""},
    "device_details": [],
    "list_groups": [],
    "status_changes": {"monitored_devices": [], "deleted_devices": []},
    "get_report": {"status": "pending", "message": "not ready"},
}


def failure_of(method, script, **changes) -> VendorError:
    with HostileServer(script) as server:
        with pytest.raises(VendorError) as caught:
            METHODS[method](make_client(server.url, **changes))
        assert server.connections == 1
    return caught.value


@pytest.mark.parametrize("method", METHODS)
def test_a_good_answer_carries_its_status_and_the_rate(method):
    rates = ("X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 7", "X-RateLimit-Reset-Time: 42")
    with HostileServer(reply_json(GOOD[method], 200, *rates)) as server:
        answer = METHODS[method](make_client(server.url))
        assert server.connections == 1
    assert answer.http_status == 200
    assert answer.rate == RateLimitStatus(limit=10, remaining=7, reset_after=42.0)


@pytest.mark.parametrize("method", METHODS)
def test_each_call_closes_its_connection_and_sends_the_token_in_the_url(method):
    with HostileServer(reply_json(GOOD[method])) as server:
        METHODS[method](make_client(server.url))
        (arrived,) = server.received
    assert arrived.headers["connection"] == "close"
    query = parse_qs(urlsplit(arrived.target).query)
    if method == "fetch_token":
        assert "access_token" not in query
        assert parse_qs(arrived.body.decode())["client_secret"] == [SECRET]
        assert arrived.headers["content-type"] == "application/x-www-form-urlencoded"
    else:
        assert query["access_token"] == [TOKEN]
        assert TOKEN not in arrived.body.decode()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("code", [300, 301, 302, 303, 304, 307, 308, 500, 501, 502, 503, 504, 599])
def test_redirects_and_server_errors_are_unconfirmed(method, code):
    error = failure_of(method, reply(code, b"oops", "Location: http://127.0.0.1:9/"))
    assert type(error) is Unconfirmed
    assert error.http_status == code


@pytest.mark.parametrize("method", JSON_METHODS)
@pytest.mark.parametrize("code", [201, 202, 204, 206, 299])
def test_a_success_other_than_200_is_unconfirmed(method, code):
    if (method, code) == ("list_groups", 204):
        return  # No content is an empty list of groups.
    assert type(failure_of(method, reply(code, b"[]"))) is Unconfirmed


@pytest.mark.parametrize("method", METHODS)
def test_401_means_that_our_credentials_are_not_accepted(method):
    error = failure_of(method, reply(401, b'{"error": "invalid_token"}'))
    assert type(error) is Unauthorized
    assert error.body == '{"error": "invalid_token"}'


def test_400_for_the_token_means_that_our_credentials_are_not_accepted():
    assert type(failure_of("fetch_token", reply(400, b"invalid_client"))) is Unauthorized


BODIES = {
    "json": b'{"error": "no"}',
    "page": b"\n <!DOCTYPE html><html><body>Access denied</body></html>",
    "text": b"no",
    "empty": b"",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("code", [403, 405, 406, 415])
def test_a_documented_4xx_is_a_refusal_only_in_the_vendors_json(method, code, body):
    error = failure_of(method, reply(code, BODIES[body]))
    is_final = body == "json" and method != "device_action"
    assert type(error) is (Rejected if is_final else Blocked)
    assert f"HTTP {code}" in str(error)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("code", [402, 408, 409, 418, 423, 425, 451, 499])
def test_an_undocumented_4xx_means_that_nothing_was_done(method, code, body):
    error = failure_of(method, reply(code, BODIES[body]))
    assert type(error) is Blocked
    assert f"HTTP {code}" in str(error)


@pytest.mark.parametrize("method", JSON_METHODS)
@pytest.mark.parametrize("body", BODIES)
def test_400_is_a_refusal_in_any_form_and_404_in_the_vendors_json(method, body):
    assert type(failure_of(method, reply(400, BODIES[body]))) is Rejected
    is_final = body == "json" and method != "device_action"
    expected = Rejected if is_final else Blocked
    assert type(failure_of(method, reply(404, BODIES[body]))) is expected


def test_a_gateways_page_is_not_taken_for_a_log_that_is_not_ready():
    assert type(failure_of("get_report", reply(404, BODIES["page"]))) is Blocked


def test_no_content_is_an_empty_list_of_groups():
    with HostileServer(reply(204, b"")) as server:
        answer = METHODS["list_groups"](make_client(server.url))
    assert (answer.value, answer.http_status) == (GroupPage(), 204)


def test_413_means_an_empty_page_of_groups_and_a_refusal_elsewhere():
    with HostileServer(reply(413, b"", "X-RateLimit-Remaining: 3")) as server:
        answer = METHODS["list_groups"](make_client(server.url))
    assert (answer.value, answer.http_status, answer.rate.remaining) == (GroupPage(), 413, 3)
    assert type(failure_of("list_devices", reply(413, b""))) is Rejected


@pytest.mark.parametrize("method", METHODS)
def test_429_carries_retry_after_if_the_vendor_sends_it(method):
    lines = ("X-RateLimit-Reset-Time: 500", "X-RateLimit-Remaining: 0")
    error = failure_of(method, reply(429, b"slow down", *lines))
    assert type(error) is Throttled
    assert error.retry_after == 500.0
    assert error.rate == RateLimitStatus(remaining=0, reset_after=500.0)
    bare = failure_of(method, reply(429, b""))
    assert isinstance(bare, Throttled)
    assert bare.retry_after is None


UNUSABLE = (
    "html broken_json text object deep_json not_utf8 long_number half_body broken_chunks huge "
    "gzip_bomb bad_gzip"
)


@pytest.mark.parametrize("method", [*JSON_METHODS, "fetch_token"])
@pytest.mark.parametrize("fault", UNUSABLE.split())
def test_a_success_that_cannot_be_read_is_unconfirmed(method, fault):
    error = failure_of(method, FAULTS[fault], max_body_bytes=2**20)
    assert type(error) is Unconfirmed
    assert error.http_status == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "fault", ["drip_head", "drip_body", "drip_chunks", "endless_continue", "silent"]
)
def test_a_slow_answer_ends_at_the_read_timeout(method, fault):
    started = time.monotonic()
    assert type(failure_of(method, FAULTS[fault], read_timeout=0.3)) is Unconfirmed
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("code", [302, 401, 429, 400])
def test_an_endless_body_does_not_hide_the_status(code):
    def script(connection, arrived):
        connection.sendall(head(code, "Location: /elsewhere"))
        while True:
            connection.sendall(b"x" * 65536)

    started = time.monotonic()
    assert failure_of("device_action", script).http_status == code
    assert time.monotonic() - started < 2


def test_a_gzip_bomb_is_stopped_by_its_decoded_size():
    tracemalloc.start()
    error = failure_of("device_action", FAULTS["gzip_bomb"], max_body_bytes=2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "too large" in str(error)
    # The server runs in this process and builds the bomb, which takes twice its 64 MB.
    assert peak < 64 * 2**20 * 3


def test_the_vendors_text_is_shortened_and_cleaned():
    text = b"first\r\nsecond\x00\x1b[31m \xff" + b"x" * 1000
    error = failure_of("device_action", reply(400, text))
    assert error.body.startswith("first second[31m �xxx")
    assert len(error.body) == 300


def test_no_call_is_made_without_a_slot():
    with HostileServer(reply_json([])) as server:
        with pytest.raises(TypeError, match="slot"):
            make_client(server.url).list_groups(None, TOKEN, 1)  # type: ignore[arg-type]
        assert server.connections == 0


def test_an_action_call_is_sent_to_the_configured_version_as_documented():
    call = ActionCall("exempt", "ids", ("device123", "device456"), exempt_hours=60)
    with HostileServer(reply_json([])) as server:
        answer = make_client(server.url, action_version="v3.2").device_action(SLOT, TOKEN, call)
        (arrived,) = server.received
    assert arrived.method == "POST"
    assert arrived.target.startswith("/o/api/v3.2/devices/action?access_token=")
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.body == (
        b'{"types": "exempt", "ids": ["device123", "device456"], "params": {"exempt_time": 60}}'
    )
    assert answer.value.missing == ("device123", "device456")


def test_an_action_that_the_version_does_not_support_is_not_sent():
    call = ActionCall("fetch_agent_log", "ids", ("d1",))
    with HostileServer(reply_json([])) as server:
        with pytest.raises(ValueError, match="does not support"):
            make_client(server.url, action_version="v3").device_action(SLOT, TOKEN, call)
        with pytest.raises(ValueError, match="no Device Action version"):
            make_client(server.url, action_version="v9/../..")
        assert server.connections == 0


def test_arguments_that_the_api_does_not_accept_are_not_sent():
    with HostileServer(reply_json([])) as server:
        client = make_client(server.url)
        for func in (
            lambda: client.list_devices(SLOT, TOKEN, None, limit=51),
            lambda: client.list_groups(SLOT, TOKEN, 0),
            lambda: client.status_changes(SLOT, TOKEN, 86_401, 1),
            lambda: client.status_changes(SLOT, TOKEN, 300, 0),
            lambda: client.device_details(SLOT, TOKEN, []),
            lambda: client.device_details(SLOT, TOKEN, ["d"] * 51),
            lambda: client.device_details(SLOT, TOKEN, ["d", " "]),
            lambda: client.device_action(SLOT, TOKEN, ActionCall("exempt", "ids", ("d1",))),
        ):
            with pytest.raises(ValueError, match=r"must be|needs|empty"):
                func()
        assert server.connections == 0


def test_paging_and_details_are_requested_as_documented():
    with HostileServer(reply_json({"devices": [], "next_token": None})) as server:
        client = make_client(server.url)
        client.list_devices(Slot(2), TOKEN, None)
        client.list_devices(Slot(3), TOKEN, "abc", limit=20)
        client.device_details(Slot(4), TOKEN, ["d1"])
        first, second, third = server.received
    assert first.target.startswith("/o/api/v3.7/devices?")
    assert first.body == b'{"limit": 50}'
    assert second.body == b'{"limit": 20, "token": "abc"}'
    assert third.target.startswith("/o/api/v3.8/devices/detail?")
    assert third.body == b'{"opt": 0, "ids": ["d1"], "verbose": {"system_info": 1}}'


def test_the_defaults_are_those_of_the_contract():
    config = VendorConfig("https://gears.opswat.com", "id", "secret")
    assert (config.action_version, config.connect_timeout, config.read_timeout) == ("v3.1", 5, 60)
    assert ACTION_CALL.body() == {"types": "unexempt", "ids": ["d1", "d2"]}
