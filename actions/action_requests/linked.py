"""Build the submissions of a retry or an undo: requests that are linked to an earlier one."""

from collections.abc import Collection
from typing import Any, Literal

from actions import bounds
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import RETRYABLE, UNDOABLE, CommandStatus
from actions.action_requests.submissions import MAX_REASON, Submission, read_hours, read_reason
from actions.catalog import KINDS
from actions.errors import Code, Refused
from actions.inventory.models import DeviceGroup

S = CommandStatus


def suggested_reason(action_request: ActionRequest, verb: str) -> str:
    """Return the reason that a form suggests for a retry or an undo; a person may change it."""
    text = f"{verb.capitalize()} of {action_request.short_id}: {action_request.reason}"
    return text[:MAX_REASON]


def retry_of(action_request: ActionRequest, statuses: Collection[str], reason: str) -> Submission:
    """Return the same action for exactly the devices with these outcomes.

    Raises Refused without a reason, for an outcome that cannot be retried, and if no device has
    any of them.
    """
    _check_retryable(statuses)
    targets = _targets(action_request, statuses)
    if not targets:
        raise Refused.because(
            "only",
            Code.NOTHING_TO_RETRY,
            "No device of this request is %(outcomes)s.",
            outcomes=" or ".join(S(status).label.lower() for status in statuses),
        )
    return _linked(action_request, "retry", targets, reason, params=action_request.params)


def undo_of(
    action_request: ActionRequest, *, reason: str, hours: str | None, forever: bool
) -> list[Submission]:
    """Return the inverse action for exactly the devices that the vendor accepted.

    The undo of an *unexempt* needs the hours of the new exemption. Devices that were assigned to a
    group return to their former groups, with one request for each group. Raises Refused if the
    vendor accepted nothing or the action has no inverse.
    """
    kind = action_request.kind
    if not kind.inverse:
        raise Refused.because("", Code.NOT_UNDOABLE, "%(kind)s cannot be undone.", kind=kind.label)
    targets = _targets(action_request, UNDOABLE)
    if not targets:
        raise Refused.because(
            "", Code.NOTHING_TO_UNDO, "The vendor has accepted no device of this request."
        )
    if kind.parameter == "group_id":
        return [
            _linked(action_request, "undo", devices, reason, params={"group_id": group})
            for group, devices in _by_former_group(action_request).items()
        ]
    params: dict[str, Any] = {}
    if kind.inverse == "exempt":
        params = {"exempt_time": read_hours(hours, forever=forever)}
    return [_linked(action_request, "undo", targets, reason, params=params)]


def _check_retryable(statuses: Collection[str]) -> None:
    bounds.check_count("only", statuses, bounds.MAX_VALUES, "outcomes")
    if not statuses:
        raise Refused.because(
            "only", Code.NOTHING_TO_RETRY, "Choose the outcomes whose devices are sent again."
        )
    for status in statuses:
        if status not in S.values:
            raise Refused.because(
                "only", Code.UNKNOWN_OUTCOME, "There is no outcome “%(given)s”.", given=status[:40]
            )
        if status not in RETRYABLE:
            raise Refused.because(
                "only",
                Code.OUTCOME_NOT_RETRYABLE,
                "A device that is %(outcome)s cannot be retried.",
                outcome=S(status).label.lower(),
            )


def _targets(action_request: ActionRequest, statuses: Collection[str]) -> tuple[str, ...]:
    rows = DeviceCommand.objects.filter(request=action_request, status__in=list(statuses))
    return tuple(rows.order_by("id").values_list("target", flat=True))


def _by_former_group(action_request: ActionRequest) -> dict[str, tuple[str, ...]]:
    """Return the devices to move back, by the id of the group of each when it was submitted."""
    ids = {group.name: group.vendor_id for group in DeviceGroup.objects.all()}
    rows = DeviceCommand.objects.filter(request=action_request, status__in=list(UNDOABLE))
    found: dict[str, list[str]] = {}
    unknown = []
    for target, name in rows.order_by("id").values_list("target", "device_group"):
        if name in ids:
            found.setdefault(ids[name], []).append(target)
        else:
            unknown.append(target)
    if unknown:
        raise Refused.because(
            "",
            Code.FORMER_GROUP_UNKNOWN,
            "The former group of %(count)s devices is not known: %(devices)s.",
            count=len(unknown),
            devices=", ".join(unknown[:3]),
        )
    return {group: tuple(targets) for group, targets in found.items()}


def _linked(
    parent: ActionRequest,
    origin: Literal["retry", "undo"],
    targets: tuple[str, ...],
    reason: str,
    *,
    params: dict[str, Any],
) -> Submission:
    """Return a submission that names its parent; of two with the same content one is stored."""
    return Submission(
        kind=parent.kind if origin == "retry" else KINDS[parent.kind.inverse],
        addressing="macs" if parent.addressing == "macs" else "ids",
        targets=targets,
        reason=read_reason(reason),
        params=params,
        ticket=parent.ticket,
        allow_unlisted=True,
        parent_id=parent.pk,
        origin=origin,
    )
