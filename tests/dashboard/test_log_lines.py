"""Log lines: one JSON object each, with the ids of their work, and bounded where they repeat."""

import json
import logging
from collections.abc import Iterator

import pytest
from django.urls import reverse

from actions.dispatch import dispatcher
from actions.log_fields import log_fields
from dashboard.log_formatter import OneLine, Repeats
from tests.factories import know_devices, make_request
from tests.scripted import say

pytestmark = pytest.mark.django_db


class Lines(logging.Handler):
    """Keeps the lines as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.setFormatter(OneLine())
        self.addFilter(Repeats())

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, str]]]:
    handler = Lines()
    logging.root.addHandler(handler)
    yield handler.found
    logging.root.removeHandler(handler)


def test_m9_the_id_of_an_error_page_is_in_the_log(signed_in, lines, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("for the test")

    monkeypatch.setattr("actions.dispatch.selectors.window_stats", broken)
    signed_in.raise_request_exception = False

    answer = signed_in.get(reverse("vendor_calls"))

    assert answer.status_code == 500
    number = answer["X-Request-ID"]
    assert number in answer.content.decode()
    [line] = [line for line in lines if "traceback" in line]
    assert line["request_id"] == number
    assert "for the test" in line["traceback"]


def test_m9_the_lines_of_a_call_name_it_and_its_requests(operator, scripted, lines):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    scripted.answers["action"] = say(400, {"error": "no"})

    dispatcher.dispatch(5.0, alone=True)

    [line] = [line for line in lines if "400" in line["message"]]
    assert line["call"] == str(action_request.calls.get().pk)
    assert line["action_requests"] == str(action_request.uuid)


def test_fields_of_an_inner_block_are_added_to_those_of_the_outer_one(lines):
    log = logging.getLogger("tests")
    with log_fields(request_id="r"), log_fields(call=3):
        log.warning("Inside")
    log.warning("Outside")

    inside, outside = lines
    assert (inside["request_id"], inside["call"]) == ("r", "3")
    assert "request_id" not in outside


def test_m9_a_message_that_repeats_is_bounded_and_counted(lines, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("dashboard.log_formatter.time.monotonic", lambda: clock[0])
    log = logging.getLogger("tests")
    for number in range(500):
        log.error("Redis does not answer: %s", number)
    log.error("Another message")
    clock[0] += 61
    log.error("Redis does not answer: %s", "again")

    assert len(lines) == Repeats.MAX + 2
    assert lines[-1]["left_out"] == 495
