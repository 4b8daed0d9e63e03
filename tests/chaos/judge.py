"""What must be true when the dust has settled; the vendor's own log is the witness."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from tests.chaos.place import CALLS, WINDOW, Place
from tests.chaos.submitter import Submitter

FINAL = {
    *("accepted", "confirmed", "not_seen", "unsupported", "failed"),
    *("unconfirmed", "cancelled", "expired"),
}
MAY_HAVE_HAPPENED = {"accepted", "confirmed", "not_seen", "unconfirmed"}
"""What a status tells a person; of all others it is said that the vendor did nothing."""

NOT_REPEATABLE = {"exempt", "delete", "fetch_agent_log"}

PATIENCE = 2 * WINDOW
"""Seconds that a call or a read may last which began just when all had settled."""

UNSETTLED = (
    "SELECT (SELECT count(*) FROM actions_devicecommand "
    "WHERE status IN ('held', 'queued', 'sending')), "
    "(SELECT count(*) FROM actions_devicecommand WHERE check_at IS NOT NULL), "
    "(SELECT count(*) FROM actions_vendorcall WHERE state = 'sending'), "
    "(SELECT count(*) FROM actions_inventorysync WHERE running)"
)
COMMANDS = (
    "SELECT r.uuid, r.kind_name, c.target, c.status, c.call_id, c.vendor_status "
    "FROM actions_devicecommand c JOIN actions_actionrequest r ON r.id = c.request_id "
    "ORDER BY c.id"
)
REQUESTS = "SELECT uuid, parent_id, device_count FROM actions_actionrequest"


class Judge:
    """Finds what is wrong; each finding is a sentence."""

    def __init__(self, place: Place, submitter: Submitter) -> None:
        self.place, self.submitter = place, submitter
        self.commands = [(_hex(row[0]), *row[1:]) for row in place.look(COMMANDS)]
        self.requests = [(_hex(row[0]), *row[1:]) for row in place.look(REQUESTS)]

    def findings(self) -> list[str]:
        """Everything that is wrong."""
        return [
            *self.lost(),
            *self.twice(),
            *self.untrue(),
            *self.over_the_limit(),
            *self.stuck(),
        ]

    def lost(self) -> Iterator[str]:
        """Each device of each request has a command, and each command an end."""
        found: dict[str, list[str]] = defaultdict(list)
        for uuid, _, target, *_ in self.commands:
            found[uuid].append(target)
        for text, wish in self.submitter.wishes.items():
            if sorted(found[_hex(text)]) != sorted(wish.targets):
                yield f"lost: {text} has {len(found[_hex(text)])} of {len(wish.targets)} commands"
        for uuid, parent, count in self.requests:
            if len(found[uuid]) != count:
                yield f"lost: {uuid} has {len(found[uuid])} commands, but says {count}"
            if parent is None and uuid not in map(_hex, self.submitter.wishes):
                yield f"doubled: nobody submitted {uuid}"
        missing = {_hex(child) for child in self.submitter.children} - found.keys()
        yield from (f"lost: the retry {uuid}" for uuid in missing)

    def twice(self) -> Iterator[str]:
        """What must not be repeated was done at most once for each command, and never unasked."""
        asked = Counter((kind, target) for _, kind, target, *_ in self.commands)
        for (kind, device), times in self.place.vendor.applied.items():
            if not asked[kind, device]:
                yield f"unasked: {kind} {device}"
            elif kind in NOT_REPEATABLE and times > asked[kind, device]:
                yield f"twice: {kind} {device} {times} times: {self._story(device)}"

    def untrue(self) -> Iterator[str]:
        """What is said to be done was done, and what is said not to be done was not.

        Commands of one kind for one device may share a call.
        """
        said: dict[tuple[str, str], set[int]] = defaultdict(set)
        for _, kind, target, status, call, vendor_status in self.commands:
            if vendor_status == 1 and status in {"accepted", "confirmed", "not_seen"}:
                said[kind, target].add(call)
        possible = Counter(
            (kind, target)
            for _, kind, target, status, *_ in self.commands
            if status in MAY_HAVE_HAPPENED
        )
        for (kind, device), times in self.place.vendor.applied.items():
            if kind in NOT_REPEATABLE and times > possible[kind, device]:
                yield f"denied: {kind} {device} {times} times: {self._story(device)}"
        for key, calls in said.items():
            if len(calls) > self.place.vendor.applied[key]:
                yield f"untrue: {key} accepted by {sorted(calls)}: {self._story(key[1])}"

    def over_the_limit(self) -> Iterator[str]:
        """No window of the vendor's saw more calls than it allows, refused ones included."""
        calls = sorted(self.place.vendor.received, key=lambda call: call.at)
        for first, last in zip(calls, calls[CALLS:], strict=False):
            if last.at - first.at < WINDOW:
                yield f"limit: {CALLS + 1} calls within {last.at - first.at:.3f} s"
        refused = [call for call in calls if call.status == 429 and call.fault != "throttled"]
        if refused:
            yield f"limit: the vendor refused {len(refused)} calls"

    def stuck(self) -> Iterator[str]:
        """Nothing stays in a passing state; what has only just begun may end."""
        end = time.monotonic() + PATIENCE
        while not is_settled(self.place) and time.monotonic() < end:
            time.sleep(0.1)
        commands, looks, calls, reads = self.place.look(UNSETTLED)[0]
        if commands or looks or calls or reads:
            yield (
                f"stuck: {commands} commands, {looks} looks at devices, {calls} calls, "
                f"{reads} reads of the inventory"
            )
        odd = {status for _, _, _, status, *_ in self.commands} - FINAL
        if odd:
            yield f"stuck: commands are {', '.join(sorted(odd))}"

    def figures(self) -> str:
        """The run in a few numbers."""
        statuses = Counter(status for _, _, _, status, *_ in self.commands)
        faults = Counter(call.fault for call in self.place.vendor.received if call.fault)
        states = self.place.look("SELECT state, count(*) FROM actions_vendorcall GROUP BY state")
        return "\n".join(
            [
                f"requests {len(self.requests)}, commands {len(self.commands)}: {dict(statuses)}",
                f"calls at the vendor {len(self.place.vendor.received)}, faults {dict(faults)}",
                f"calls in the ledger {dict(states)}",
            ]
        )

    def _story(self, device: str) -> str:
        """All commands for a device: what, how it ended, by which call, what the vendor said."""
        return "; ".join(
            f"{kind} {status} call {call} said {said}"
            for _, kind, target, status, call, said in self.commands
            if target == device
        )


def is_settled(place: Place) -> bool:
    """Whether the engine has nothing more to do by itself."""
    return not any(place.look(UNSETTLED)[0])


def _hex(uuid: object) -> str:
    return UUID(str(uuid)).hex
