"""The cap of all agent logs together, and the floor of free disk space."""

import pytest
from django.db.models import Sum
from django.utils.timezone import now

from actions.agent_logs import controls
from actions.agent_logs import fetch as reports
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus as S
from actions.dispatch import sweeper
from actions.errors import Refused
from actions.trail.models import AuditEvent
from tests.factories import make_request, statuses

pytestmark = pytest.mark.django_db

MEGABYTE = 2**20
MORE_THAN_ANY_DISK = 10**12


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_h9_the_oldest_logs_go_when_all_together_exceed_the_cap(
    fetched, send_due, settings, signed_in, kept
):
    fetched("a", "b", "c")
    send_due()
    logs = list(AgentLog.objects.order_by("stored_at", "pk"))
    assert {log.status for log in logs} == {S.READY}
    newest = logs[-kept:] if kept else []
    total = sum(log.size or 0 for log in newest) or 1
    settings.AGENT_LOG_TOTAL_MB = total / MEGABYTE

    sweeper.sweep()

    stay = max(kept, 1)  # The newest stays, however large it is.
    left = list(AgentLog.objects.filter(status=S.READY).order_by("stored_at", "pk"))
    assert left == logs[-stay:]
    gone = AgentLog.objects.filter(status=S.REMOVED)
    assert {log.message for log in gone} <= {reports.REMOVED_BY_CAP}
    assert AuditEvent.objects.filter(verb="log.removed").count() == 3 - stay
    for log in gone:
        assert "Removed: the total cap" in signed_in.get(f"/logs/{log.uuid}/").text


def test_no_cap_keeps_all(fetched, send_due, settings):
    fetched("a", "b")
    send_due()
    settings.AGENT_LOG_TOTAL_MB = 0
    sweeper.sweep()
    assert AgentLog.objects.filter(status=S.READY).count() == 2
    assert AgentLog.objects.aggregate(Sum("size"))["size__sum"] > 0


def test_h9_no_log_is_fetched_while_the_disk_is_short_and_sending_goes_on(
    fetched, operator, send_due, settings, signed_in
):
    fetched("kiosk")
    settings.MIN_FREE_DISK_MB = MORE_THAN_ANY_DISK
    other = make_request(operator, "kiosk", kind="unexempt")
    send_due()

    assert AgentLog.objects.get().status == S.REQUESTED
    assert statuses(other) == {"kiosk": "accepted"}
    page = signed_in.get("/").text
    assert page.count("MB of disk are free") == 1
    assert "MIN_FREE_DISK_MB" in page
    before = AuditEvent.objects.count()
    with pytest.raises(Refused, match="No agent log is fetched: only"):
        controls.poll_now(AgentLog.objects.get(), operator)
    assert AuditEvent.objects.count() == before + 1

    settings.MIN_FREE_DISK_MB = 1
    AgentLog.objects.update(due_at=now())
    send_due()
    assert AgentLog.objects.get().status == S.READY
    assert "MB of disk are free" not in signed_in.get("/").text
