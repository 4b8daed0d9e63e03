"""Fill the database, and say what a later reader can look for."""

from typing import Any

from django.db import connection
from django.utils.timezone import now

from tests.upgrade.filling import audit, devices, lists, logs, people
from tests.upgrade.filling.action_requests import Requests, statuses
from tests.upgrade.filling.old_code import models, states

LOGS_EACH = 1000
"""Commands for each agent log."""

FEWEST_LOGS = 28


def fill(device_count: int, commands: int) -> dict[str, Any]:
    """Make everything; returns the names of a few things that must be found afterwards."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
    with audit.OwnKey():
        users = people.make_people()
    archived = audit.archive_lines(now())
    names = devices.make_inventory(users, device_count)
    exported = audit.do_jobs(users)
    requests = Requests(users, names)
    requests.settle_many(commands)
    logs.expect_logs(requests, max(FEWEST_LOGS, commands // LOGS_EACH))
    requests.take_every_way()
    logs.poll_logs(requests)
    lists.make_lists(users, names)
    audit.put_brakes_on(users)
    devices.make_pending_reads(users)
    audit.leave_jobs(users)
    _check_complete()
    return _found() | {"archive": str(archived), "export": str(exported)}


def _check_complete() -> None:
    """Raise RuntimeError for a state that no row has: it would not be tested."""
    missing = {name: wanted - found for name, wanted, found in statuses() if wanted - found}
    if missing:
        raise RuntimeError(f"No row is in these states: {missing}")


def _found() -> dict[str, Any]:
    log = models.AgentLog.objects.filter(status=states.LogStatus.READY).first()
    request = models.ActionRequest.objects.filter(ticket="LOG-1").get()
    device = models.Device.objects.filter(gone_at=None).exclude(mac="").order_by("pk")[7]
    return {
        "person": people.NAMES["operator"],
        "device": {"vendor_id": device.vendor_id, "name": device.name, "mac": device.mac},
        "request": str(request.uuid),
        "ticket": request.ticket,
        "log": str(log.uuid),
    }
