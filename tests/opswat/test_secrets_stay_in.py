"""The token and the client secret appear in no answer, error, traceback, log or output."""

import dataclasses
import http.client
import io
import logging
import pickle
import traceback
from urllib.parse import quote, quote_plus

import pytest

from actions.opswat.client import Token, VendorClient
from actions.opswat.errors import VendorError
from actions.opswat.redaction import Redactor, Secret
from tests.opswat.hostile import FAULTS, HostileServer, echo, reply, reply_json
from tests.opswat.parts import ACTION_CALL, METHODS, SECRET, SLOT, TOKEN, make_client

CANARIES = {
    spelling for value in (TOKEN, SECRET) for spelling in (value, quote(value), quote_plus(value))
}


@pytest.fixture(autouse=True)
def verbose_logging(caplog, monkeypatch):
    """Set all loggers to DEBUG, and let the standard library print what it sends."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)


def walk(value: object, seen: set[int] | None = None) -> list[str]:
    """Return all texts that can be reached from a value: attributes, items and causes."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    texts = [repr(value), str(value)]
    parts: list[object] = list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        parts += [getattr(value, name, None) for name in slots if isinstance(slots, tuple)]
    if isinstance(value, BaseException):
        parts += [value.args, value.__cause__, value.__context__]
    if isinstance(value, dict):
        parts += [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        parts += value
    return texts + [text for part in parts for text in walk(part, seen)]


def traces_of(error: BaseException) -> list[str]:
    """Return all texts that could be stored of an exception."""
    assert error.__cause__ is error.__context__ is None
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    pickled = pickle.dumps(error)
    copy = pickle.loads(pickled)  # noqa: S301 - made two lines above
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    return [*report.format(), pickled.decode("latin-1"), *walk(error)]


def assert_no_canary(texts) -> None:
    for text in texts:
        found = [canary for canary in CANARIES if canary.lower() in text.lower()]
        assert not found, text


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_no_fault_reveals_a_secret(method, fault, caplog, capfd, recwarn):
    with HostileServer(FAULTS[fault]) as server:
        client = make_client(server.url, read_timeout=0.3, max_body_bytes=2**20)
        try:
            kept = walk(METHODS[method](client))
        except VendorError as error:
            kept = traces_of(error)
        sent = server.received[0].text
    assert any(canary in sent for canary in CANARIES)  # The secret was sent.
    records = [text for record in caplog.records for text in walk(vars(record))]
    warned = [str(warning.message) for warning in recwarn]
    assert_no_canary([*kept, caplog.text, *records, *warned, *capfd.readouterr()])


@pytest.mark.parametrize("method", METHODS)
def test_a_refused_connection_reveals_no_secret(method, caplog, capfd, closed_port):
    with pytest.raises(VendorError) as caught:
        METHODS[method](make_client(f"http://127.0.0.1:{closed_port}"))
    assert_no_canary([*traces_of(caught.value), caplog.text, *capfd.readouterr()])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_forwards_no_secret(method, code, caplog):
    with HostileServer(reply_json([])) as elsewhere:
        with HostileServer(echo(code, "{}", f"Location: {elsewhere.url}/stolen")) as server:
            with pytest.raises(VendorError) as caught:
                METHODS[method](make_client(server.url))
            assert len(server.received) == 1
        assert elsewhere.connections == 0
    assert caught.value.http_status == code
    assert_no_canary([*traces_of(caught.value), caplog.text])


class FullDisk(io.BytesIO):
    """A file that cannot be written."""

    def write(self, data, /):
        raise OSError(28, "No space left on device")


def test_an_error_of_the_sink_passes_through_and_shows_no_secret(caplog):
    fails = pytest.raises(OSError, match="No space left")
    with HostileServer(reply(200, b"PK\x03\x04" + b"x" * 100)) as server, fails as caught:
        make_client(server.url).get_report(SLOT, TOKEN, "c1", FullDisk())
    assert_no_canary([*traces_of(caught.value), caplog.text])


class StopSignal(BaseException):
    """Interrupts a call at any point, as the time limit of a worker does."""


def test_a_stop_signal_in_the_middle_of_a_call_shows_no_secret(caplog, stop_during):
    stops, stop = pytest.raises(StopSignal), stop_during(StopSignal, seconds=0.3)
    with HostileServer(FAULTS["silent"]) as server, stops as caught, stop:
        make_client(server.url).device_action(SLOT, TOKEN, ACTION_CALL)
    assert caught.value.__context__ is None
    assert_no_canary([*traces_of_signal(caught.value), caplog.text])


def traces_of_signal(error: BaseException) -> list[str]:
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [*report.format(), *walk(error)]


@pytest.mark.parametrize("token", ["", "a b" + TOKEN, TOKEN + "\n", TOKEN + "\ud800", TOKEN + "é"])
def test_a_malformed_token_is_refused_before_anything_is_sent(token, caplog):
    with HostileServer(reply_json([])) as server:
        error = value_error_of(make_client(server.url), Secret(token))
        assert server.connections == 0
    assert_no_canary(traces_of(error))


def value_error_of(client: VendorClient, token: Secret[str]) -> ValueError:
    # A separate frame, so that the variable of the test is not part of the traceback.
    try:
        client.list_groups(SLOT, token.reveal(), 1)
    except ValueError as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_reprs_of_configuration_and_token_hide_the_secrets():
    client = make_client("https://gears.opswat.com")
    token = Token(TOKEN, 60.0)
    assert_no_canary([repr(client._config), repr(token), repr(client), repr(Secret(TOKEN))])
    assert_no_canary([repr(dataclasses.fields(token))])


def test_a_secret_cannot_be_pickled():
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TOKEN))


def test_an_address_with_a_wrong_form_does_not_show_the_secret():
    with pytest.raises(ValueError, match="must begin with https") as caught:
        make_client("http://gears.opswat.com")
    assert_no_canary(traces_of(caught.value))


def test_the_redactor_removes_all_spellings_and_leaves_other_text_unchanged():
    redactor = Redactor([Secret('se"cret/+&<1'), Secret("short")])
    for spelling in ('se"cret/+&<1', "SE%22CRET%2F%2B%26%3C1", 'se\\"cret/+&<1'):
        assert redactor.text(f"a {spelling} z") == "a [removed] z"
    assert redactor.text("a short text") == "a short text"
    assert redactor.text('{"access_token": "unknown", "a": 1}') == (
        '{"access_token": "[removed]", "a": 1}'
    )


def test_a_secret_is_removed_from_names_and_values_of_any_depth():
    tree: object = TOKEN
    for _ in range(5000):
        tree = [{f"a{TOKEN}": tree}]
    cleaned = Redactor([Secret(TOKEN)]).tree(tree)
    depth = 0
    while isinstance(cleaned, list):
        ((name, cleaned),) = cleaned[0].items()
        assert name == "a[removed]"
        depth += 1
    assert (depth, cleaned) == (5000, "[removed]")
