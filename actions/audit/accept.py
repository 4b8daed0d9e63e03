"""Accept what a check found: the keys, the end of the trail and the anchors as they are now."""

from django.db import transaction

from actions.actor import Actor
from actions.audit.verify import verify
from actions.trail import anchors, fingerprints, head, key_marks, trail
from actions.trail.models import AuditEvent, AuditMark
from actions.trail.verbs import Verb

MAX_NAMED = 20
"""Findings that the line names; it also states their number."""


def accept(actor: Actor, reason: str) -> AuditEvent:
    """Record the present findings with a reason, and let the trail go on from here.

    Lines that were altered or cannot be checked stay findings; only the marks are replaced.
    """
    findings = verify().findings
    with transaction.atomic():
        head.lock()
        key_marks.accept(head.head()[0] + 1)
        fingerprints.accept()
        marks = AuditMark.objects.filter(name__startswith=anchors.MARK_PREFIX)
        starts = {mark.name.removeprefix(anchors.MARK_PREFIX): mark.number + 1 for mark in marks}
        event = trail.record(
            actor,
            Verb.AUDIT_ACCEPTED,
            subject_kind="audit",
            subject="trail",
            reason=reason,
            found=[str(finding) for finding in findings[:MAX_NAMED]],
            found_count=len(findings),
            anchors_from=starts,
        )
        head.set_mark(head.HEAD, event.pk, event.signature)
    return event
