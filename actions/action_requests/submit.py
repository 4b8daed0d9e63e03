"""Take a submission: the request, a row for each device and the audit line, or nothing."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from actions import json_rows, on_commit
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submissions import Submission, lane_for
from actions.actor import Actor
from actions.catalog import DEFAULT_GROUP
from actions.errors import Refused
from actions.inventory import refresh
from actions.inventory.freshness import fresh_for
from actions.inventory.models import Device, DeviceGroup, DeviceMac
from actions.roles import why_not
from actions.trail import trail
from actions.trail.verbs import Verb

FROM_DEVICE = {
    "target": "wish.target",
    "device_id": "known.id",
    "device_key": "COALESCE(known.vendor_id, wish.target)",
    "device_name": "COALESCE(NULLIF(known.name, ''), NULLIF(known.nickname, ''), "
    "NULLIF(known.host_name, ''), known.vendor_id, '')",
    "device_vendor_id": "COALESCE(known.vendor_id, '')",
    "device_mac": "COALESCE(known.mac, '')",
    "device_status": "COALESCE(known.status, '')",
    "device_group": "COALESCE(known.group_name, '')",
}
"""The columns that differ from command to command, by how the database finds their values."""


class ResolvedDevice(NamedTuple):
    """A device of the inventory that a target names."""

    pk: int
    gone: bool


class AlreadySubmitted(Refused):
    """This form was sent before; `action_request` is what became of it."""

    def __init__(self, action_request: ActionRequest) -> None:
        super().__init__({"": ["This form was sent already; nothing was sent again."]})
        self.action_request = action_request


def check_submission(submission: Submission, actor: Actor) -> dict[str, ResolvedDevice]:
    """What can be known before storing; returns the known device of each target.

    Raises Refused when the role, the group or a device stands against it.
    """
    refusal = why_not(actor.role, submission.kind.name, len(submission.targets))
    if refusal:
        raise Refused.because(*refusal)
    _check_group(submission)
    devices = resolve_targets(submission)
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


def resolve_targets(submission: Submission) -> dict[str, ResolvedDevice]:
    """The known devices by the target that names them; a MAC of two devices names neither."""
    named = json_rows.texts(submission.targets)
    if submission.addressing == "ids":
        rows = Device.objects.filter(vendor_id__in=named).values_list("vendor_id", "pk", "gone_at")
        return {name: ResolvedDevice(key, gone is not None) for name, key, gone in rows}
    found: dict[str, ResolvedDevice] = {}
    shared: set[str] = set()
    macs = DeviceMac.objects.filter(mac__in=named)
    for mac, key, gone in macs.values_list("mac", "device_id", "device__gone_at"):
        if gone is None and mac in found and not found[mac].gone:
            shared.add(mac)
        if mac not in found or found[mac].gone:
            found[mac] = ResolvedDevice(key, gone is not None)
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


def _check_listed(submission: Submission, devices: dict[str, ResolvedDevice]) -> None:
    unknown = [target for target in submission.targets if target not in devices]
    gone = [device.pk for device in devices.values() if device.gone]
    if unknown:
        raise Refused.because(
            "devices",
            f"{len(unknown)} not in the inventory: {', '.join(unknown[:3])[:120]}. "
            "Read the inventory again, or send them as unlisted.",
        )
    if gone:
        names = ", ".join(device.label for device in Device.objects.filter(pk__in=gone[:3]))
        raise Refused.because(
            "devices", f"{len(gone)} no longer listed by the vendor: {names[:120]}."
        )


def _store(
    submission: Submission, actor: Actor, devices: dict[str, ResolvedDevice]
) -> ActionRequest:
    count = len(submission.targets)
    action_request = ActionRequest.objects.create(
        form_token=submission.form_token,
        kind_name=submission.kind.name,
        params=submission.params,
        addressing=submission.addressing,
        coalesce_key=_coalesce_key(submission),
        lane=lane_for(count),
        device_count=count,
        unlisted_count=sum(target not in devices for target in submission.targets),
        reason=submission.reason,
        ticket=submission.ticket,
        user_id=actor.user_id,
        actor=actor.name,
        role=actor.role,
        source=actor.source,
        created_at=now(),
        parent_id=submission.parent_id,
        origin=submission.origin,
        start_at=submission.start_at,
        give_up_at=submission.give_up_at,
    )
    _store_commands(action_request, submission, devices)
    _refresh_stale(action_request)
    trail.record(
        actor,
        Verb.REQUEST_SUBMITTED,
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
        targets=submission.targets,
    )
    on_commit.wake_dispatcher()
    on_commit.publish_change("requests", action_request.pk)
    return action_request


def _refresh_stale(action_request: ActionRequest) -> None:
    """Renew what is too old of the devices that somebody acts on, if a few calls do.

    Where the outcome is read back anyway, that look renews it.
    """
    most = settings.INVENTORY_REFRESH_CALLS * settings.OPSWAT_MAX_DEVICES
    read_back = action_request.kind.observable and settings.ENGINE_VERIFY_AFTER > 0
    if read_back or action_request.device_count > most:
        return
    old = now() - fresh_for()
    rows = Device.objects.filter(commands__request=action_request, read_at__lt=old, gone_at=None)
    refresh.request_refresh(rows)


def _store_commands(
    action_request: ActionRequest, submission: Submission, devices: dict[str, ResolvedDevice]
) -> None:
    """A row for each target, in their order, made by the database itself.

    A hundred thousand model instances would keep the person waiting for several times as long.
    """
    moment = action_request.created_at
    common = DeviceCommand(
        request=action_request,
        status=CommandStatus.HELD if submission.start_at else CommandStatus.QUEUED,
        lane=action_request.lane,
        coalesce_key=action_request.coalesce_key,
        due_at=submission.start_at or moment,
        expires_at=submission.give_up_at,
        created_at=moment,
        moved_at=moment,
    )
    values = {
        str(field.column): field.get_db_prep_save(getattr(common, field.attname), connection)
        for field in DeviceCommand._meta.concrete_fields
        if field.column not in FROM_DEVICE and getattr(common, field.attname) is not None
    }
    pairs = [
        (target, devices[target].pk if target in devices else None) for target in submission.targets
    ]
    with connection.cursor() as cursor:
        # Nothing but names and placeholders of this module stands in the text.
        cursor.execute(
            f"INSERT INTO {DeviceCommand._meta.db_table} "  # noqa: S608
            f"({', '.join([*FROM_DEVICE, *values])}) "
            f"SELECT {', '.join([*FROM_DEVICE.values(), *['%s'] * len(values)])} "
            f"FROM ({json_rows.PAIRS[connection.vendor]}) AS wish "
            f"LEFT JOIN {Device._meta.db_table} AS known ON known.id = wish.id "
            "ORDER BY wish.place",
            [*values.values(), _json(pairs)],
        )


def _coalesce_key(submission: Submission) -> str:
    """One text for all requests whose commands may share a call; each row's index pays for it."""
    alike = [submission.kind.name, submission.params, submission.addressing]
    return hashlib.blake2b(json.dumps(alike, sort_keys=True).encode(), digest_size=16).hexdigest()


def _record_refusal(submission: Submission, actor: Actor, refusal: Refused) -> None:
    trail.record_refusal(
        actor,
        Verb.REQUEST_REFUSED,
        refusal,
        subject_kind="kind",
        subject=submission.kind.name,
        reason=submission.reason,
        ticket=submission.ticket,
        kind=submission.kind.name,
        params=submission.params,
        count=len(submission.targets),
        targets=submission.targets,
    )


def _json(values: Sequence[object]) -> str:
    return json.dumps(values, ensure_ascii=False)
