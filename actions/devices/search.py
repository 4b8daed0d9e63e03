"""The search of the device list: every word must occur in a text that names the device."""

from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Q, Value
from django.db.models.sql.compiler import SQLCompiler

from actions.folding import fold
from actions.macs import normalise_mac, part_of_mac

MAX_WORDS = 20
"""Words of a search; further ones are ignored."""

MIN_TRIGRAM_LENGTH = 3
"""Characters of a word that a trigram index can find; shorter words are read row by row."""

MAX_INDEX_HITS = 2000
"""Devices from which on reading all texts is faster than SQLite's trigram index."""


def match_search(search: str) -> Q:
    """Return the condition that all words of a search match; a MAC matches in any notation.

    On SQLite, a trigram index finds words that few devices have. Words that many devices have are
    searched in the texts themselves: a page is full long before the trigram index has returned all
    its hits, and for counting, another index holds the texts side by side. PostgreSQL makes this
    choice in its planner.
    """
    whole = normalise_mac(search)  # Blanks may stand between its groups.
    folded = [search] if whole else fold(search).split(" ")[:MAX_WORDS]
    words = [_notations(word) for word in folded if word]
    long_words = [word for word in words if min(map(len, word)) >= MIN_TRIGRAM_LENGTH]
    condition = Q()
    if connection.vendor == "sqlite" and long_words:
        quoted = [
            [f'"{text.replace(chr(34), chr(34) * 2)}"' for text in word] for word in long_words
        ]
        expression = " AND ".join(f"({' OR '.join(texts)})" for texts in quoted)
        if _is_selective(expression):
            condition &= Q(_InTrigramIndex(F("pk"), Value(expression)))
            words = [word for word in words if word not in long_words]
    for word in words:
        any_notation = Q()
        for text in word:
            any_notation |= Q(search_text__contains=text)
        condition &= any_notation
    return condition


class _InTrigramIndex(Func):
    """Whether SQLite's trigram table finds a device by an FTS5 expression."""

    output_field = BooleanField()

    def as_sql(  # type: ignore[override]
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any
    ) -> tuple[str, Any]:
        """Return the condition, with the expression as its parameter."""
        key, expression = map(compiler.compile, self.get_source_expressions())
        table = "actions_device_search"
        sql = f"{key[0]} IN (SELECT rowid FROM {table} WHERE {table} MATCH {expression[0]})"  # noqa: S608
        return sql, [*key[1], *expression[1]]


def _is_selective(expression: str) -> bool:
    """Return whether SQLite's index finds so few devices that using it is faster."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT rowid FROM actions_device_search "
            "WHERE actions_device_search MATCH %s LIMIT %s)",
            [expression, MAX_INDEX_HITS],
        )
        return bool(cursor.fetchone()[0] < MAX_INDEX_HITS)


def _notations(word: str) -> tuple[str, ...]:
    """Return the word as given and, if it is (part of) a MAC, also in the stored notation."""
    mac = part_of_mac(word)
    return tuple(dict.fromkeys((fold(word), mac.lower()))) if mac else (word,)
