"""What the trail alone says of each device of a request: nothing else is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from actions.action_requests.states import WAITING, CommandStatus
from actions.trail.verbs import Verb

QUEUED = str(CommandStatus.QUEUED)


@dataclass(frozen=True, slots=True)
class ReplayedOutcome:
    """What a request's lines told last of one device; None where they do not tell."""

    status: str
    command_id: str | None = None
    code: int | None = None

    @property
    def waits(self) -> bool:
        """Whether it was not settled yet; how exactly it waits is told by counts only."""
        return self.status in WAITING


def replay(lines: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, ReplayedOutcome]:
    """By target, the outcome that these lines (verb and details, in their order) leave it with."""
    told: dict[str, ReplayedOutcome] = {}
    for verb, data in lines:
        if verb == Verb.REQUEST_SUBMITTED:
            told |= {target: ReplayedOutcome(QUEUED) for target in data.get("targets", ())}
        elif verb != Verb.REQUEST_REFUSED and "status" in data:
            told |= {target: ReplayedOutcome(data["status"]) for target in data.get("targets", ())}
        for line in data.get("devices", ()):
            told[line["target"]] = ReplayedOutcome(
                line["status"], line.get("command_id", ""), line.get("code")
            )
    return told
