"""The findings of a check of the trail, of an export or of an archive."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

MAX_FINDINGS = 100
"""Findings after which a check stops."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference that a check found: its kind, the record or request, and an explanation."""

    what: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.place}: {self.text}"


@dataclass(slots=True)
class VerificationReport:
    """The result of a check; `head` is the id and signature of the last line."""

    records: int = 0
    requests: int = 0
    anchors: int = 0
    head: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return the report as plain values, with `ok` for no findings."""
        return {**asdict(self), "ok": not self.findings}

    @property
    def is_full(self) -> bool:
        """Whether the check can stop, because it has found enough."""
        return len(self.findings) >= MAX_FINDINGS


def as_json(report: VerificationReport) -> str:
    """Return the report as one JSON object."""
    return json.dumps(report.as_data())


def archive_boundaries() -> list[tuple[int, str]]:
    """Return the id and signature of each line after which the trail may begin.

    It is the last line of an archive, or of a step in which the lines of an archive are deleted.
    """
    lines = AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED).values_list("data", flat=True)
    ends = [(data.get("last_id"), data.get("last_mac")) for data in lines]
    return ends + [(last, mac) for data in lines for last, mac in data.get("steps", ())]


def is_archived(number: int) -> bool:
    """Return whether the line is gone and an archive holds it, by what the trail says now.

    Call it for a line that is missing: an archive may have taken it since it was read.
    """
    lines = AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED).order_by("-pk")
    last = lines.values_list("data__last_id", flat=True).first() or 0
    return number <= last and not AuditEvent.objects.filter(pk=number).exists()
