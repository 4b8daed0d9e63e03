"""Anchors: signed statements of the chain's length, kept where the database cannot reach them.

A trail whose last lines were deleted still is a valid chain. A copy of an anchor in a log, a file
or an export proves that there were more lines. The anchors of the file are numbered and linked, and
a mark in the database states how many there are, so that a cut file is found as well.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.utils.timezone import now

from actions.trail import chain, head
from actions.trail.verbs import Verb

log = logging.getLogger("audit.anchor")

ANCHORED = frozenset(
    verb
    for verb in Verb
    if verb in (Verb.AUDIT_ACCEPTED, Verb.AUDIT_ARCHIVED)
    or (
        verb.startswith(("person.", "sending.", "settings."))
        and not verb.endswith(("failed", "refused", ".locked"))
    )
)
"""Events after which an anchor is written. Strangers can cause none of them."""

_TAIL_BYTES = 16_384


MARK_PREFIX = "anchors "


def mark_name() -> str:
    """Return the name of the mark that states the anchors of this installation."""
    return MARK_PREFIX + settings.AUDIT_INSTALLATION


def make_anchor(**more: Any) -> dict[str, Any]:
    """Return a signed anchor: the number of lines now, and the signature of the last as `mac`."""
    count, signature = head.head()
    anchor = {"at": now().isoformat(timespec="seconds"), "count": count, "mac": signature, **more}
    return chain.sign_document(settings.AUDIT_KEYS, anchor)


def write_anchor() -> dict[str, Any]:
    """Write an anchor to the log and to the file beside the database."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(settings.AUDIT_ANCHORS_FILE, flags, 0o600), "ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Anchors are linked, so their writers take turns.
        last, mark = _last(file), head.find_mark(mark_name())
        number = max(last.get("number", 0), mark.number if mark else 0) + 1
        anchor = make_anchor(
            file=settings.AUDIT_INSTALLATION, number=number, before=last.get("signature", "")
        )
        text = json.dumps(anchor)
        file.write(f"{text}\n".encode())
        file.flush()
        head.set_mark(mark_name(), number, anchor["signature"])
    log.info("The trail stands at %s: %s", anchor["count"], text)
    return anchor


def keep_lost(anchor: dict[str, Any]) -> None:
    """Keep an anchor of lines that a restored database has lost, so that the check names them."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(settings.AUDIT_LOST_FILE, flags, 0o600), "a") as file:
        file.write(f"{json.dumps(anchor)}\n")


def _last(file: IO[bytes]) -> dict[str, Any]:
    """Return the last anchor of the file; a line that was not written to its end is closed."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.write(b"\n")
    found = map(_parsed, reversed(tail.decode(errors="replace").splitlines()))
    return next((anchor for anchor in found if anchor), {})


def read_anchors(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the anchors of a file of JSON or log lines; lines without an anchor are skipped."""
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from filter(None, map(_parsed, file))


def _parsed(line: str) -> dict[str, Any] | None:
    for start in (line.find('{"at"'), line.find('{\\"at\\"')):
        text = line[start:] if start >= 0 else ""
        if '\\"' in text:
            text = text.replace('\\"', '"')
        try:
            anchor = json.JSONDecoder().raw_decode(text)[0]
        except ValueError:
            continue
        if isinstance(anchor, dict) and {"at", "count", "mac", "signature"} <= set(anchor):
            return anchor
    return None
