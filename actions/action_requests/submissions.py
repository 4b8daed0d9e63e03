"""What a form, the API or the command line hands over once it has checked all it can."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from actions.catalog import EXEMPT_FOREVER, MAX_EXEMPT_HOURS, ActionKind, find_kind
from actions.errors import Refused
from actions.macs import normalise_mac
from actions.ratelimit.states import Lane

Addressing = Literal["ids", "macs"]

MAX_REASON = 500
"""Characters of a reason: two long sentences."""

MAX_TARGET = 255
"""Characters of a device id; the vendor's real ones have 16 or 32."""

URGENT_DEVICES = 5
"""A request of at most so many devices goes before all others: a person waits for it."""

BULK_DEVICES = 500
"""A request of more devices lets the others go first."""

MAX_START_DAYS = 90
MAX_GIVE_UP_HOURS = 720

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Submission:
    """One person's checked and frozen wish: what, for which devices, and why."""

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


def lane_for(devices: int) -> Lane:
    """The lane in which a request of so many devices travels."""
    if devices <= URGENT_DEVICES:
        return Lane.URGENT
    return Lane.BULK if devices > BULK_DEVICES else Lane.NORMAL


def read_hours(text: str | None, *, forever: bool) -> int:
    """The hours of an exemption, 0 meaning for ever; raises Refused for anything unclear.

    For ever must be asked for as such: an empty field or a zero never means it by accident.
    """
    given = (text or "").strip()
    if forever:
        if given:
            raise Refused.because(
                "exempt_hours", "Choose either a number of hours or for ever, not both."
            )
        return EXEMPT_FOREVER
    if not given:
        raise Refused.because("exempt_hours", "Say for how many hours, or choose for ever.")
    if not re.fullmatch(r"[0-9]{1,9}", given) or not 1 <= int(given) <= MAX_EXEMPT_HOURS:
        raise Refused.because(
            "exempt_hours",
            f"Hours must be a whole number from 1 to {MAX_EXEMPT_HOURS}, not “{given[:20]}”.",
        )
    return int(given)


def read_params(
    kind: ActionKind, *, hours: str | None, forever: bool, group_id: str | None
) -> dict[str, Any]:
    """The vendor parameters of `kind`; raises Refused for a missing, odd or foreign one."""
    if kind.parameter != "exempt_hours" and (forever or (hours or "").strip()):
        raise Refused.because("exempt_hours", f"{kind.label} takes no hours.")
    if kind.parameter != "group_id" and (group_id or "").strip():
        raise Refused.because("group_id", f"{kind.label} takes no group.")
    if kind.parameter == "exempt_hours":
        return {"exempt_time": read_hours(hours, forever=forever)}
    if kind.parameter == "group_id":
        if not (group_id or "").strip():
            raise Refused.because("group_id", "Choose the group to assign the devices to.")
        return {"group_id": str(group_id).strip()}
    return {}


def read_reason(text: str | None) -> str:
    """A usable reason; raises Refused when it is empty or too long."""
    reason = _UNPRINTABLE.sub(" ", text or "").strip()
    if not reason:
        raise Refused.because("reason", "Give a reason: the audit trail keeps it.")
    if len(reason) > MAX_REASON:
        raise Refused.because("reason", f"Keep the reason under {MAX_REASON} characters.")
    return reason


def read_start(text: str | None, now: datetime) -> datetime | None:
    """When to begin, from ISO 8601 (UTC where no offset stands); raises Refused for the past."""
    if not (text or "").strip():
        return None
    try:
        start = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise Refused.because(
            "start_at", "Write the start as 2026-01-31T18:00 (UTC), or leave it empty."
        ) from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if start <= now:
        raise Refused.because("start_at", "The start must lie in the future.")
    if start > now + timedelta(days=MAX_START_DAYS):
        raise Refused.because("start_at", f"Start within {MAX_START_DAYS} days.")
    return start


def read_give_up(text: str | None, begin: datetime) -> datetime | None:
    """When to stop trying, from whole hours after the beginning; raises Refused otherwise."""
    given = (text or "").strip()
    if not given:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", given) or not 1 <= int(given) <= MAX_GIVE_UP_HOURS:
        raise Refused.because(
            "give_up_after",
            f"Hours must be a whole number from 1 to {MAX_GIVE_UP_HOURS}, or empty.",
        )
    return begin + timedelta(hours=int(given))


def read_targets(addressing: Addressing, lines: list[str]) -> tuple[str, ...]:
    """The devices as the vendor will be told them; raises Refused for empty, doubled or odd."""
    targets = [text for line in lines if (text := line.strip())]
    if not targets:
        raise Refused.because("devices", "Choose at least one device.")
    if addressing == "macs":
        targets = [_read_mac(text) for text in targets]
    elif odd := [text for text in targets if len(text) > MAX_TARGET or _UNPRINTABLE.search(text)]:
        raise Refused.because("devices", f"Not a device id: “{odd[0][:40]}”.")
    doubled = _duplicates(targets)
    if doubled:
        sample = ", ".join(doubled[:3])
        raise Refused.because("devices", f"Named more than once: {sample[:150]}.")
    return tuple(targets)


def _read_mac(text: str) -> str:
    mac = normalise_mac(text)
    if mac is None:
        raise Refused.because("devices", f"Not a MAC address: “{text[:40]}”.")
    return mac


def _duplicates(targets: list[str]) -> list[str]:
    seen: set[str] = set()
    doubled = []
    for target in targets:
        if target in seen:
            doubled.append(target)
        seen.add(target)
    return doubled


def new_submission(
    *,
    kind: str,
    version: str,
    addressing: Addressing,
    targets: list[str],
    reason: str | None,
    hours: str | None = None,
    forever: bool = False,
    group_id: str | None = None,
    ticket: str = "",
    form_token: UUID | None = None,
    allow_unlisted: bool = False,
    start_at: str | None = None,
    give_up_after: str | None = None,
    now: datetime | None = None,
) -> Submission:
    """Check everything at once and freeze it; raises Refused with every problem found."""
    problems: dict[str, list[str]] = {}

    def attempt(check: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return check(*args, **kwargs)
        except Refused as refusal:
            for name, texts in refusal.problems.items():
                problems.setdefault(name, []).extend(texts)
            return None

    found = attempt(find_kind, kind, version)
    frozen = attempt(read_targets, addressing, targets)
    why = attempt(read_reason, reason)
    params = (
        attempt(read_params, found, hours=hours, forever=forever, group_id=group_id)
        if found
        else None
    )
    moment = now or datetime.now(UTC)
    start = attempt(read_start, start_at, moment)
    give_up = attempt(read_give_up, give_up_after, start or moment)
    if problems:
        raise Refused(problems)
    return Submission(
        kind=found,
        addressing=addressing,
        targets=frozen,
        reason=why,
        params=params or {},
        ticket=_UNPRINTABLE.sub(" ", ticket).strip()[:100],
        form_token=form_token or uuid4(),
        allow_unlisted=allow_unlisted,
        start_at=start,
        give_up_at=give_up,
    )
