"""Send the trail to other systems: in order, at least once, and never in the writer's way.

Lines go out in the order of the chain, from the last one that the target acknowledged; after an
outage that is all that was written since. A lease keeps two workers from sending the same batch.
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
from actions.audit.siem.targets import Target, read_target
from actions.trail.models import AuditEvent

log = logging.getLogger(__name__)

BATCH = 200
MAX_SECONDS = 20.0
"""How long one worker goes on with one target."""

LEASE = timedelta(seconds=60)


def ship() -> int:
    """Send what waits to every target of the settings; returns how many lines went out."""
    return sum(_ship_to(read_target(text)) for text in settings.AUDIT_STREAM_TO)


def _ship_to(target: Target) -> int:
    stream, _ = AuditStream.objects.get_or_create(target=str(target)[:255])
    free = Q(lease_until=None) | Q(lease_until__lt=now())
    if not AuditStream.objects.filter(free, pk=stream.pk).update(lease_until=now() + LEASE):
        return 0
    stream.refresh_from_db()
    begun, sent, end = stream.last_id, 0, time.monotonic() + MAX_SECONDS
    try:
        while time.monotonic() < end and (events := _waiting(stream.last_id)):
            _send(target, events)
            sent += len(events)
            stream.last_id = events[-1].pk
            AuditStream.objects.filter(pk=stream.pk).update(
                last_id=stream.last_id, sent_at=now(), last_error="", lease_until=now() + LEASE
            )
    except DeliveryFailed as trouble:
        log.warning("The trail is not shipped beyond record %s: %s", stream.last_id, trouble)
        AuditStream.objects.filter(pk=stream.pk).update(last_error=str(trouble)[:500])
    finally:
        AuditStream.objects.filter(pk=stream.pk).update(lease_until=None)
    return stream.last_id - begun and sent


def _waiting(last: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(pk__gt=last).order_by("pk")[:BATCH])


def _send(target: Target, events: list[AuditEvent]) -> None:
    lines = [line_of(event) for event in events]
    if target.scheme.startswith("syslog"):
        syslog.ship(target, lines, settings.AUDIT_STREAM_CA)
    else:
        webhook.ship(target, lines, settings.AUDIT_STREAM_SECRET, settings.AUDIT_STREAM_CA)
