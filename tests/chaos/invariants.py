"""What must be true after a chaos run, checked against the vendor's own log."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from tests.chaos.installation import CALLS, WINDOW, ChaosInstallation
from tests.chaos.workload import Workload

FINAL = {
    *("accepted", "confirmed", "not_seen", "unsupported", "failed"),
    *("unconfirmed", "cancelled", "expired"),
}
MAY_HAVE_HAPPENED = {"accepted", "confirmed", "not_seen", "unconfirmed"}
"""Statuses after which the vendor may have acted; all others say that it did nothing."""

NOT_REPEATABLE = {"exempt", "delete", "fetch_agent_log"}

GRACE = 2 * WINDOW
"""Seconds for a call or a read that started just after everything had settled."""

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


class InvariantChecker:
    """Compares the database with the vendor's log; each finding is a sentence."""

    def __init__(self, installation: ChaosInstallation, workload: Workload) -> None:
        self.installation, self.workload = installation, workload
        self.commands = [(_hex(row[0]), *row[1:]) for row in installation.query(COMMANDS)]
        self.requests = [(_hex(row[0]), *row[1:]) for row in installation.query(REQUESTS)]

    def findings(self) -> list[str]:
        """Return all findings."""
        return [
            *self.lost_commands(),
            *self.repeated_actions(),
            *self.wrong_statuses(),
            *self.limit_violations(),
            *self.unfinished_work(),
        ]

    def lost_commands(self) -> Iterator[str]:
        """Check that each device of each request has a command, and that no request is extra."""
        found: dict[str, list[str]] = defaultdict(list)
        for uuid, _, target, *_ in self.commands:
            found[uuid].append(target)
        for text, submitted in self.workload.submitted.items():
            number = len(found[_hex(text)])
            if sorted(found[_hex(text)]) != sorted(submitted.targets):
                yield f"lost: {text} has {number} of {len(submitted.targets)} commands"
        for uuid, parent, count in self.requests:
            if len(found[uuid]) != count:
                yield f"lost: {uuid} has {len(found[uuid])} commands, but its count is {count}"
            if parent is None and uuid not in map(_hex, self.workload.submitted):
                yield f"extra: nobody submitted {uuid}"
        missing = {_hex(retry) for retry in self.workload.retries} - found.keys()
        yield from (f"lost: the retry {uuid}" for uuid in missing)

    def repeated_actions(self) -> Iterator[str]:
        """Check that the vendor did only what was requested, and no unrepeatable action twice."""
        requested = Counter((kind, target) for _, kind, target, *_ in self.commands)
        for (kind, device), times in self.installation.vendor.applied.items():
            if not requested[kind, device]:
                yield f"not requested: {kind} {device}"
            elif kind in NOT_REPEATABLE and times > requested[kind, device]:
                yield f"repeated: {kind} {device} {times} times: {self._history(device)}"

    def wrong_statuses(self) -> Iterator[str]:
        """Check that what is shown as done was done, and what is shown as not done was not.

        Commands of one kind for one device may share a call.
        """
        accepted: dict[tuple[str, str], set[int]] = defaultdict(set)
        for _, kind, target, status, call, vendor_status in self.commands:
            if vendor_status == 1 and status in {"accepted", "confirmed", "not_seen"}:
                accepted[kind, target].add(call)
        possible = Counter(
            (kind, target)
            for _, kind, target, status, *_ in self.commands
            if status in MAY_HAVE_HAPPENED
        )
        for (kind, device), times in self.installation.vendor.applied.items():
            if kind in NOT_REPEATABLE and times > possible[kind, device]:
                yield f"shown as not done: {kind} {device} {times} times: {self._history(device)}"
        for key, calls in accepted.items():
            if len(calls) > self.installation.vendor.applied[key]:
                yield f"not done: {key} accepted by {sorted(calls)}: {self._history(key[1])}"

    def limit_violations(self) -> Iterator[str]:
        """Check that no window at the vendor has more calls than its limit, refused ones too."""
        calls = sorted(self.installation.vendor.received, key=lambda call: call.at)
        for first, last in zip(calls, calls[CALLS:], strict=False):
            if last.at - first.at < WINDOW:
                yield f"limit: {CALLS + 1} calls within {last.at - first.at:.3f} s"
        refused = [call for call in calls if call.status == 429 and call.fault != "throttled"]
        if refused:
            yield f"limit: the vendor refused {len(refused)} calls"

    def unfinished_work(self) -> Iterator[str]:
        """Check that no row stays in a transient state; work that has just started may finish."""
        end = time.monotonic() + GRACE
        while not is_settled(self.installation) and time.monotonic() < end:
            time.sleep(0.1)
        commands, readbacks, calls, syncs = self.installation.query(UNSETTLED)[0]
        if commands or readbacks or calls or syncs:
            yield (
                f"stuck: {commands} commands, {readbacks} read-backs, {calls} calls, "
                f"{syncs} inventory reads"
            )
        odd = {status for _, _, _, status, *_ in self.commands} - FINAL
        if odd:
            yield f"stuck: commands are {', '.join(sorted(odd))}"

    def figures(self) -> str:
        """Summarise the run in a few numbers."""
        received = self.installation.vendor.received
        statuses = Counter(status for _, _, _, status, *_ in self.commands)
        faults = Counter(call.fault for call in received if call.fault)
        states = self.installation.query(
            "SELECT state, count(*) FROM actions_vendorcall GROUP BY state"
        )
        return "\n".join(
            [
                f"requests {len(self.requests)}, commands {len(self.commands)}: {dict(statuses)}",
                f"calls at the vendor {len(received)}, faults {dict(faults)}",
                f"calls in the ledger {dict(states)}",
            ]
        )

    def _history(self, device: str) -> str:
        """Describe all commands for a device: kind, status, call and the vendor's status."""
        return "; ".join(
            f"{kind} {status} call {call} vendor status {vendor_status}"
            for _, kind, target, status, call, vendor_status in self.commands
            if target == device
        )


def is_settled(installation: ChaosInstallation) -> bool:
    """Return whether the engine has no work left."""
    return not any(installation.query(UNSETTLED)[0])


def _hex(uuid: object) -> str:
    return UUID(str(uuid)).hex
