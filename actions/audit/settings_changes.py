"""Settings come from the environment; that they have changed is told as soon as it is seen."""

from typing import Any

from django.conf import settings
from django.db import transaction

from actions.trail import chain, trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

OPEN = (
    *("OPSWAT_BASE_URL", "OPSWAT_ALLOWED_HOSTS", "OPSWAT_ACTION_VERSION", "OPSWAT_RATE_LIMIT"),
    *("OPSWAT_MAX_DEVICES", "OPSWAT_TIMEOUT", "OPSWAT_CLIENT_ID", "ENGINE_IN_FLIGHT"),
    *("ENGINE_RESERVE", "ENGINE_URGENT_WAIT", "ENGINE_VERIFY_AFTER", "AUDIT_KEEP_DAYS"),
    *("AUDIT_STREAM_TO", "AUDIT_STREAM_CA", "ALLOWED_HOSTS", "HTTPS", "DEBUG", "SIMULATED"),
)
"""What is told as it stands."""

SECRET = ("OPSWAT_CLIENT_SECRET", "SECRET_KEY", "AUDIT_STREAM_SECRET")
"""Of these only a mark is told, which changes with them and tells nothing else."""


def watch() -> bool:
    """Tell what differs from what was told last; says whether anything did."""
    told = chain.normalize(_now())
    if told == _last():
        return False
    with transaction.atomic():
        trail.lock()
        last = _last()
        changed = sorted(name for name in told | last if told.get(name) != last.get(name))
        if changed:
            trail.record(
                trail.ENGINE,
                Verb.SETTINGS_CHANGED,
                subject_kind="settings",
                subject="console",
                before={name: last.get(name) for name in changed},
                after={name: told.get(name) for name in changed},
                whole=told,
            )
    return bool(changed)


def _last() -> dict[str, Any]:
    lines = AuditEvent.objects.filter(verb=Verb.SETTINGS_CHANGED).order_by("-pk")
    data = lines.values_list("data", flat=True).first() or {}
    return dict(data.get("whole", {}))


def _now() -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(settings, name) for name in OPEN}
    key = next(iter(settings.AUDIT_KEYS.values()))
    for name in SECRET:
        secret = str(getattr(settings, name))
        found[name] = chain.sign(key, f"{name}|{secret}".encode())[:16] if secret else ""
    return found | {"AUDIT_KEYS": list(settings.AUDIT_KEYS)}
