"""Rebuild the outcome of each device of a request from the audit trail alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from actions.action_requests.states import WAITING, CommandStatus
from actions.trail.verbs import Verb

QUEUED = str(CommandStatus.QUEUED)


@dataclass(frozen=True, slots=True)
class ReplayedOutcome:
    """The last outcome of one device in a request's lines; None where they hold no value."""

    status: str
    command_id: str | None = None
    code: int | None = None

    @property
    def waits(self) -> bool:
        """Whether it is not settled; the trail counts held and queued commands, without names."""
        return self.status in WAITING


def replay(lines: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, ReplayedOutcome]:
    """Return the outcome by target after these lines (verb and data), given in their order."""
    outcomes: dict[str, ReplayedOutcome] = {}
    for verb, data in lines:
        targets = data.get("targets", ())
        if verb == Verb.REQUEST_SUBMITTED:
            outcomes |= {target: ReplayedOutcome(QUEUED) for target in targets}
        elif verb != Verb.REQUEST_REFUSED and "status" in data:
            outcomes |= {target: ReplayedOutcome(data["status"]) for target in targets}
        for line in data.get("devices", ()):
            outcomes[line["target"]] = ReplayedOutcome(
                line["status"], line.get("command_id", ""), line.get("code")
            )
    return outcomes
