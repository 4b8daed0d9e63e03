"""Reads the access token, and encrypts it for storage."""

import base64
import binascii
import math
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from actions.opswat.redaction import Secret

FALLBACK_LIFETIME = 600.0
"""Lifetime in seconds of a token whose lifetime the vendor does not send (*assumed*)."""

SHORTEST_LIFETIME, LONGEST_LIFETIME = 60.0, 86_400.0
"""Bounds of a lifetime in seconds. A token that ends earlier is refused with 401 and renewed."""

_AAD = b"opswat-token"
_VERSION = "v1."
_NONCE_BYTES = 12
_KEY_BYTES = 32
_MAX_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its lifetime in seconds, counted from the answer, a day at most."""

    value: str = field(repr=False)
    expires_in: float


def read_token(body: object) -> Token | None:
    """Return the token of a parsed answer of the token endpoint, or None.

    It does not raise, so that no traceback contains the answer. The fields
    `access_token` and `expires_in` (seconds) are those that public clients rely on.
    """
    fields = body if isinstance(body, dict) else {}
    value = fields.get("access_token")
    if not isinstance(value, str) or not is_token(value):
        return None
    return Token(value, _read_lifetime(fields.get("expires_in")))


def is_token(value: object) -> bool:
    """Return whether a value can be a token: visible ASCII without blanks, of limited length."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TOKEN:
        return False
    return value.isascii() and value.isprintable() and " " not in value


def encrypt(value: str, key: bytes) -> str:
    """Encrypt a token for storage; `key` has 32 bytes. Raises ValueError for any other key.

    The result is text that only `decrypt` can read, and a change of it is detected.
    """
    secret_value, secret_key = Secret(value), Secret(key)
    del value, key
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = _cipher(secret_key).encrypt(nonce, _to_bytes(secret_value), _AAD)
    return _VERSION + base64.urlsafe_b64encode(nonce + ciphertext).decode("ascii")


def decrypt(text: str, key: bytes) -> str:
    """Decrypt the result of `encrypt`; raises ValueError if it was changed or has another key."""
    secret_key = Secret(key)
    del key
    plaintext = _open(text, _cipher(secret_key))
    if plaintext is None:
        raise ValueError("The stored token cannot be read: it was altered, or the key is wrong.")
    return plaintext.reveal()


def _cipher(key: Secret[bytes]) -> AESGCM:
    if len(key.reveal()) != _KEY_BYTES:
        raise ValueError(f"The key that encrypts tokens must have {_KEY_BYTES} bytes.")
    return AESGCM(key.reveal())


def _to_bytes(value: Secret[str]) -> bytes:
    # An encoding error would contain the whole token, so surrogates are passed through.
    return value.reveal().encode("utf-8", "surrogatepass")


def _open(text: str, cipher: AESGCM) -> Secret[str] | None:
    if not text.startswith(_VERSION):
        return None
    try:
        packed = base64.b64decode(text.removeprefix(_VERSION), altchars=b"-_", validate=True)
        plaintext = cipher.decrypt(packed[:_NONCE_BYTES], packed[_NONCE_BYTES:], _AAD)
        return Secret(plaintext.decode("utf-8", "surrogatepass"))
    except (InvalidTag, binascii.Error, ValueError):
        return None


def _read_lifetime(value: object) -> float:
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    usable = math.isfinite(seconds) and seconds > 0 and not isinstance(value, bool)
    if not usable:
        return FALLBACK_LIFETIME
    return min(max(seconds, SHORTEST_LIFETIME), LONGEST_LIFETIME)
