"""The chain of the trail: each line is signed together with the signature of the line before it.

HMAC-SHA-256 over canonical JSON. The keys come from a list outside the database: the first signs,
all verify, so that a new one can be put in front without breaking the old links. Along the chain
a key may only give way to one that stands before it in the list.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from actions.account import DEFAULT_ACCOUNT

GENESIS = "0" * 64
"""What stands before the first line."""

OWN = "own"
"""The id of the key that is derived from the installation's secret; it is always the last one."""

FIELDS = (
    *("id", "at", "user_id", "actor", "role", "source", "address", "request_id", "verb"),
    *("subject_kind", "subject", "reason", "ticket", "kind", "count", "call", "data"),
    *("key_id", "previous"),
)
"""All that a line says, in the order in which it is signed."""

LATER = {"detail": "", "account": DEFAULT_ACCOUNT}
"""Columns that came after the first signed lines, each with the value that is not signed.

A line that has nothing but these values is signed as it was before the columns were there.
"""

Keys = Mapping[str, bytes]

_ODD = re.compile(r"\\u0000|\\ud[89a-f]")
_SURROGATE = re.compile("[\x00\ud800-\udfff]")


def read_keys(pairs: Iterable[str], own_secret: str) -> dict[str, bytes]:
    """The keys by id, the signing one first; raises ValueError for a malformed list."""
    keys: dict[str, bytes] = {}
    for pair in pairs:
        name, colon, secret = pair.strip().partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9._-]{1,16}", name) or len(secret) < 32:
            raise ValueError("write id:secret, the secret with at least 32 characters")
        if name in keys or name == OWN:
            raise ValueError(f"the id {name} is taken")
        keys[name] = secret.encode()
    keys[OWN] = hashlib.sha256(f"audit-trail|{own_secret}".encode()).digest()
    return keys


def storable(text: str, most: int | None = None) -> str:
    """A text that both databases take and give back as it was."""
    return _SURROGATE.sub("\ufffd", text)[:most]


def normalize(data: Mapping[str, Any]) -> dict[str, Any]:
    """Details as both databases give them back: JSON's own types, no odd numbers or characters."""
    text = json.dumps(data, default=str)
    if _ODD.search(text):
        text = json.dumps(_clean(json.loads(text)))
    found: dict[str, Any] = json.loads(text, parse_float=_number, parse_constant=str)
    return found


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {storable(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return storable(value) if isinstance(value, str) else value


def _number(text: str) -> float | str:
    """A database may write very large and very small numbers in another way."""
    number = float(text)
    return number if 1e-4 <= abs(number) < 1e15 else text


def content(line: Mapping[str, Any]) -> bytes:
    """Return the bytes of a line that are signed; `line` has the columns by name."""
    later = {name: line[name] for name, unsigned in LATER.items() if line[name] != unsigned}
    values = [line[name] for name in FIELDS]
    return canonical([*values, later] if later else values)


def canonical(values: Iterable[Any]) -> bytes:
    """The values of FIELDS as the bytes that are signed."""
    return _ENCODER.encode(list(values)).encode()


def _utc(moment: datetime) -> str:
    moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


# Nothing in a line holds itself, so the encoder need not look for that.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=_utc, check_circular=False
)


def sign(key: bytes, content: bytes) -> str:
    """HMAC-SHA-256, as hexadecimal digits."""
    return hmac.digest(key, content, "sha256").hex()


def sign_document(keys: Keys, paper: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest or an anchor with the id of the signing key and its signature."""
    name = next(iter(keys))
    signed = {**paper, "key": name}
    return {**signed, "signature": sign(keys[name], _document(signed))}


def verify_document(keys: Keys, paper: Mapping[str, Any]) -> bool:
    """Whether one of our keys signed exactly this."""
    key = keys.get(str(paper.get("key")))
    signature = str(paper.get("signature"))
    content = {name: value for name, value in paper.items() if name != "signature"}
    return key is not None and hmac.compare_digest(sign(key, _document(content)), signature)


def _document(content: Mapping[str, Any]) -> bytes:
    return b"paper|" + json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def search_text(line: Mapping[str, Any]) -> str:
    """All that a free search looks at, in small letters."""
    verb, problems = str(line["verb"]), line["data"].get("problems")
    words = [line["actor"], verb, verb.replace(".", " ").replace("_", " "), line["subject"]]
    words += [line["reason"], line["ticket"], line["kind"], line["address"], line["request_id"]]
    if line.get("detail"):
        words.append(line["detail"])
    if problems:
        words.append(json.dumps(problems, ensure_ascii=False)[:1000])
    return "\n".join(words).lower()
