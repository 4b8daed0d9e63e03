"""Check what a form, the API or the command line was given, and freeze it as a Submission."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from actions.catalog import EXEMPT_FOREVER, MAX_EXEMPT_HOURS, ActionKind, find_kind
from actions.errors import Code, Problem, Refused
from actions.macs import normalise_mac
from actions.ratelimit.states import Lane

Addressing = Literal["ids", "macs"]

MAX_REASON = 500
"""Characters of a reason: two long sentences."""

MAX_TARGET = 255
"""Characters of a device id; the vendor's real ones have 16 or 32."""

URGENT_DEVICES = 5
"""Devices of the largest request in the urgent lane, which is served first."""

BULK_DEVICES = 500
"""Requests of more devices go into the bulk lane, which is served last."""

MAX_START_DAYS = 90
MAX_GIVE_UP_HOURS = 720

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The unchecked input of a person: texts as they were typed, None where a field is absent.

    `hours` and `give_up_after` are numbers of hours, `start_at` is ISO 8601. `form_token`
    identifies the form, so that a form that is sent twice makes one request.
    """

    kind: str
    version: str
    addressing: Addressing
    targets: list[str]
    reason: str | None
    hours: str | None = None
    forever: bool = False
    group_id: str | None = None
    ticket: str = ""
    form_token: UUID | None = None
    allow_unlisted: bool = False
    start_at: str | None = None
    give_up_after: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The checked, unchangeable input of a request: the action, its devices and the reason."""

    kind: ActionKind
    addressing: Addressing
    targets: tuple[str, ...]
    reason: str
    params: dict[str, Any] = field(default_factory=dict)
    ticket: str = ""
    form_token: UUID = field(default_factory=uuid4)
    allow_unlisted: bool = False
    start_at: datetime | None = None
    give_up_at: datetime | None = None
    parent_id: int | None = None
    origin: Literal["", "retry", "undo"] = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what is sent: kind, parameters and devices; 64 hexadecimal digits."""
        return content_digest(self.kind.name, self.params, self.addressing, self.targets)


def content_digest(
    kind: str, params: dict[str, Any], addressing: str, targets: Sequence[str]
) -> str:
    """Return the SHA-256 of the content of a request, as 64 hexadecimal digits."""
    content = json.dumps([kind, params, addressing, list(targets)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def lane_for(devices: int) -> Lane:
    """Return the lane of a request of so many devices."""
    if devices <= URGENT_DEVICES:
        return Lane.URGENT
    return Lane.BULK if devices > BULK_DEVICES else Lane.NORMAL


def read_hours(text: str | None, *, forever: bool) -> int:
    """Return the hours of an exemption, 0 for a permanent one; raise Refused if unclear.

    An exemption is permanent only if `forever` says so: an empty field or a zero never means it.
    """
    given = (text or "").strip()
    if forever:
        if given:
            raise Refused.because(
                "exempt_hours",
                Code.HOURS_AMBIGUOUS,
                "Enter a number of hours or choose “Permanent”, not both.",
            )
        return EXEMPT_FOREVER
    if not given:
        raise Refused.because(
            "exempt_hours",
            Code.HOURS_MISSING,
            "Enter a number of hours, or choose “Permanent”.",
        )
    if not re.fullmatch(r"[0-9]{1,9}", given) or not 1 <= int(given) <= MAX_EXEMPT_HOURS:
        raise Refused.because(
            "exempt_hours",
            Code.HOURS_INVALID,
            "Hours must be a whole number from 1 to %(max)s, not “%(given)s”.",
            max=MAX_EXEMPT_HOURS,
            given=given[:20],
        )
    return int(given)


def read_params(
    kind: ActionKind, *, hours: str | None, forever: bool, group_id: str | None
) -> dict[str, Any]:
    """Return the vendor's parameters of `kind`.

    Raise Refused if a parameter is missing, invalid, or not one of this kind's.
    """
    if kind.parameter != "exempt_hours" and (forever or (hours or "").strip()):
        raise Refused.because(
            "exempt_hours", Code.HOURS_NOT_ACCEPTED, "%(kind)s takes no hours.", kind=kind.label
        )
    if kind.parameter != "group_id" and (group_id or "").strip():
        raise Refused.because(
            "group_id", Code.GROUP_NOT_ACCEPTED, "%(kind)s takes no group.", kind=kind.label
        )
    if kind.parameter == "exempt_hours":
        return {"exempt_time": read_hours(hours, forever=forever)}
    if kind.parameter == "group_id":
        if not (group_id or "").strip():
            raise Refused.because(
                "group_id", Code.GROUP_MISSING, "Choose the group to assign the devices to."
            )
        return {"group_id": str(group_id).strip()}
    return {}


def read_reason(text: str | None) -> str:
    """Return the reason without control characters; raise Refused if it is empty or too long."""
    reason = _UNPRINTABLE.sub(" ", text or "").strip()
    if not reason:
        raise Refused.because(
            "reason", Code.REASON_MISSING, "Give a reason: the audit trail keeps it."
        )
    if len(reason) > MAX_REASON:
        raise Refused.because(
            "reason",
            Code.REASON_TOO_LONG,
            "A reason has at most %(max)s characters.",
            max=MAX_REASON,
        )
    return reason


def read_start(text: str | None, now: datetime) -> datetime | None:
    """Return when to start, from ISO 8601 (UTC without an offset); raise Refused for the past."""
    if not (text or "").strip():
        return None
    try:
        start = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise Refused.because(
            "start_at",
            Code.START_INVALID,
            "Write the start as 2026-01-31T18:00 (UTC), or leave it empty.",
        ) from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if start <= now:
        raise Refused.because(
            "start_at", Code.START_IN_THE_PAST, "The start must be in the future."
        )
    if start > now + timedelta(days=MAX_START_DAYS):
        raise Refused.because(
            "start_at",
            Code.START_TOO_LATE,
            "The start must be within %(days)s days.",
            days=MAX_START_DAYS,
        )
    return start.astimezone(UTC)  # PostgreSQL takes no offset of 16 hours or more.


def read_give_up(text: str | None, start: datetime) -> datetime | None:
    """Return when to stop trying, from whole hours after `start`; raise Refused otherwise."""
    given = (text or "").strip()
    if not given:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", given) or not 1 <= int(given) <= MAX_GIVE_UP_HOURS:
        raise Refused.because(
            "give_up_after",
            Code.GIVE_UP_INVALID,
            "Hours must be a whole number from 1 to %(max)s, or empty.",
            max=MAX_GIVE_UP_HOURS,
        )
    return start + timedelta(hours=int(given))


def read_targets(addressing: Addressing, lines: list[str]) -> tuple[str, ...]:
    """Return the ids or MAC addresses in the vendor's form.

    Raise Refused if there is none, one is invalid, or one is named twice.
    """
    targets = [text for line in lines if (text := line.strip())]
    if not targets:
        raise Refused.because("devices", Code.DEVICES_MISSING, "Choose at least one device.")
    if addressing == "macs":
        targets = [_read_mac(text) for text in targets]
    elif odd := [text for text in targets if len(text) > MAX_TARGET or _UNPRINTABLE.search(text)]:
        raise Refused.because(
            "devices", Code.DEVICE_ID_INVALID, "Not a device id: “%(given)s”.", given=odd[0][:40]
        )
    if repeated := _duplicates(targets):
        raise Refused.because(
            "devices",
            Code.DUPLICATE_DEVICES,
            "Named more than once: %(devices)s.",
            devices=", ".join(repeated[:3])[:150],
        )
    return tuple(targets)


def _read_mac(text: str) -> str:
    mac = normalise_mac(text)
    if mac is None:
        raise Refused.because(
            "devices", Code.MAC_INVALID, "Not a MAC address: “%(given)s”.", given=text[:40]
        )
    return mac


def _duplicates(targets: list[str]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for target in targets:
        if target in seen:
            repeated.append(target)
        seen.add(target)
    return repeated


def new_submission(given: Given, now: datetime | None = None) -> Submission:
    """Check every field and freeze the input; raise Refused with all problems at once."""
    problems: list[Problem] = []

    def attempt(check: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Any check.
        try:
            return check(*args, **kwargs)
        except Refused as refusal:
            problems.extend(refusal.problems)
            return None

    kind = attempt(find_kind, given.kind, given.version)
    targets = attempt(read_targets, given.addressing, given.targets)
    reason = attempt(read_reason, given.reason)
    parameters = {"hours": given.hours, "forever": given.forever, "group_id": given.group_id}
    params = attempt(read_params, kind, **parameters) if kind else None
    at = now or datetime.now(UTC)
    start = attempt(read_start, given.start_at, at)
    give_up = attempt(read_give_up, given.give_up_after, start or at)
    if problems:
        raise Refused(*problems)
    return Submission(
        kind=kind,
        addressing=given.addressing,
        targets=targets,
        reason=reason,
        params=params or {},
        ticket=_UNPRINTABLE.sub(" ", given.ticket).strip()[:100],
        form_token=given.form_token or uuid4(),
        allow_unlisted=given.allow_unlisted,
        start_at=start,
        give_up_at=give_up,
    )
