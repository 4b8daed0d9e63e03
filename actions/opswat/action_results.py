"""The answer of Device Action, device by device.

Source: page "Device Action v3.1", table "Response Parameters": a JSON array of `id`, `status` and
`command_id`. Neither the order of the rows nor the fate of unknown ids is documented, so rows are
matched by `id` alone, and a device without a row of its own has an unknown outcome.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from actions.macs import normalise_mac
from actions.opswat.errors import Unconfirmed
from actions.opswat.sanitize import clean_text, read_name

_MAX_STATUS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DeviceResult:
    """The vendor's answer for one device.

    `target` is the device exactly as the call named it. `status` is the vendor's number,
    None if it was not a plain whole number; `raw` is that value as JSON. `command_id`
    is "" unless the vendor gave one (`fetch_agent_log` only).
    """

    target: str
    status: int | None
    raw: str
    command_id: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """All results of one call.

    `receipts` by target; `foreign` are rows that belong to none of our devices (their names, as
    text); `missing` are our devices without a certain result, in the order of the call.
    """

    receipts: dict[str, DeviceResult]
    foreign: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def parse_results(body: object, targets: Sequence[str]) -> ActionResult:
    """Match the rows of a parsed answer with the devices of the call.

    Raises Unconfirmed when `body` is not a list. Duplicate rows with the same result count once;
    with different results the device counts as missing.
    """
    if not isinstance(body, list):
        raise Unconfirmed("The vendor's answer is not a list of devices.")
    find = _Finder(targets)
    receipts: dict[str, DeviceResult] = {}
    doubtful: set[str] = set()
    foreign: list[str] = []
    for row in body:
        target = find(row)
        if target is None:
            foreign.append(_foreign_name(row))
            continue
        receipt = _read_row(row, target)
        if receipts.setdefault(target, receipt) != receipt:
            doubtful.add(target)
    known = {target: receipts[target] for target in receipts if target not in doubtful}
    missing = tuple(target for target in dict.fromkeys(targets) if target not in known)
    return ActionResult(receipts=known, foreign=tuple(foreign), missing=missing)


class _Finder:
    """Finds the target of a row: by the exact text, then ignoring case, then as a MAC."""

    def __init__(self, targets: Iterable[str]) -> None:
        self._exact = set(targets)
        self._by_case = _unambiguous(self._exact, str.casefold)
        self._by_mac = _unambiguous(self._exact, normalise_mac)

    def __call__(self, row: object) -> str | None:
        name = _row_name(row)
        if not name or name in self._exact:
            return name or None
        by_case = self._by_case.get(name.casefold())
        return by_case or self._by_mac.get(normalise_mac(name) or "")


def _unambiguous(targets: Iterable[str], key: Callable[[str], str | None]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for target in targets:
        word = key(target)
        if word:
            found.setdefault(word, []).append(target)
    return {word: names[0] for word, names in found.items() if len(names) == 1}


def _row_name(row: object) -> str:
    name = row.get("id") if isinstance(row, dict) else None
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    return name if isinstance(name, str) else ""


def _foreign_name(row: object) -> str:
    return clean_text(_row_name(row)) or "(a row without an id)"


def _read_row(row: object, target: str) -> DeviceResult:
    fields = row if isinstance(row, dict) else {}
    status = fields.get("status")
    number = status if isinstance(status, int) and not isinstance(status, bool) else None
    if number is not None and abs(number) > _MAX_STATUS:
        number = None
    return DeviceResult(
        target=target,
        status=number,
        raw=_as_json(status) if "status" in fields else "",
        command_id=read_name(fields.get("command_id")),
    )


def _as_json(value: object) -> str:
    """Return the JSON of a plain value; only the type of a list or an object, as it may be huge."""
    if isinstance(value, list | dict):
        return "[...]" if isinstance(value, list) else "{...}"
    return clean_text(json.dumps(value, ensure_ascii=False))
