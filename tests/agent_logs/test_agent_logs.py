"""From a command ID to a stored file: asked for by a rule, stored whole or not at all."""

import hashlib
import io
import os
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from actions.action_requests.models import DeviceCommand
from actions.agent_logs import controls
from actions.agent_logs import fetch as reports
from actions.agent_logs import selectors as agent_logs
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus as S
from actions.dispatch import claims, dispatcher, sweeper
from actions.dispatch.forecast import lane_backlogs
from actions.errors import NotAllowed, Refused
from actions.opswat.payloads import ActionCall
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane
from actions.trail.models import AuditEvent
from tests.factories import enrol, make_request, statuses
from tests.opswat.hostile import HostileServer, reply

pytestmark = pytest.mark.django_db


def asked(vendor):
    return [call for call in vendor.received if call.api == "reports"]


@pytest.fixture
def fetched(operator, vendor, send_due, settings, tmp_path):
    """Devices whose fetch the vendor accepted, and whose logs are due at once."""
    settings.AGENT_LOG_INCOMING = tmp_path / "incoming"

    def fetch(*names):
        enrol(vendor, *names)
        request = make_request(operator, *names, kind="fetch_agent_log")
        send_due()
        make_due()
        return request

    return fetch


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


@pytest.fixture
def slow_log(vendor):
    """The vendor's agents send nothing for an hour; calling this lets all logs come at once."""

    def come() -> None:
        commands = vendor._account.commands
        commands.update({key: replace(each, ready_at=0.0) for key, each in commands.items()})

    vendor._account.log_delay = (3600.0, 3600.0)
    return come


def assume(vendor, **switches) -> None:
    vendor._account.assumptions = replace(vendor.assumptions, **switches)


def make_due() -> None:
    AgentLog.objects.update(due_at=timezone.now())


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


def test_fetch_now_uses_the_urgent_lane_once(fetched, operator, vendor, send_due, slow_log):
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
    assert (call.lane, only().lane, only().status) == (Lane.URGENT, Lane.REPORTS, S.WAITING)
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


def test_an_unreadable_file_is_reported_and_not_stored(
    fetched, vendor, send_due, slow_log, settings
):
    fetched("kiosk")
    send_due()
    make_due()
    with HostileServer(reply(200, b"PK\x03\x04" + bytes(100))) as server:
        settings.OPSWAT_BASE_URL = server.url
        send_due()

    log = only()
    assert (log.status, log.stored_as, log.size) == (S.FAILED, "", 104)
    assert log.message.startswith("The vendor's file cannot be opened: it is not a ZIP file")


def test_a_log_beyond_the_size_limit_is_downloaded_once(fetched, vendor, send_due, settings):
    settings.AGENT_LOG_MAX_MB = 1
    assume(vendor, report_megabytes=2.0)
    fetched("kiosk")
    send_due()

    assert (only().status, only().message) == (S.FAILED, "The log is too large: more than 1 MB.")
    assert len(asked(vendor)) == 1
    assert incoming() == []
    assert not VendorCall.objects.exclude(state=CallState.ANSWERED).exists()


def test_a_full_disk_does_not_stop_other_calls(
    fetched, operator, vendor, send_due, slow_log, settings, tmp_path
):
    fetched("kiosk")
    send_due()
    slow_log()
    (tmp_path / "file").write_text("not a folder")
    settings.AGENT_LOG_INCOMING = tmp_path / "file" / "below"
    make_due()
    other = make_request(operator, "kiosk", kind="dhcprenew")
    send_due()

    assert only().status == S.WAITING
    assert only().message == "The file could not be stored here: Not a directory."
    assert statuses(other) == {"kiosk": "accepted"}
    assert not VendorCall.objects.filter(state=CallState.SENDING).exists()


@pytest.mark.parametrize(
    ("trouble", "options", "code"),
    [
        ("expired_token", {}, 401),
        ("throttled", {}, 429),
        ("status", {"code": 503}, 503),
        ("cut_body", {}, 200),
        ("html", {}, 200),
    ],
)
def test_after_a_failed_call_the_log_is_polled_again(
    fetched, vendor, send_due, slow_log, trouble, options, code
):
    fetched("kiosk")
    send_due()
    slow_log()
    vendor.fault(trouble, api="reports", **options)
    make_due()
    send_due()
    call = VendorCall.objects.filter(api="report").order_by("id")[1]
    assert call.http_status == code
    VendorAccount.objects.update(open_until=None, half_open=False)
    make_due()
    send_due()
    assert only().status == S.READY
    assert incoming() == []


def test_a_refused_call_ends_polling(fetched, vendor, send_due, slow_log):
    fetched("kiosk")
    send_due()
    vendor.fault("status", api="reports", code=403)
    make_due()
    send_due()
    assert only().status == S.FAILED
    assert "refused it with HTTP 403" in only().message


def test_a_killed_download_shows_nothing_and_is_fetched_again(
    fetched, operator, vendor, send_due, settings, slow_log
):
    fetched("kiosk")
    send_due()
    slow_log()
    make_due()
    taken = claims.claim()
    assert isinstance(taken, claims.Claim)
    assert isinstance(taken.payload, AgentLog)
    # What a worker leaves that is killed between storing the file and writing its row.
    half = reports._stored_name(taken.payload, taken.call)
    storages["agent_logs"].save(half, ContentFile(b"PK half"))
    folder = Path(settings.AGENT_LOG_INCOMING)
    folder.mkdir(exist_ok=True)
    (folder / f"{taken.call.pk}.part").write_bytes(b"PK half")
    assert only().status == S.WAITING
    assert send_due() == 0  # Nobody asks for it a second time meanwhile.

    VendorCall.objects.filter(pk=taken.call.pk).update(lease_until=timezone.now())
    os.utime(folder / f"{taken.call.pk}.part", (0, 0))
    sweeper.sweep()
    send_due()

    log = only()
    assert log.status == S.READY
    assert len(agent_logs.files(log)) > 2
    assert incoming() == []
    assert log.stored_as != half


def test_the_result_of_a_call_that_was_given_up_is_dropped(
    fetched, vendor, send_due, slow_log, django_capture_on_commit_callbacks
):
    fetched("kiosk")
    send_due()
    slow_log()
    make_due()
    taken = claims.claim()
    assert isinstance(taken, claims.Claim)
    VendorCall.objects.filter(pk=taken.call.pk).update(lease_until=timezone.now())
    sweeper.sweep()

    with django_capture_on_commit_callbacks(execute=True):
        dispatcher.send(taken)

    assert only().status == S.WAITING
    assert isinstance(taken.payload, AgentLog)
    assert not storages["agent_logs"].exists(reports._stored_name(taken.payload, taken.call))


def test_a_log_that_is_not_ready_by_its_deadline_expires(fetched, vendor, send_due, slow_log):
    fetched("kiosk")
    send_due()
    AgentLog.objects.update(deadline=timezone.now())
    make_due()
    before = len(asked(vendor))

    send_due()
    sweeper.sweep()

    assert (only().status, only().message) == (S.EXPIRED, "The report is not ready yet")
    assert len(asked(vendor)) == before


def test_a_file_is_removed_after_its_retention_time_and_its_row_stays(
    fetched, vendor, send_due, django_capture_on_commit_callbacks
):
    fetched("kiosk")
    send_due()
    name = only().stored_as
    AgentLog.objects.update(keep_until=timezone.now())

    with django_capture_on_commit_callbacks(execute=True):
        sweeper.sweep()

    log = only()
    assert (log.status, log.stored_as, len(log.sha256)) == (S.REMOVED, "", 64)
    assert not storages["agent_logs"].exists(name)


def test_slow_downloads_leave_calls_to_other_work(fetched, operator, vendor, send_due, slow_log):
    fetched("a", "b", "c", "d")
    first, second = claims.claim(), claims.claim()
    assert isinstance(first, claims.Claim)
    assert isinstance(second, claims.Claim)

    assert claims.claim() is None
    enrol(vendor, "e")
    make_request(operator, "e", kind="dhcprenew")
    third = claims.claim()
    assert isinstance(third, claims.Claim)
    assert isinstance(third.payload, ActionCall)


def test_due_logs_are_in_the_forecast(fetched, vendor, send_due, slow_log):
    fetched("a", "b", "c")
    (ahead,) = lane_backlogs()
    assert (ahead.lane, ahead.devices, ahead.logs) == (Lane.REPORTS, 0, 3)
    assert ahead.ends_at


def test_only_a_command_with_an_id_is_polled(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    vendor.devices["b"].forced_status = 0
    make_request(operator, "a", "b", kind="fetch_agent_log")
    make_request(operator, "a", kind="dhcprenew")
    send_due()
    assert [log.command.target for log in AgentLog.objects.select_related("command")] == ["a"]
    assert DeviceCommand.objects.count() == 3
