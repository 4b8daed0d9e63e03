"""Keep the vendor's answers on disk until they are stored.

Each answer is a file of the data folder from the moment it came until the database has it, so that
neither a database that is away nor a killed worker loses it. A dispatcher tries to store its own
answer until the lease of the call ends; what it leaves behind is stored by the next sweep on this
host. A token is never written to disk. Files are signed, because a file is code when it is read.
"""

import hashlib
import hmac
import logging
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from actions.dispatch.claims import Claim
from actions.dispatch.work import WORKS
from actions.opswat.client import Answer
from actions.opswat.errors import VendorError
from actions.ratelimit.models import VendorCall

log = logging.getLogger(__name__)

Outcome = Answer[Any] | VendorError

KEPT_FOR = timedelta(days=1)
"""How long an answer that cannot be stored is kept."""

_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer with what names its call; a number alone may be another call's after a restore."""

    call: int
    claimed_at: datetime
    work: str
    payload: Any
    outcome: Outcome


@sensitive_variables("outcome")
def keep(taken: Claim, outcome: Outcome) -> Path | None:
    """Write an answer to disk, whole or not at all; None if it is a token or cannot be written."""
    if settings.ANSWERS_DIR is None or taken.work is None:
        return None
    call = taken.call
    kept = _Kept(call.pk, call.claimed_at, _name(taken.work), taken.payload, outcome)
    path = Path(settings.ANSWERS_DIR) / f"{call.pk}-{call.claimed_at:%Y%m%dT%H%M%S%f}"
    try:
        data = pickle.dumps(kept)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".")  # With mode 0600.
        with os.fdopen(handle, "wb") as file:
            file.write(_mac(data) + data)
        Path(draft).replace(path)
    except Exception as error:  # noqa: BLE001  # The answer is stored without it, if it can be.
        log.error("The answer of call %s is not on disk: %s", call.pk, type(error).__name__)
        return None
    return path


def drop(path: Path | None) -> None:
    """Remove the file of an answer that was stored."""
    if path is not None:
        path.unlink(missing_ok=True)


def store_kept(store: Callable[[Claim, Outcome], None]) -> int:
    """Store the answers that dispatchers of this host left behind; return how many were stored."""
    if settings.ANSWERS_DIR is None:
        return 0
    return sum(_store(path, store) for path in sorted(Path(settings.ANSWERS_DIR).glob("*")))


def _store(path: Path, store: Callable[[Claim, Outcome], None]) -> bool:
    try:
        if path.name.startswith(".") or (kept := _read(path)) is None:
            _expire(path)
            return False
        call = VendorCall.objects.filter(pk=kept.call, claimed_at=kept.claimed_at).first()
        work = next((each for each in WORKS if _name(each) == kept.work), None)
        if call is None or work is None:
            _expire(path)
            return False
        store(Claim(call, work=work, payload=kept.payload), kept.outcome)
    except Exception as error:  # noqa: BLE001  # The next sweep tries again.
        log.error("The answer %s cannot be stored now: %s", path.name, type(error).__name__)
        _expire(path)
        return False
    drop(path)
    return True


def _read(path: Path) -> _Kept | None:
    """Return a whole answer that a process of this installation wrote; None for anything else."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # Its own dispatcher has stored it meanwhile.
        return None
    mac, data = content[:_DIGEST], content[_DIGEST:]
    if not hmac.compare_digest(mac, _mac(data)):
        return None
    found = pickle.loads(data)  # noqa: S301  # Signed by us, in a folder that only we can reach.
    return found if isinstance(found, _Kept) else None


def _expire(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > KEPT_FOR.total_seconds():
            path.unlink()
            log.error("The answer %s could not be stored for a day: it was removed.", path.name)


def _mac(data: bytes) -> bytes:
    key = hashlib.sha256(b"answers" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, data, "sha256")


def _name(work: object) -> str:
    return type(work).__name__
