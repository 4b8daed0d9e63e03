"""The keys that sign the trail: from AUDIT_KEYS, and from the key file of this installation.

The settings import this module, so it imports nothing of Django. The first key signs, all keys
verify. A file `audit_keys` in the data folder holds the key that an installation made for itself,
one `id secret` a line, the secret as hexadecimal digits.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

DERIVED = "own"
"""Id of the key that earlier versions derived from SECRET_KEY; it only verifies old lines."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,16}")


def read_keys(pairs: Iterable[str], own: Mapping[str, bytes]) -> dict[str, bytes]:
    """Parse the `id:secret` pairs of AUDIT_KEYS, and append the keys of the key file.

    Raises ValueError for a malformed list.
    """
    keys: dict[str, bytes] = {}
    for pair in pairs:
        name, colon, secret = pair.strip().partition(":")
        if not colon or not _ID.fullmatch(name) or len(secret) < 32:
            raise ValueError("write id:secret, the secret with at least 32 characters")
        if name in keys or name == DERIVED:
            raise ValueError(f"the id {name} is used twice or reserved")
        keys[name] = secret.encode()
    return keys | {name: key for name, key in own.items() if name not in keys}


def new_key_file(former_secret: str = "") -> str:
    """Return the content of a new key file, with the key that `former_secret` led to, if given."""
    lines = [f"key-{secrets.token_hex(4)} {secrets.token_hex(32)}"]
    if former_secret:
        lines.append(f"{DERIVED} {derived_key(former_secret).hex()}")
    return "\n".join(lines) + "\n"


def derived_key(secret: str) -> bytes:
    """Return the key that earlier versions derived from SECRET_KEY."""
    return hashlib.sha256(f"audit-trail|{secret}".encode()).digest()


def read_key_file(path: Path) -> dict[str, bytes]:
    """Return the keys of a key file by id; raises ValueError for a malformed file."""
    keys: dict[str, bytes] = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, digits = line.strip().partition(" ")
        if not _ID.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{64}", digits) or name in keys:
            raise ValueError("it is damaged; restore it from a backup")
        keys[name] = bytes.fromhex(digits)
    if not keys:
        raise ValueError("it is empty; restore it from a backup")
    return keys
