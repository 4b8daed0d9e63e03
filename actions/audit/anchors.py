"""Anchors: signed statements of the chain's length, kept where the database cannot reach them.

A trail whose last lines were deleted still is a valid chain. A copy of an anchor in a log, a file
or an export proves that there were more lines.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from actions.trail import chain, trail

log = logging.getLogger("audit.anchor")


def make_anchor() -> dict[str, Any]:
    """Return a signed anchor: the number of lines now, and the signature of the last as `mac`."""
    count, signature = trail.head()
    anchor = {"at": now().isoformat(timespec="seconds"), "count": count, "mac": signature}
    return chain.sign_document(settings.AUDIT_KEYS, anchor)


def write_anchor() -> dict[str, Any]:
    """Write an anchor to the log and to the file beside the database."""
    anchor = make_anchor()
    text = json.dumps(anchor)
    log.info("The trail stands at %s: %s", anchor["count"], text)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(settings.AUDIT_ANCHORS_FILE, flags, 0o600), "a") as file:
        file.write(text + "\n")
    return anchor


def read_anchors(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the anchors of a file of JSON or log lines; lines without an anchor are skipped."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            for start in (line.find('{"at"'), line.find('{\\"at\\"')):
                text = line[start:] if start >= 0 else ""
                if '\\"' in text:
                    text = text.replace('\\"', '"')
                try:
                    anchor = json.JSONDecoder().raw_decode(text)[0]
                except ValueError:
                    continue
                if isinstance(anchor, dict) and {"count", "mac", "signature"} <= set(anchor):
                    yield anchor
                    break
