"""Code that migration 0019 needs, frozen: it must not change when the living code does."""

import hmac
import json
from collections.abc import Mapping


def signed_mark(
    keys: Mapping[str, bytes], name: str, number: int, text: str
) -> tuple[str, int, str, str]:
    """Return the columns of a mark: a number and the digest of a text, signed."""
    key_id, key = next(iter(keys.items()))
    content = json.dumps(["mark", name, number, text], sort_keys=True, separators=(",", ":"))
    return name, number, key_id, hmac.digest(key, content.encode(), "sha256").hex()
