"""The answer of Device Action, device by device.

Source: page "Device Action v3.1", table "Response Parameters": a JSON array of `id`, `status` and
`command_id`. Neither the order of the rows nor the treatment of unknown ids is documented, so rows
are matched by `id` only, and the outcome of a device without a row is unknown.
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

    `results` has the device results by target. `foreign` are the ids of rows that match no device
    of the call; `missing` are the devices without an unambiguous result, in the order of the call.
    """

    results: dict[str, DeviceResult]
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
    results: dict[str, DeviceResult] = {}
    contradictory: set[str] = set()
    foreign: list[str] = []
    for row in body:
        target = find(row)
        if target is None:
            foreign.append(_foreign_name(row))
            continue
        result = _read_row(row, target)
        if results.setdefault(target, result) != result:
            contradictory.add(target)
    certain = {target: results[target] for target in results if target not in contradictory}
    missing = tuple(target for target in dict.fromkeys(targets) if target not in certain)
    return ActionResult(results=certain, foreign=tuple(foreign), missing=missing)


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
        normalized = key(target)
        if normalized:
            found.setdefault(normalized, []).append(target)
    return {normalized: names[0] for normalized, names in found.items() if len(names) == 1}


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
