"""The chain of the trail: each line is signed together with the signature of the line before it.

The signature is HMAC-SHA-256 over canonical JSON. The keys come from a list outside the database:
the first key signs, all keys verify, so a new key in front does not break the older links. Along
the chain, a key may only be followed by itself or by a key that comes before it in the list.
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from actions.account import DEFAULT_ACCOUNT

GENESIS = "0" * 64
"""The previous signature of the first line."""

FIELDS = (
    *("id", "at", "user_id", "actor", "role", "source", "address", "request_id", "verb"),
    *("subject_kind", "subject", "reason", "ticket", "kind", "count", "call", "data"),
    *("key_id", "previous"),
)
"""The columns of a line that are signed, in the order in which they are signed."""

LATER: dict[str, Any] = {
    "detail": "",
    "account": DEFAULT_ACCOUNT,
    "on_behalf_of": "",
    "host": "",
    "terminal": "",
}
"""Columns added after the first lines were signed, each with its value that is not signed.

A line in which all of them have these values is signed as if the columns did not exist.
"""

Keys = Mapping[str, bytes]

_ODD = re.compile(r"\\u0000|\\ud[89a-f]")
_SURROGATE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str, limit: int | None = None) -> str:
    """Return the text as both databases can store it, cut to `limit` characters.

    NUL characters and lone surrogates are replaced.
    """
    return _SURROGATE.sub("\ufffd", text)[:limit]


def normalize(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data as both databases return it after storing it, so that its signature holds.

    It has only JSON types, no numbers that a database rewrites and no characters it cannot store.
    """
    text = json.dumps(data, default=str)
    if _ODD.search(text):
        text = json.dumps(_clean(json.loads(text)))
    normal: dict[str, Any] = json.loads(text, parse_float=_number, parse_constant=str)
    return normal


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {storable(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return storable(value) if isinstance(value, str) else value


def _number(text: str) -> float | str:
    """Return the number, or its text if a database may store it in another notation."""
    number = float(text)
    return number if 1e-4 <= abs(number) < 1e15 else text


def content(line: Mapping[str, Any]) -> bytes:
    """Return the bytes of a line that are signed; `line` has the columns by name."""
    later = {name: line[name] for name, unsigned in LATER.items() if line[name] != unsigned}
    values = [line[name] for name in FIELDS]
    return canonical([*values, later] if later else values)


def canonical(values: Iterable[Any]) -> bytes:
    """Return values as the bytes that are signed."""
    return _ENCODER.encode(list(values)).encode()


def _utc(at: datetime) -> str:
    at = at if at.tzinfo is UTC else at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")


# Lines contain no reference cycles, so the encoder need not check for them.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=_utc, check_circular=False
)


def sign(key: bytes, content: bytes) -> str:
    """Return the HMAC-SHA-256 as hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def sign_document(keys: Keys, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest or an anchor with the id of the signing key and its signature."""
    key_id = next(iter(keys))
    signed = {**document, "key": key_id}
    return {**signed, "signature": sign(keys[key_id], _document(signed))}


def verify_document(keys: Keys, document: Mapping[str, Any]) -> bool:
    """Return whether one of our keys signed exactly this document."""
    key = keys.get(str(document.get("key")))
    signature = str(document.get("signature"))
    signed = {name: value for name, value in document.items() if name != "signature"}
    return key is not None and hmac.compare_digest(sign(key, _document(signed)), signature)


def _document(content: Mapping[str, Any]) -> bytes:
    # Anchors and manifests that exist are signed with this prefix.
    return b"paper|" + json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def search_text(line: Mapping[str, Any]) -> str:
    """Return the lower-case text that a free search of the trail searches in.

    The check of the chain compares it with the stored one, so its form must not change.
    """
    verb, problems = str(line["verb"]), line["data"].get("problems")
    parts = [line["actor"], verb, verb.replace(".", " ").replace("_", " "), line["subject"]]
    parts += [line["reason"], line["ticket"], line["kind"], line["address"], line["request_id"]]
    later = [line.get(name) for name in ("detail", "on_behalf_of", "host", "terminal")]
    parts += [text for text in later if text]
    if problems:
        parts.append(json.dumps(problems, ensure_ascii=False)[:1000])
    return "\n".join(parts).lower()
