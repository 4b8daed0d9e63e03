"""Check the anchors: of the file of this installation, and of copies that were kept elsewhere."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings

from actions.audit.findings import Finding, VerificationReport, archive_boundaries, is_archived
from actions.trail import anchors, chain, head
from actions.trail.models import AuditEvent, AuditMark
from actions.trail.verbs import Verb

MAX_AGE = timedelta(hours=1)
"""Age of the last anchor, against the newest line, above which the file is stale."""

Anchor = dict[str, Any]


def check_copy(report: VerificationReport, path: Path, lost_keys: Collection[str]) -> None:
    """Check the anchors of a kept file or log against the trail."""
    _check_lines(report, anchors.read_anchors(path), lost_keys)


def check_own(report: VerificationReport, lost_keys: Collection[str]) -> None:
    """Check the file of this installation: it is whole, present and up to date, and it holds.

    What a lost key has signed cannot be checked.
    """
    path = Path(settings.AUDIT_ANCHORS_FILE)
    mark = head.find_mark(anchors.mark_name())  # Before the file, which grows meanwhile.
    found = list(anchors.read_anchors(path)) if path.exists() else []
    texts = [*_file_problems(found, lost_keys), *_stale(found)]
    if not mark or mark.key_id not in lost_keys:
        texts += _mark_problems([each for each in found if "number" in each], mark)
    report.findings += [Finding("anchors", path.name, text) for text in texts]
    for other in (settings.EPOCH_FILE, settings.AUDIT_LOST_FILE):
        if other and Path(other).exists():
            found += anchors.read_anchors(Path(other))
    _check_lines(report, found, lost_keys)


def _file_problems(found: list[Anchor], lost_keys: Collection[str]) -> Iterator[str]:
    numbered = [anchor for anchor in found if "number" in anchor]
    if not numbered:
        return
    if numbered[-1].get("file") in lost_keys:
        return  # One finding tells of the key; the file is that of the installation without it.
    ours = {settings.AUDIT_INSTALLATION, *lost_keys}
    if any(anchor.get("file") not in ours for anchor in numbered):
        yield "It holds anchors of another installation."
        return
    first = numbered[0]
    if first["number"] > _first_expected():
        yield f"Its first {first['number'] - 1} anchors are missing."
    elif first["number"] == 1 and first["before"] != _last_unnumbered(found):
        yield "The anchors of the time before they were numbered are missing or out of order."
    for before, after in pairwise(numbered):
        if (after["number"], after["before"]) != (before["number"] + 1, before["signature"]):
            yield f"Anchor {after['number']} does not follow anchor {before['number']}."
            return


def _mark_problems(numbered: list[Anchor], mark: AuditMark | None) -> Iterator[str]:
    if not numbered:
        if mark:
            yield f"The file is missing or was emptied; {mark.number} anchors were written to it."
        return
    last = numbered[-1]
    if mark is None and last.get("file") == settings.AUDIT_INSTALLATION:
        yield "The database does not state how many anchors there are."
    elif mark and last["number"] < mark.number:
        yield f"Its end is missing: {mark.number} anchors were written, {last['number']} are there."
    elif (
        mark
        and last["number"] == mark.number
        and not head.is_signed_mark(
            mark.name, mark.number, last["signature"], mark.key_id, mark.mac
        )
    ):
        yield f"Anchor {mark.number} is not the one that the database states."


def _first_expected() -> int:
    """Return the number of the first anchor: 1, or the one after findings were accepted."""
    accepted = AuditEvent.objects.filter(verb=Verb.AUDIT_ACCEPTED).order_by("pk")
    data = accepted.values_list("data", flat=True).last() or {}
    starts: dict[str, int] = data.get("anchors_from", {})
    return max(1, starts.get(settings.AUDIT_INSTALLATION, 1))


def _last_unnumbered(found: list[Anchor]) -> str:
    signatures = [anchor["signature"] for anchor in found if "number" not in anchor]
    return str(signatures[-1]) if signatures else ""


def _stale(found: list[Anchor]) -> Iterator[str]:
    times = AuditEvent.objects.order_by("pk").values_list("at", flat=True)
    first, newest = times.first(), times.last()
    if first is None or newest is None:
        return
    at = _time_of(found[-1]) if found else first
    if at and newest - at > MAX_AGE:
        state = f"The last anchor is of {at:%Y-%m-%d %H:%M}" if found else "There is no anchor"
        yield f"{state}; the newest record is of {newest:%Y-%m-%d %H:%M} UTC."


def _time_of(anchor: Anchor) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(anchor["at"]))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _check_lines(
    report: VerificationReport, found: Iterable[Anchor], lost_keys: Collection[str]
) -> None:
    """Check that the last line at the time of each anchor still exists unchanged."""
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() or 0
    archived_to = max((last for last, _ in archive_boundaries()), default=0)
    for anchor in found:
        report.anchors += 1
        count, signature = anchor["count"], anchor["mac"]
        if anchor.get("key") in lost_keys:
            continue
        if not chain.verify_document(settings.AUDIT_KEYS, anchor):
            report.findings.append(Finding("anchor", f"anchor of {anchor['at']}", "Not signed."))
        elif count and not (count < first and count <= archived_to):
            line = AuditEvent.objects.filter(pk=count).values_list("signature", flat=True).first()
            if line is None and is_archived(count):
                continue
            if line != signature:
                change = "was replaced" if line else "is missing"
                text = (
                    f"The trail had {count} records on {anchor['at']}; the last of them {change}."
                )
                report.findings.append(Finding("cut", f"record {count}", text))
                return
        if report.is_full:
            return
