"""Notices that the database is older than the world: that somebody restored a backup.

The number of the latest vendor call is noted outside of the database too: in the data folder of
each host that sends, and in Redis. It is noted after the call's row is committed and before the
call is made. A database that does not know a noted call has lost what happened since: commands
that it calls queued may have been sent. An anchor of the trail is noted with it, so that the check
of the trail names the cut.
"""

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from django.conf import settings
from django.db.models import Max
from redis.backoff import NoBackoff
from redis.retry import Retry

from actions.ratelimit.models import VendorAccount, VendorCall
from actions.trail import anchors

log = logging.getLogger(__name__)

REDIS_KEY = "console:epoch"


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was noted outside: the database's epoch, and the number of its latest call."""

    name: str
    call: int
    anchor: dict[str, Any] = field(default_factory=dict)


def problem(account: VendorAccount) -> str:
    """Return why the database may be older than the world, or an empty text.

    Call it under the account's lock, before a claim. Gives the database an epoch if it has none
    and nothing is noted.
    """
    if settings.EPOCH_FILE is None:
        return ""
    noted = _read_file()
    last = VendorCall.objects.aggregate(last=Max("pk"))["last"] or 0
    if noted is not None and noted.name in account.former_epochs:
        _write_file(Epoch(account.epoch, last, anchors.make_anchor()))
        return ""  # A person has decided about it, on another host.
    if noted is not None:
        return _difference(account, noted, last)
    if not account.epoch:
        begin(account, last)
        return ""
    shared = _read_redis()
    if shared is None or _difference(account, shared, last):
        return "Nothing on this host, nor in Redis, tells which calls this database must know."
    _write_file(shared)
    return ""


def note(account: VendorAccount, call: int) -> None:
    """Note a call outside of the database, before it is made."""
    if settings.EPOCH_FILE is None:
        return
    epoch = Epoch(account.epoch, call, anchors.make_anchor())
    noted = _read_file()
    if noted and noted.name == epoch.name and noted.call > call:
        return  # Another process of this host has made a later call meanwhile.
    try:
        _write_file(epoch)
    except OSError as error:
        log.error("The latest call cannot be noted in DATA_DIR: %s", error.strerror)
    _write_redis(epoch)


def begin(account: VendorAccount, last: int | None = None) -> None:
    """Begin a new epoch: a person has decided that sending goes on with this database."""
    if settings.EPOCH_FILE is None:
        return
    if last is None:
        last = VendorCall.objects.aggregate(last=Max("pk"))["last"] or 0
    noted = _read_file()
    if noted and noted.anchor:
        anchors.keep_lost(noted.anchor)
    former = {account.epoch, *([noted.name] if noted else []), *account.former_epochs} - {""}
    account.former_epochs, account.epoch = sorted(former), uuid4().hex
    account.save(update_fields=["epoch", "former_epochs"])
    note(account, last)


def _difference(account: VendorAccount, noted: Epoch, last: int) -> str:
    if noted.name != account.epoch:
        return f"This is another database: call {noted.call} was made with the one before."
    if noted.call > last:
        return f"Vendor call {noted.call} was made, and this database ends at call {last}."
    return ""


def _read_file() -> Epoch | None:
    path = Path(settings.EPOCH_FILE or os.devnull)
    try:
        return _parse(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None


def _parse(text: str) -> Epoch | None:
    """Return what was noted, or None for anything else: a damaged note is none."""
    try:
        found: dict[str, Any] = json.loads(text)
        return Epoch(str(found["name"]), int(found["call"]), dict(found.get("anchor") or {}))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _write_file(epoch: Epoch) -> None:
    """Replace the file as a whole; it is on disk before the call is made."""
    path = Path(settings.EPOCH_FILE or os.devnull)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix="epoch.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(asdict(epoch), file)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise


def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )


def _read_redis() -> Epoch | None:
    try:
        with _client() as client:
            found = client.get(REDIS_KEY)
    except redis.RedisError:
        return None
    return _parse(found.decode(errors="replace")) if isinstance(found, bytes) else None


def _write_redis(epoch: Epoch) -> None:
    try:
        with _client() as client:
            client.set(REDIS_KEY, json.dumps(asdict(epoch)))
    except redis.RedisError:
        return  # The file is the safe place; Redis only helps a host that has no file yet.
