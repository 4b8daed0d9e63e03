"""What the vendor will make of the chosen devices, as far as it can be known without a call."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q
from django.utils.timezone import now

from actions.action_requests.applicability import DeviceFacts, Verdict, evaluate
from actions.catalog import ActionKind
from actions.inventory.freshness import fresh_for
from actions.selections.models import Selection

UNLISTED = Verdict(False, "unlisted", "Not listed by the vendor any more: it cannot be sent.")
"""What the console itself refuses to send."""

_FACTS = ("device__status", "device__agent_type", "device__os_family", "device__agent_version")


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many of the chosen devices one rule decides."""

    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The chosen devices by what the vendor will make of them, the largest number first."""

    refused: list[RuleCount]
    uncertain: list[RuleCount]
    allowed_count: int

    @property
    def refused_count(self) -> int:
        """How many will surely be refused."""
        return sum(each.count for each in self.refused)

    @property
    def uncertain_count(self) -> int:
        """Of how many it cannot be said."""
        return sum(each.count for each in self.uncertain)


def preview(selection: Selection, kind: ActionKind, version: str) -> Preview:
    """Count the chosen devices by the rule that decides: grouped by the database, then judged."""
    moment = now()
    rows = _with_facts(selection, moment).values_list(*_FACTS, "stale", "listed")
    counts: dict[Verdict, int] = {}
    for *facts, count, read_at in rows.annotate(Count("id"), Max("device__read_at")).order_by():
        verdict = _evaluate(kind, version, facts, read_at, moment)
        counts[verdict] = counts.get(verdict, 0) + count
    judged = sorted(map(RuleCount, counts, counts.values()), key=lambda each: -each.count)
    return Preview(
        refused=[each for each in judged if each.verdict.allowed is False],
        uncertain=[each for each in judged if each.verdict.allowed is None],
        allowed_count=sum(each.count for each in judged if each.verdict.allowed),
    )


def remaining(
    selection: Selection, kind: ActionKind, version: str, dropped: Collection[str]
) -> list[int]:
    """The keys of the chosen rows that none of the dropped rules decides."""
    moment = now()
    rows = _with_facts(selection, moment).order_by("id")
    verdicts: dict[tuple[Any, ...], Verdict] = {}
    keys = []
    for key, read_at, *facts in rows.values_list(
        "id", "device__read_at", *_FACTS, "stale", "listed"
    ):
        alike = tuple(facts)
        if alike not in verdicts:
            verdicts[alike] = _evaluate(kind, version, facts, read_at, moment)
        if verdicts[alike].rule not in dropped:
            keys.append(key)
    return keys


def _with_facts(selection: Selection, moment: datetime) -> Any:
    return selection.chosen.annotate(
        stale=Q(device__read_at__lt=moment - fresh_for()),
        listed=Q(device__isnull=False, device__gone_at__isnull=True),
    )


def _evaluate(
    kind: ActionKind, version: str, facts: list[Any], read_at: datetime | None, moment: datetime
) -> Verdict:
    status, agent_type, os_family, agent_version, _stale, listed = facts
    if not listed:
        return UNLISTED
    told = DeviceFacts(status, agent_type, os_family, agent_version, read_at)
    return evaluate(kind, version, told, moment)
