"""Fingerprints of what all hosts of one database must have alike: SECRET_KEY and the storage.

The first start stores them. A host with another SECRET_KEY ends the sessions of the others and
cannot read the vendor's token; one with another storage cannot find their logs and exports. The
storage is known by a marker, a file with a random text. The keys of the trail: see key_marks.
"""

import hmac
from secrets import token_hex

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction

from actions.trail import head, key_marks
from actions.trail.models import Fingerprint

SECRET_KEY, STORAGE = "SECRET_KEY", "storage"

MARKER = "storage-marker"
"""Name of the marker in the storage of agent logs and exports."""

_ACCEPT = "If it is lost for good, run: manage.py audit_accept --reason …"


@transaction.atomic
def problems() -> list[str]:
    """Return what differs from what the database remembers; store what it does not know yet.

    After SECRET_KEY was changed, the fingerprint of a key in SECRET_KEY_FALLBACKS is replaced.
    """
    head.lock()
    known = dict(Fingerprint.objects.values_list("name", "value"))
    found = [key_marks.problem() or "", _secret_key(known), _storage(known)]
    return [text for text in found if text]


def accept() -> None:
    """Store the fingerprints of this host in place of the known ones; a person decided so."""
    Fingerprint.objects.all().delete()
    problems()


def _secret_key(known: dict[str, str]) -> str:
    own = _digest(str(settings.SECRET_KEY))
    stored = known.get(SECRET_KEY)
    if stored == own:
        return ""
    if stored is not None and stored not in [
        _digest(str(key)) for key in settings.SECRET_KEY_FALLBACKS
    ]:
        return (
            "SECRET_KEY differs from the one that this database was used with. Set the same "
            "SECRET_KEY on all hosts, or restore the file secret_key in DATA_DIR. To change it, "
            f"put the former one into SECRET_KEY_FALLBACKS. {_ACCEPT}"
        )
    _store(SECRET_KEY, own)
    return ""


def _storage(known: dict[str, str]) -> str:
    try:
        own = _marker()
        if not own and STORAGE not in known:
            own = token_hex(16)
            storages["agent_logs"].save(MARKER, ContentFile(own.encode()))
    except Exception as error:  # noqa: BLE001  # Each storage has errors of its own.
        return f"AGENT_LOG_STORAGE cannot be used ({type(error).__name__})."
    if own == known.get(STORAGE):
        return ""
    if STORAGE in known:
        return (
            "The storage of agent logs and exports is not shared: it is not the one that this "
            "database was used with. Set the same AGENT_LOG_STORAGE on all hosts, to a folder or "
            f"bucket that all of them reach. {_ACCEPT}"
        )
    _store(STORAGE, own)
    return ""


def _marker() -> str:
    storage = storages["agent_logs"]
    if not storage.exists(MARKER):
        return ""
    with storage.open(MARKER) as file:
        return bytes(file.read(64)).decode("ascii", errors="replace").strip()


def _store(name: str, value: str) -> None:
    Fingerprint.objects.update_or_create(name=name, defaults={"value": value})


def _digest(key: str) -> str:
    return hmac.digest(key.encode(), b"fingerprint of SECRET_KEY", "sha256").hex()
