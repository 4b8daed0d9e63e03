"""Stream the trail to other systems: in order, at least once, and without delaying its writers.

Lines are sent in the order of the chain, starting after the last one that the target acknowledged;
after an outage, these are all lines written since. A lease keeps two workers from sending the same
batch.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from actions.audit.jobs import line_of
from actions.audit.models import AuditStream
from actions.audit.siem import syslog, webhook
from actions.audit.siem.errors import DeliveryFailed
from actions.audit.siem.targets import Target, parse_target
from actions.trail.models import AuditEvent

log = logging.getLogger(__name__)

BATCH = 200
MAX_SECONDS = 20.0
"""Time that one worker spends on one target before it turns to the next."""

LEASE = timedelta(seconds=60)


def send_pending() -> int:
    """Send the pending lines to every target of AUDIT_STREAM_TO; return how many were sent."""
    targets = [parse_target(text) for text in settings.AUDIT_STREAM_TO]
    _rename(targets)
    return sum(_send_to(target) for target in targets)


def _rename(targets: list[Target]) -> None:
    """Let a target go on where it was under another name.

    The name of a webhook changes with SECRET_KEY. One whose path has changed, as with a new token,
    goes on where its host was.
    """
    for target in targets:
        now_named, *former_names = (name[:255] for name in target.names)
        if not AuditStream.objects.filter(target=now_named).exists():
            same = AuditStream.objects.filter(target__in=former_names).order_by("-last_id").first()
            if same:
                AuditStream.objects.filter(pk=same.pk).update(target=now_named)
    names = {str(target)[:255] for target in targets}
    for target in targets:
        name = str(target)[:255]
        if AuditStream.objects.filter(target=name).exists():
            continue
        former = AuditStream.objects.exclude(target__in=names).order_by("pk")
        same_host = Q(target=target.base) | Q(target__startswith=f"{target.base} (")
        if stream := former.filter(same_host).first():
            AuditStream.objects.filter(pk=stream.pk, target=stream.target).update(target=name)


def _send_to(target: Target) -> int:
    stream, _ = AuditStream.objects.get_or_create(target=str(target)[:255])
    free = Q(lease_until=None) | Q(lease_until__lt=now())
    if not AuditStream.objects.filter(free, pk=stream.pk).update(lease_until=now() + LEASE):
        return 0
    stream.refresh_from_db()
    start, sent, end = stream.last_id, 0, time.monotonic() + MAX_SECONDS
    try:
        while time.monotonic() < end and (events := _pending(stream.last_id)):
            _send_batch(target, events)
            sent += len(events)
            stream.last_id = events[-1].pk
            AuditStream.objects.filter(pk=stream.pk).update(
                last_id=stream.last_id, sent_at=now(), last_error="", lease_until=now() + LEASE
            )
    except DeliveryFailed as error:
        log.warning("The trail is not streamed beyond record %s: %s", stream.last_id, error)
        AuditStream.objects.filter(pk=stream.pk).update(last_error=str(error)[:500])
    finally:
        AuditStream.objects.filter(pk=stream.pk).update(lease_until=None)
    return stream.last_id - start and sent


def _pending(last: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(pk__gt=last).order_by("pk")[:BATCH])


def _send_batch(target: Target, events: list[AuditEvent]) -> None:
    lines = [line_of(event) for event in events]
    if target.scheme.startswith("syslog"):
        syslog.send(target, lines, settings.AUDIT_STREAM_CA)
    else:
        webhook.send(target, lines, settings.AUDIT_STREAM_SECRET, settings.AUDIT_STREAM_CA)
