"""Store a submission: its request, a command for each device and the audit line, or nothing."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from actions import json_rows, on_commit
from actions.action_requests import gate, repeats
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submissions import Submission, lane_for
from actions.actor import Actor
from actions.catalog import DEFAULT_GROUP
from actions.errors import Code, Problem, Refused
from actions.inventory import refresh
from actions.inventory.freshness import fresh_for
from actions.inventory.models import Device, DeviceGroup, DeviceMac
from actions.inventory.names import MAX_NAMED, labels_of, names_several
from actions.ratelimit import clock
from actions.trail import trail
from actions.trail.refusals import records_refusals
from actions.trail.verbs import Verb

FROM_DEVICE = {
    "target": "named.target",
    "device_id": "known.id",
    "device_key": "COALESCE(known.vendor_id, named.target)",
    "device_name": "COALESCE(NULLIF(known.name, ''), NULLIF(known.nickname, ''), "
    "NULLIF(known.host_name, ''), known.vendor_id, '')",
    "device_vendor_id": "COALESCE(known.vendor_id, '')",
    "device_mac": "COALESCE(known.mac, '')",
    "device_status": "COALESCE(known.status, '')",
    "device_group": "COALESCE(known.group_name, '')",
}
"""The columns that differ from command to command, each with the SQL of its value."""


class ResolvedDevice(NamedTuple):
    """The device of the inventory that a target names; `gone` if the vendor lists it no more."""

    pk: int
    gone: bool


def _refusal_line(submission: Submission, **_: Any) -> dict[str, Any]:
    """What the audit line of a refused submission says."""
    return {
        "subject_kind": "kind",
        "subject": submission.kind.name,
        "reason": submission.reason,
        "ticket": submission.ticket,
        "kind": submission.kind.name,
        "params": submission.params,
        "count": len(submission.targets),
        "targets": submission.targets,
    }


@records_refusals(Verb.REQUEST_REFUSED, _refusal_line)
def check_submission(submission: Submission, actor: Actor) -> dict[str, ResolvedDevice]:
    """Check the role, the group and the devices; return the known device of each target.

    Raises Refused if one of them forbids the request. Nothing is stored.
    """
    gate.check_may_send(actor, submission.kind, len(submission.targets))
    _check_group(submission)
    devices = resolve_targets(submission)
    if not submission.allow_unlisted:
        _check_listed(submission, devices)
    return devices


@records_refusals(Verb.REQUEST_REFUSED, _refusal_line)
def submit_action(submission: Submission, actor: Actor) -> ActionRequest:
    """Store the request and wake the workers.

    Raises Refused if a check fails; then only the refusal is recorded. Raises AlreadySubmitted if
    this person sent the form before with the same content, so that a double click makes one
    request, and if the same retry or undo was asked before.
    """
    gate.check_may_send(actor, submission.kind, len(submission.targets))
    try:
        with transaction.atomic():
            repeats.check_first_time(submission, actor)
            devices = check_submission(submission, actor)
            return _store(submission, actor, devices)
    except IntegrityError:
        repeats.check_first_time(submission, actor)
        raise


def resolve_targets(submission: Submission) -> dict[str, ResolvedDevice]:
    """Return the known device of each target; raise Refused for a MAC that several devices have.

    This holds for unlisted devices too: the vendor would take one of them.
    """
    named = json_rows.texts(submission.targets)
    if submission.addressing == "ids":
        rows = Device.objects.filter(vendor_id__in=named).values_list("vendor_id", "pk", "gone_at")
        return {name: ResolvedDevice(key, gone is not None) for name, key, gone in rows}
    found: dict[str, ResolvedDevice] = {}
    shared: dict[str, list[int]] = {}
    macs = DeviceMac.objects.filter(mac__in=named).order_by("device__name", "device_id")
    for mac, key, gone in macs.values_list("mac", "device_id", "device__gone_at"):
        if gone is None and mac in found and not found[mac].gone:
            shared.setdefault(mac, [found[mac].pk]).append(key)
        if mac not in found or found[mac].gone:
            found[mac] = ResolvedDevice(key, gone is not None)
    _check_unambiguous(shared)
    return found


def _check_unambiguous(shared: dict[str, list[int]]) -> None:
    problems = []
    for mac, keys in list(shared.items())[:3]:
        labels = labels_of(keys[:MAX_NAMED])
        why = names_several(list(labels.values()), len(keys))
        params = {"mac": mac, "why": why}
        problems.append(Problem("devices", Code.AMBIGUOUS_DEVICES, "%(mac)s: it %(why)s.", params))
    if problems:
        raise Refused(*problems)


def _check_group(submission: Submission) -> None:
    group = submission.params.get("group_id")
    if group is None or group == DEFAULT_GROUP:
        return
    if not DeviceGroup.objects.filter(vendor_id=group).exists():
        raise Refused.because(
            "group_id",
            Code.UNKNOWN_GROUP,
            "There is no group “%(group)s” among the %(known)s of the inventory. "
            "Choose one of them, or run a full read.",
            group=group[:60],
            known=DeviceGroup.objects.count(),
        )


def _check_listed(submission: Submission, devices: dict[str, ResolvedDevice]) -> None:
    unknown = [target for target in submission.targets if target not in devices]
    if unknown:
        raise Refused.because(
            "devices",
            Code.UNKNOWN_DEVICES,
            "%(count)s not in the inventory: %(devices)s. "
            "Run a full read, or send them as unlisted.",
            count=len(unknown),
            devices=", ".join(unknown[:3])[:120],
        )
    gone = [device.pk for device in devices.values() if device.gone]
    if gone:
        names = ", ".join(device.label for device in Device.objects.filter(pk__in=gone[:3]))
        raise Refused.because(
            "devices",
            Code.REMOVED_DEVICES,
            "%(count)s no longer listed by the vendor: %(devices)s.",
            count=len(gone),
            devices=names[:120],
        )


def _store(
    submission: Submission, actor: Actor, devices: dict[str, ResolvedDevice]
) -> ActionRequest:
    count = len(submission.targets)
    action_request = ActionRequest.objects.create(
        form_token=submission.form_token,
        digest=submission.digest,
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
        actor=actor.label[:150],
        role=actor.role,
        source=actor.source,
        created_at=clock.now(),
        parent_id=submission.parent_id,
        origin=submission.origin,
        start_at=submission.start_at,
        give_up_at=submission.give_up_at,
    )
    _store_commands(action_request, submission, devices)
    _refresh_stale(action_request)
    _record_submitted(action_request, submission, actor)
    on_commit.wake_dispatcher()
    on_commit.publish_change("requests", action_request.pk)
    return action_request


def _record_submitted(action_request: ActionRequest, submission: Submission, actor: Actor) -> None:
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
        count=action_request.device_count,
        unlisted=action_request.unlisted_count,
        origin=submission.origin,
        start_at=submission.start_at and submission.start_at.isoformat(),
        give_up_at=submission.give_up_at and submission.give_up_at.isoformat(),
        devices_sha256=hashlib.sha256("\n".join(submission.targets).encode()).hexdigest(),
        targets=submission.targets,
    )


def _refresh_stale(action_request: ActionRequest) -> None:
    """Request a refresh of the devices whose data is too old, if it costs few calls.

    A read-back of the outcome refreshes the devices as well, so none is requested then.
    """
    limit = settings.INVENTORY_REFRESH_CALLS * settings.OPSWAT_MAX_DEVICES
    read_back = action_request.kind.observable and settings.ENGINE_VERIFY_AFTER > 0
    if read_back or action_request.device_count > limit:
        return
    old = clock.now() - fresh_for()
    rows = Device.objects.filter(commands__request=action_request, read_at__lt=old, gone_at=None)
    refresh.request_refresh(rows)


def _store_commands(
    action_request: ActionRequest, submission: Submission, devices: dict[str, ResolvedDevice]
) -> None:
    """Insert a command for each target, in their order, with one SQL statement.

    With 100,000 targets, model instances take several times as long.
    """
    created_at = action_request.created_at
    common = DeviceCommand(
        request=action_request,
        status=CommandStatus.HELD if submission.start_at else CommandStatus.QUEUED,
        lane=action_request.lane,
        coalesce_key=action_request.coalesce_key,
        due_at=submission.start_at or created_at,
        expires_at=submission.give_up_at,
        created_at=created_at,
        moved_at=created_at,
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
        # The SQL text holds only names and placeholders of this module.
        cursor.execute(
            f"INSERT INTO {DeviceCommand._meta.db_table} "  # noqa: S608
            f"({', '.join([*FROM_DEVICE, *values])}) "
            f"SELECT {', '.join([*FROM_DEVICE.values(), *['%s'] * len(values)])} "
            f"FROM ({json_rows.PAIRS[connection.vendor]}) AS named "
            f"LEFT JOIN {Device._meta.db_table} AS known ON known.id = named.id "
            "ORDER BY named.place",
            [*values.values(), _json(pairs)],
        )


def _coalesce_key(submission: Submission) -> str:
    """Return a short key that is equal for requests whose commands may share a call."""
    alike = [submission.kind.name, submission.params, submission.addressing]
    return hashlib.blake2b(json.dumps(alike, sort_keys=True).encode(), digest_size=16).hexdigest()


def _json(values: Sequence[object]) -> str:
    return json.dumps(values, ensure_ascii=False)
