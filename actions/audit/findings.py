"""What a check of the trail, of an export or of an archive has found."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

MAX_FINDINGS = 100
"""Findings after which there is no need to look for more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: what, on which record or request, in words."""

    what: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.place}: {self.text}"


@dataclass(slots=True)
class VerificationReport:
    """What a check has found; `head` is the last line's number and signature."""

    records: int = 0
    requests: int = 0
    anchors: int = 0
    head: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "ok": not self.findings}

    @property
    def enough(self) -> bool:
        """Whether there is no need to look on."""
        return len(self.findings) >= MAX_FINDINGS


def as_json(report: VerificationReport) -> str:
    """The report as one JSON object."""
    return json.dumps(report.as_data())


def archive_boundaries() -> list[tuple[int, str]]:
    """Where archives end: their last line's number and signature."""
    lines = AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED).values_list("data", flat=True)
    return [(data.get("last_id"), data.get("last_mac")) for data in lines]
