"""From a command ID to a stored file: asked for by a rule, stored whole or not at all."""

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from actions.agent_logs import controls
from actions.agent_logs import selectors as agent_logs
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus as S
from actions.errors import NotAllowed, Refused
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane
from actions.trail.models import AuditEvent
from tests.agent_logs.conftest import make_due
from tests.factories import statuses

pytestmark = pytest.mark.django_db


def asked(vendor):
    return [call for call in vendor.received if call.api == "reports"]


def incoming() -> list[Path]:
    """The downloads that are not finished."""
    return sorted(Path(settings.AGENT_LOG_INCOMING).glob("*"))


def only() -> AgentLog:
    return AgentLog.objects.get()


def test_an_accepted_fetch_becomes_a_file_that_can_be_read(fetched, vendor, send_due):
    request = fetched("kiosk")
    send_due()

    log = only()
    assert statuses(request) == {"kiosk": "accepted"}
    assert (log.status, log.open, log.attempts, log.lane) == (S.READY, False, 1, Lane.REPORTS)
    (call,) = asked(vendor)
    assert call.query["command_id"] == log.command.command_id
    with storages["agent_logs"].open(log.stored_as) as file:
        data = file.read()
    assert log.size == len(data)
    assert log.sha256 == hashlib.sha256(data).hexdigest()
    assert log.stored_at
    assert log.keep_until == log.stored_at + timedelta(days=30)
    names = [entry.name for entry in agent_logs.files(log)]
    assert names == zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert log.command.command_id not in log.stored_as
    assert incoming() == []


def assume(vendor, **switches) -> None:
    vendor._account.assumptions = replace(vendor.assumptions, **switches)


@pytest.mark.parametrize("mode", ["200", "404", "400"])
def test_a_log_that_is_not_ready_shows_the_vendors_message_and_is_polled_again(
    fetched, vendor, send_due, slow_log, mode
):
    assume(vendor, log_not_ready=mode)
    fetched("kiosk")
    send_due()

    log = only()
    assert (log.status, log.message) == (S.WAITING, "The report is not ready yet")
    slow_log()
    make_due()
    send_due()
    assert only().status == S.READY


def test_the_interval_grows_up_to_its_maximum(fetched, vendor, send_due, slow_log, settings):
    fetched("kiosk")
    settings.AGENT_LOG_MAX_INTERVAL = 200.0
    pauses = []
    for _ in range(5):
        make_due()
        send_due()
        log = only()
        assert log.last_polled_at
        pauses.append(round((log.due_at - log.last_polled_at).total_seconds(), -1))

    assert pauses == [90, 140, 200, 200, 200]


def test_a_viewed_log_is_polled_first_and_sooner(fetched, vendor, send_due, slow_log):
    fetched("a", "b", "c")
    AgentLog.objects.update(due_at=timezone.now() + timedelta(hours=1))
    middle = AgentLog.objects.get(command__target="b")
    controls.note_viewer(middle)
    middle.refresh_from_db()
    assert middle.due_at <= middle.created_at + timedelta(seconds=21)
    make_due()
    send_due()

    polled = [call.query["command_id"] for call in asked(vendor)]
    newest_first = AgentLog.objects.exclude(pk=middle.pk).order_by("-id")
    assert polled == [
        middle.command.command_id,
        *(log.command.command_id for log in newest_first.select_related("command")),
    ]


def test_fetch_now_uses_the_normal_lane_once(fetched, operator, vendor, send_due, slow_log):
    fetched("kiosk")
    send_due()
    AgentLog.objects.update(due_at=timezone.now() + timedelta(hours=1), last_polled_at=None)
    before = len(asked(vendor))

    controls.poll_now(only(), operator)
    with pytest.raises(Refused, match="already"):
        controls.poll_now(only(), operator)
    send_due()

    assert len(asked(vendor)) == before + 1
    call = VendorCall.objects.filter(api="report").latest("id")
    assert (call.lane, only().lane, only().status) == (Lane.NORMAL, Lane.REPORTS, S.WAITING)
    with pytest.raises(Refused, match="Wait a moment"):
        controls.poll_now(only(), operator)


def test_stopping_ends_polling_until_a_user_fetches_again(
    fetched, operator, helpdesk, viewer, vendor, send_due, slow_log
):
    fetched("kiosk")
    send_due()
    with pytest.raises(NotAllowed):
        controls.stop(only(), helpdesk)
    controls.stop(only(), operator)
    with pytest.raises(Refused):
        controls.stop(only(), operator)
    make_due()
    before = len(asked(vendor))
    send_due()
    assert (only().status, len(asked(vendor))) == (S.STOPPED, before)

    AgentLog.objects.update(last_polled_at=None)
    with pytest.raises(NotAllowed):
        controls.poll_now(only(), viewer)
    slow_log()
    controls.poll_now(only(), helpdesk)
    send_due()
    assert only().status == S.READY
    verbs = AuditEvent.objects.filter(subject=str(only().uuid)).order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == [
        "log.control_refused",
        "log.stopped",
        "log.control_refused",
        "log.control_refused",
        "log.asked_now",
        "log.ready",
    ]
