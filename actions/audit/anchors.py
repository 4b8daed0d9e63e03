"""Anchors: how long the chain was at a moment, told to places that the database does not reach.

A cut tail leaves a chain that is whole. Whoever keeps the log stream, the file or an export can
prove that there was more.
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
    """The head of the chain at this moment: how many lines, and the signature of the last."""
    count, mac = trail.head()
    paper = {"at": now().isoformat(timespec="seconds"), "count": count, "mac": mac}
    return chain.sign_document(settings.AUDIT_KEYS, paper)


def write_anchor() -> dict[str, Any]:
    """Write an anchor to the log stream and to the file beside the database."""
    anchor = make_anchor()
    text = json.dumps(anchor)
    log.info("The trail stands at %s: %s", anchor["count"], text)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(settings.AUDIT_ANCHORS_FILE, flags, 0o600), "a") as file:
        file.write(text + "\n")
    return anchor


def read_anchors(path: Path) -> Iterator[dict[str, Any]]:
    """The anchors of a file: lines of JSON, or log lines that carry one; others are skipped."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            for begin in (line.find('{"at"'), line.find('{\\"at\\"')):
                text = line[begin:] if begin >= 0 else ""
                if '\\"' in text:
                    text = text.replace('\\"', '"')
                try:
                    anchor = json.JSONDecoder().raw_decode(text)[0]
                except ValueError:
                    continue
                if isinstance(anchor, dict) and {"count", "mac", "signature"} <= set(anchor):
                    yield anchor
                    break
