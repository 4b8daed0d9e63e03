"""Record in the audit trail that settings changed since the last start.

Settings come from the environment, so a change is seen only when a process runs with it.
"""

from typing import Any

from django.conf import settings
from django.db import transaction

from actions.audit.siem.targets import shown
from actions.trail import chain, head, trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

PLAIN_SETTINGS = (
    *("OPSWAT_BASE_URL", "OPSWAT_ALLOWED_HOSTS", "OPSWAT_ACTION_VERSION", "OPSWAT_RATE_LIMIT"),
    *("OPSWAT_MAX_DEVICES", "OPSWAT_TIMEOUT", "OPSWAT_CLIENT_ID", "ENGINE_IN_FLIGHT"),
    *("ENGINE_RESERVE", "ENGINE_URGENT_WAIT", "ENGINE_VERIFY_AFTER", "AUDIT_KEEP_DAYS"),
    *("AUDIT_STREAM_CA", "ALLOWED_HOSTS", "HTTPS", "DEBUG", "SIMULATED"),
)
"""Settings that are recorded with their value."""

SECRET_SETTINGS = ("OPSWAT_CLIENT_SECRET", "SECRET_KEY", "AUDIT_STREAM_SECRET")
"""Settings of which only a keyed hash is recorded, which changes with the value."""


def record_changes() -> bool:
    """Record the settings that differ from the last record; return whether any does."""
    current = chain.normalize(_current())
    if current == _last():
        return False
    with transaction.atomic():
        head.lock()
        last = _last()
        names = current | last
        changed = sorted(name for name in names if current.get(name) != last.get(name))
        if changed:
            trail.record(
                trail.ENGINE,
                Verb.SETTINGS_CHANGED,
                subject_kind="settings",
                subject="console",
                before={name: last.get(name) for name in changed},
                after={name: current.get(name) for name in changed},
                whole=current,
            )
    return bool(changed)


def _last() -> dict[str, Any]:
    lines = AuditEvent.objects.filter(verb=Verb.SETTINGS_CHANGED).order_by("-pk")
    data = lines.values_list("data", flat=True).first() or {}
    last = dict(data.get("whole", {}))
    # Earlier versions recorded the whole address, which may hold a token.
    if "AUDIT_STREAM_TO" in last:
        last["AUDIT_STREAM_TO"] = [shown(text) for text in last["AUDIT_STREAM_TO"]]
    return last


def _current() -> dict[str, Any]:
    current: dict[str, Any] = {name: getattr(settings, name) for name in PLAIN_SETTINGS}
    key = next(iter(settings.AUDIT_KEYS.values()))
    for name in SECRET_SETTINGS:
        secret = str(getattr(settings, name))
        current[name] = chain.sign(key, f"{name}|{secret}".encode())[:16] if secret else ""
    current["AUDIT_STREAM_TO"] = [shown(text) for text in settings.AUDIT_STREAM_TO]
    return current | {"AUDIT_KEYS": list(settings.AUDIT_KEYS)}
