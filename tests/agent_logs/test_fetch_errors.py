"""Agent logs where a file, a disk, a call or a worker fails, and the end of their retention."""

import hashlib
import os
from pathlib import Path

import pytest
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
from actions.errors import Refused
from actions.opswat.payloads import ActionCall
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane
from actions.trail.models import AuditEvent
from tests.agent_logs.conftest import make_due
from tests.agent_logs.test_agent_logs import asked, assume, incoming, only
from tests.factories import enrol, make_request, statuses
from tests.opswat.hostile import HostileServer, reply

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "begins", [b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"BZh9", b"7z\xbc\xaf", b"ElfF"]
)
def test_case_50_a_file_that_cannot_be_read_is_stored_for_download_only(
    fetched, operator, send_due, slow_log, settings, django_capture_on_commit_callbacks, begins
):
    data = begins + bytes(100)
    request = fetched("kiosk")
    send_due()
    make_due()
    with HostileServer(reply(200, data)) as server:
        settings.OPSWAT_BASE_URL = server.url
        send_due()

    log = only()
    assert (log.status, log.open, log.size, log.files) == (S.UNREADABLE, False, 104, None)
    assert log.message.startswith("The vendor's file cannot be opened: it is not a ZIP file")
    assert log.sha256 == hashlib.sha256(data).hexdigest()
    assert b"".join(agent_logs.whole(log)) == data
    line = AuditEvent.objects.get(verb="log.kept")
    assert (line.data["sha256"], line.detail) == (log.sha256, log.message)
    with pytest.raises(Refused, match="has been fetched already"):
        controls.poll_now(log, operator)
    found = agent_logs.search_all(request, "x")
    assert found.errors == (f"kiosk: {log.message} It can only be downloaded.",)

    AgentLog.objects.update(keep_until=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        sweeper.sweep()
    assert (only().status, only().stored_as) == (S.REMOVED, "")
    assert not storages["agent_logs"].exists(log.stored_as)


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
