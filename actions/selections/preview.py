"""Predict, without a call, which of the chosen devices the vendor will accept."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet
from django.utils.timezone import now

from actions.action_requests.applicability import DeviceFacts, Verdict, evaluate
from actions.catalog import ActionKind
from actions.inventory.freshness import fresh_for
from actions.selections.models import Selection

UNLISTED = Verdict(False, "unlisted", "No longer listed by the vendor: it cannot be sent.")
"""The verdict on devices that the console itself does not send."""

_FACTS = ("device__status", "device__agent_type", "device__os_family", "device__agent_version")


@dataclass(frozen=True, slots=True)
class RuleCount:
    """The number of chosen devices that one rule decides."""

    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The chosen devices by verdict; in each list the largest number comes first."""

    refused: list[RuleCount]
    uncertain: list[RuleCount]
    allowed_count: int

    @property
    def refused_count(self) -> int:
        """How many devices the vendor will certainly refuse."""
        return sum(each.count for each in self.refused)

    @property
    def uncertain_count(self) -> int:
        """How many devices cannot be decided."""
        return sum(each.count for each in self.uncertain)


def preview(selection: Selection, kind: ActionKind, version: str) -> Preview:
    """Count the chosen devices by verdict; the database groups them, then the rules decide."""
    at = now()
    rows = _with_facts(selection, at).values_list(*_FACTS, "stale", "listed")
    counts: dict[Verdict, int] = {}
    for *facts, count, read_at in rows.annotate(Count("id"), Max("device__read_at")).order_by():
        verdict = _evaluate(kind, version, facts, read_at, at)
        counts[verdict] = counts.get(verdict, 0) + count
    by_rule = sorted(map(RuleCount, counts, counts.values()), key=lambda each: -each.count)
    return Preview(
        refused=[each for each in by_rule if each.verdict.allowed is False],
        uncertain=[each for each in by_rule if each.verdict.allowed is None],
        allowed_count=sum(each.count for each in by_rule if each.verdict.allowed),
    )


def remaining(
    selection: Selection, kind: ActionKind, version: str, dropped: Collection[str]
) -> list[int]:
    """Return the keys of the chosen rows that none of the dropped rules decides."""
    at = now()
    rows = _with_facts(selection, at).order_by("id")
    verdicts: dict[tuple[Any, ...], Verdict] = {}
    keys = []
    for key, read_at, *facts in rows.values_list(
        "id", "device__read_at", *_FACTS, "stale", "listed"
    ):
        group = tuple(facts)
        if group not in verdicts:
            verdicts[group] = _evaluate(kind, version, facts, read_at, at)
        if verdicts[group].rule not in dropped:
            keys.append(key)
    return keys


def _with_facts(selection: Selection, at: datetime) -> QuerySet[Any]:
    return selection.chosen.annotate(
        stale=Q(device__read_at__lt=at - fresh_for()),
        listed=Q(device__isnull=False, device__gone_at__isnull=True),
    )


def _evaluate(
    kind: ActionKind, version: str, values: list[Any], read_at: datetime | None, at: datetime
) -> Verdict:
    status, agent_type, os_family, agent_version, _stale, listed = values
    if not listed:
        return UNLISTED
    facts = DeviceFacts(status, agent_type, os_family, agent_version, read_at)
    return evaluate(kind, version, facts, at)
