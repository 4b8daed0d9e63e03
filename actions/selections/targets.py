"""The targets of a request from a list that must match completely, as the command line needs it."""

from collections.abc import Collection, Mapping, Sequence

from actions import json_rows
from actions.action_requests.submissions import Addressing
from actions.errors import Code, Problem, Refused
from actions.inventory.models import Device
from actions.macs import normalise_mac
from actions.selections.list_matching import BY_ALL, Line, match_lines
from actions.selections.list_parser import Entry

MAX_TOLD = 3
"""Lines that a refusal names; it counts the others."""

_CODES = {
    "unknown": Code.UNKNOWN_DEVICES,
    "duplicate": Code.DUPLICATE_DEVICES,
    "ambiguous": Code.AMBIGUOUS_DEVICES,
    "malformed": Code.DEVICE_ID_INVALID,
}


def read_targets(
    entries: Sequence[Entry], *, by: Collection[str] = BY_ALL, unlisted: bool = False
) -> tuple[Addressing, list[str]]:
    """Return how the devices of a list are addressed, and the target of each line.

    Raises Refused unless every line names exactly one device and no other line names it; with
    `unlisted`, a line may also name a device that the inventory does not list.
    """
    lines = match_lines(entries, by)
    if not lines:
        raise Refused.because("devices", Code.DEVICES_MISSING, "Choose at least one device.")
    accepted = ("matched", "unknown") if unlisted else ("matched",)
    if wrong := [line for line in lines if line.bucket not in accepted]:
        raise Refused(*_problems(wrong))
    if by == {"mac"}:
        return "macs", [_mac(line) for line in lines]
    ids = _ids_of(lines)
    if all(_has_id(line, ids, by) for line in lines):
        return "ids", [ids.get(line.device or 0, line.text) for line in lines]
    by_mac = match_lines(entries, {"mac"})
    if [line[2:4] for line in by_mac] == [line[2:4] for line in lines]:
        return "macs", [_mac(line) for line in lines]
    raise Refused.because(
        "devices",
        Code.MIXED_ADDRESSING,
        "The list mixes ids and MAC addresses: use two requests.",
    )


def _has_id(line: Line, ids: Mapping[int, str], by: Collection[str]) -> bool:
    """Return whether a line is sent as an id: of its device, or as given if it is unlisted."""
    if line.device is not None:
        return line.device in ids
    return "mac" not in by or not normalise_mac(line.text)


def _problems(wrong: Sequence[Line]) -> list[Problem]:
    found = []
    for line in wrong[:MAX_TOLD]:
        why = line.why[:1].lower() + line.why[1:].rstrip(".")
        params = {"number": line.number, "text": line.text[:60], "why": why}
        text = "Line %(number)s, “%(text)s”: %(why)s."
        found.append(Problem("devices", _CODES[line.bucket], text, params))
    if len(wrong) > MAX_TOLD:
        more = {"count": len(wrong) - MAX_TOLD}
        code = _CODES[wrong[MAX_TOLD].bucket]
        found.append(Problem("devices", code, "%(count)s more lines are like these.", more))
    if any(line.bucket == "unknown" for line in wrong):
        text = "Run a full read, or send what is not in the inventory as unlisted."
        found.append(Problem("devices", Code.UNKNOWN_DEVICES, text))
    return found


def _ids_of(lines: Sequence[Line]) -> dict[int, str]:
    keys = [line.device for line in lines if line.device is not None]
    rows = Device.objects.filter(pk__in=json_rows.keys(keys)).exclude(vendor_id="")
    return dict(rows.values_list("pk", "vendor_id"))


def _mac(line: Line) -> str:
    return normalise_mac(line.text) or line.text
