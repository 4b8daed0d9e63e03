"""Code that migration 0009 needs, frozen: it must not change when the living code does."""

import hmac
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

GENESIS = "0" * 64
TABLES = ("actions_auditevent", "actions_auditdevice")
SEARCH_INDEX = "actions_auditwords"

_REFUSAL = "The audit trail is append-only."
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


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that do not exist yet."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION actions_audit_refuse() RETURNS trigger LANGUAGE "
                f"plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
            )
        for statement in [text for _, text in _triggers(connection.vendor)]:
            cursor.execute(statement)


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers: only for an archive, or where a test empties its database."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in trigger_names(connection.vendor, table):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def trigger_names(vendor: str, table: str) -> list[str]:
    """Return the names of the triggers of a table."""
    last = "truncate" if vendor == "postgresql" else "replace"
    return [f"{table[8:]}_no_{operation}" for operation in ("update", "delete", last)]


def _triggers(vendor: str) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        for name in trigger_names(vendor, table):
            operation = name.rsplit("_", 1)[1].upper()
            if vendor == "postgresql":
                yield (
                    name,
                    (
                        f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} "
                        "FOR EACH STATEMENT EXECUTE FUNCTION actions_audit_refuse()"
                    ),
                )
                continue
            event, when = operation, ""
            if operation == "REPLACE":
                event = "INSERT"
                when = f" WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
            yield (
                name,
                (
                    f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON {table}{when} "
                    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                ),
            )


def create_search_index(connection: BaseDatabaseWrapper) -> None:
    """Create the trigram index of the search text, if the database has trigrams."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {SEARCH_INDEX} ON actions_auditevent "
                    "USING gin (search_text gin_trgm_ops)"
                )
                return
            cursor.execute(
                f"CREATE VIRTUAL TABLE {SEARCH_INDEX} USING "
                "fts5(words, content='', detail='none', tokenize='trigram')"
            )
            cursor.execute(
                "CREATE TRIGGER auditevent_words AFTER INSERT ON actions_auditevent BEGIN "  # noqa: S608
                f"INSERT INTO {SEARCH_INDEX} (rowid, words) "
                "VALUES (NEW.id, NEW.search_text); END"
            )
            cursor.execute(
                f"INSERT INTO {SEARCH_INDEX} (rowid, words) SELECT id, search_text "  # noqa: S608
                "FROM actions_auditevent"
            )
    except DatabaseError:
        return


def drop_search_index(connection: BaseDatabaseWrapper) -> None:
    """Drop the trigram index."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX IF EXISTS {SEARCH_INDEX}")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS auditevent_words")
            cursor.execute(f"DROP TABLE IF EXISTS {SEARCH_INDEX}")


_ALIKE = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd`\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "-"),
}
_SIGNS = str.maketrans(_ALIKE)
# Format characters (zero-width and bidirectional), variation selectors and other ignorable marks.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def plain_signs(text: str) -> str:
    """Return a text with ASCII dashes, apostrophes, blanks and digits, without invisible marks."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_SIGNS))


_HEX = "[0-9a-f]"
_NOTATIONS = re.compile(
    f"(?:0x)?(?:{_HEX}{{12}}"
    f"|{_HEX}{{2}}([-:. ])(?:{_HEX}{{2}}\\1){{4}}{_HEX}{{2}}"
    f"|{_HEX}{{4}}([-:. ]){_HEX}{{4}}\\2{_HEX}{{4}}"
    f"|{_HEX}{{6}}[-:. ]{_HEX}{{6}})",
    re.ASCII | re.IGNORECASE,
)
_NO_SEPARATORS = str.maketrans("", "", "-:. ")


def normalise_mac(text: str) -> str | None:
    """Return the address as "AA:BB:CC:DD:EE:FF", or None if the text is not a MAC address.

    Accepts twelve hexadecimal digits in either case, alone or in groups of 2, 4 or 6 between which
    one of - : . or a blank stands, with or without 0x before them. The result has the notation of
    the example in Device Action v3.1.
    """
    plain = text.strip() if text.isascii() else plain_signs(text).strip()
    if not 12 <= len(plain) <= 19 or not _NOTATIONS.fullmatch(plain):
        return None
    if len(plain) == 17 and plain[2] == ":":
        return plain.upper()
    return _stored(plain.lower().removeprefix("0x"))


def _stored(text: str) -> str:
    digits = text.translate(_NO_SEPARATORS).upper()
    return ":".join([digits[start : start + 2] for start in range(0, len(digits), 2)])
