"""Take a submission: the request, a row for each device and the audit line, or nothing."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from actions import notify
from actions.catalog import DEFAULT_GROUP
from actions.errors import Refused
from actions.models import ActionRequest, Device, DeviceCommand, DeviceGroup, DeviceMac
from actions.roles import why_not
from actions.services import trail
from actions.states import CommandStatus, Lane
from actions.submissions import Actor, Submission

URGENT_DEVICES = 5
"""A request of at most so many devices goes before all others: a person waits for it."""

BULK_DEVICES = 500
"""A request of more devices lets the others go first."""

CHUNK = 2_000
"""Rows in one statement."""


class AlreadySubmitted(Refused):
    """This form was sent before; `action_request` is what became of it."""

    def __init__(self, action_request: ActionRequest) -> None:
        super().__init__({"": ["This form was sent already; nothing was sent again."]})
        self.action_request = action_request


def check_submission(submission: Submission, actor: Actor) -> dict[str, Device]:
    """What can be known before storing; returns the known device of each target.

    Raises Refused when the role, the group or a device stands against it.
    """
    refusal = why_not(actor.role, submission.kind.name, len(submission.targets))
    if refusal:
        raise Refused.because(*refusal)
    _check_group(submission)
    devices = find_devices(submission)
    if not submission.allow_unlisted:
        _check_listed(submission, devices)
    return devices


def submit_action(submission: Submission, actor: Actor) -> ActionRequest:
    """Store the wish and wake the workers; raises Refused, and then only the refusal is recorded.

    Raises AlreadySubmitted when the form's token was used before: a double click is one request.
    """
    try:
        with transaction.atomic():
            earlier = ActionRequest.objects.filter(form_token=submission.form_token).first()
            if earlier:
                raise AlreadySubmitted(earlier)
            devices = check_submission(submission, actor)
            return _store(submission, actor, devices)
    except IntegrityError:
        twin = ActionRequest.objects.filter(form_token=submission.form_token).first()
        if twin is None:
            raise
        raise AlreadySubmitted(twin) from None
    except AlreadySubmitted:
        raise
    except Refused as refusal:
        _record_refusal(submission, actor, refusal)
        raise


def find_devices(submission: Submission) -> dict[str, Device]:
    """The known devices by the target that names them; a MAC of two devices names neither."""
    found: dict[str, Device] = {}
    for chunk in _chunks(submission.targets):
        if submission.addressing == "ids":
            found |= {row.vendor_id: row for row in Device.objects.filter(vendor_id__in=chunk)}
            continue
        shared: set[str] = set()
        for row in DeviceMac.objects.filter(mac__in=chunk).select_related("device"):
            if row.device.gone_at is None and row.mac in found:
                shared.add(row.mac)
            if row.mac not in found or found[row.mac].gone_at is not None:
                found[row.mac] = row.device
        for mac in shared:
            del found[mac]
    return found


def _check_group(submission: Submission) -> None:
    group = submission.params.get("group_id")
    if group is None or group == DEFAULT_GROUP:
        return
    if not DeviceGroup.objects.filter(vendor_id=group).exists():
        known = DeviceGroup.objects.count()
        raise Refused.because(
            "group_id",
            f"There is no group “{group[:60]}” among the {known} that were read from the vendor.",
        )


def _check_listed(submission: Submission, devices: dict[str, Device]) -> None:
    unknown = [target for target in submission.targets if target not in devices]
    gone = [target for target, device in devices.items() if device.gone_at is not None]
    if unknown:
        raise Refused.because(
            "devices",
            f"{len(unknown)} not in the inventory: {', '.join(unknown[:3])[:120]}. "
            "Read the inventory again, or send them as unlisted.",
        )
    if gone:
        names = ", ".join(devices[target].label for target in gone[:3])
        raise Refused.because(
            "devices", f"{len(gone)} no longer listed by the vendor: {names[:120]}."
        )


def _store(submission: Submission, actor: Actor, devices: dict[str, Device]) -> ActionRequest:
    moment = now()
    count = len(submission.targets)
    action_request = ActionRequest.objects.create(
        form_token=submission.form_token,
        kind_name=submission.kind.name,
        params=submission.params,
        addressing=submission.addressing,
        likeness=_likeness(submission),
        lane=_lane(count),
        device_count=count,
        unlisted_count=sum(target not in devices for target in submission.targets),
        reason=submission.reason,
        ticket=submission.ticket,
        user_id=actor.user_id,
        actor=actor.name,
        role=actor.role,
        source=actor.source,
        created_at=moment,
        parent_id=submission.parent_id,
        origin=submission.origin,
        start_at=submission.start_at,
        give_up_at=submission.give_up_at,
    )
    commands = _commands(action_request, submission, devices, moment)
    while chunk := list(islice(commands, CHUNK)):
        DeviceCommand.objects.bulk_create(chunk)
    trail.record(
        actor,
        "request.submitted",
        subject_kind="request",
        subject=str(action_request.uuid),
        reason=submission.reason,
        ticket=submission.ticket,
        kind=submission.kind.name,
        params=submission.params,
        addressing=submission.addressing,
        count=count,
        unlisted=action_request.unlisted_count,
        origin=submission.origin,
        start_at=submission.start_at and submission.start_at.isoformat(),
        give_up_at=submission.give_up_at and submission.give_up_at.isoformat(),
        devices_sha256=hashlib.sha256("\n".join(submission.targets).encode()).hexdigest(),
    )
    notify.work_waits()
    notify.changed("requests", action_request.pk)
    return action_request


def _commands(
    action_request: ActionRequest,
    submission: Submission,
    devices: dict[str, Device],
    moment: datetime,
) -> Iterator[DeviceCommand]:
    for target in submission.targets:
        device = devices.get(target)
        yield DeviceCommand(
            request=action_request,
            device=device,
            target=target,
            device_key=device.vendor_id if device else target,
            device_name=device.label if device else "",
            device_vendor_id=device.vendor_id if device else "",
            device_mac=device.mac if device else "",
            device_status=device.status if device else "",
            device_group=device.group_name if device else "",
            status=CommandStatus.HELD if submission.start_at else CommandStatus.QUEUED,
            lane=action_request.lane,
            likeness=action_request.likeness,
            due_at=submission.start_at or moment,
            expires_at=submission.give_up_at,
            created_at=moment,
            moved_at=moment,
        )


def _likeness(submission: Submission) -> str:
    """One text for all requests whose commands may share a call."""
    alike = [submission.kind.name, submission.params, submission.addressing]
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()


def _lane(count: int) -> Lane:
    if count <= URGENT_DEVICES:
        return Lane.URGENT
    return Lane.BULK if count > BULK_DEVICES else Lane.NORMAL


def _record_refusal(submission: Submission, actor: Actor, refusal: Refused) -> None:
    trail.record(
        actor,
        "request.refused",
        subject_kind="kind",
        subject=submission.kind.name,
        reason=submission.reason,
        ticket=submission.ticket,
        count=len(submission.targets),
        problems=refusal.problems,
    )


def _chunks(targets: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(targets), CHUNK):
        yield targets[start : start + CHUNK]
