"""Code that migration 0016 needs, frozen: it must not change when the living code does."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any


def content_digest(
    kind: str, params: dict[str, Any], addressing: str, targets: Sequence[str]
) -> str:
    """Return the SHA-256 of the content of a request, as 64 hexadecimal digits."""
    content = json.dumps([kind, params, addressing, list(targets)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
