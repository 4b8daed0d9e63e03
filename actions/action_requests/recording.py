"""Audit lines about commands, and the update of open pages that goes with each."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import F

from actions import on_commit
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.ratelimit.models import VendorCall
from actions.trail import trail
from actions.trail.verbs import Verb

S = CommandStatus

Withdrawn = list[tuple[str, str]]
"""Commands that were cancelled or expired: the target and the device's key of each."""


def record_moved(
    verb: Verb, moved: list[DeviceCommand], call: VendorCall | None, *, detail: str = ""
) -> None:
    """Write one audit line for each request concerned, and update its open pages."""
    by_request: dict[ActionRequest, list[DeviceCommand]] = defaultdict(list)
    for command in moved:
        by_request[command.request].append(command)
    data: dict[str, Any] = {"call": call.pk, "http_status": call.http_status} if call else {}
    if call and call.vendor_words:
        data["vendor_words"] = call.vendor_words
    for action_request, commands in by_request.items():
        trail.record(
            trail.ENGINE,
            verb,
            subject_kind="request",
            subject=str(action_request.uuid),
            detail=detail,
            kind=action_request.kind_name,
            devices=[_line(command) for command in commands],
            device_statuses=[(command.device_key, str(command.status)) for command in commands],
            **data,
        )
    bump_version(action_request.pk for action_request in by_request)


def record_count(request_id: int, verb: Verb, count: int) -> None:
    """Write the audit line of so many commands of one request."""
    uuid = ActionRequest.objects.values_list("uuid", flat=True).get(pk=request_id)
    trail.record(trail.ENGINE, verb, subject_kind="request", subject=str(uuid), count=count)


def record_withdrawn(request_id: int, verb: Verb, withdrawn: Withdrawn) -> None:
    """Write the audit line of commands of one request that expired."""
    uuid = ActionRequest.objects.values_list("uuid", flat=True).get(pk=request_id)
    trail.record(
        trail.ENGINE,
        verb,
        subject_kind="request",
        subject=str(uuid),
        count=len(withdrawn),
        **withdrawn_data(withdrawn, S.EXPIRED),
    )


def withdrawn_data(withdrawn: Withdrawn, status: CommandStatus) -> dict[str, Any]:
    """Return what the audit line of withdrawn commands holds: each of them by its target."""
    return {
        "status": status,
        "targets": [target for target, _ in withdrawn],
        "device_statuses": [(key, str(status)) for _, key in withdrawn],
    }


def _line(command: DeviceCommand) -> dict[str, Any]:
    line: dict[str, Any] = {"target": command.target, "status": command.status}
    if command.vendor_status is not None:
        line["code"] = command.vendor_status
    if command.command_id:
        line["command_id"] = command.command_id
    return line


def bump_version(request_ids: Iterable[int]) -> None:
    """Give the requests with these keys a new version, and update their open pages after commit."""
    rows = ActionRequest.objects.filter(pk__in=set(request_ids))
    rows.update(version=F("version") + 1)
    for uuid, version in rows.values_list("uuid", "version"):
        on_commit.publish_change(f"request:{uuid}", version)
