"""Lists of any length as rows of the database: one parameter, however long the list is.

With so many parameters of their own a statement is slow, and both databases have a limit.
"""

import json
from collections.abc import Sequence

from django.db import connection
from django.db.models.expressions import RawSQL

TEXTS = {
    "sqlite": "SELECT value FROM json_each(%s)",
    "postgresql": "SELECT json_array_elements_text(%s::json)",
}
KEYS = {
    "sqlite": "SELECT value FROM json_each(%s)",
    "postgresql": "SELECT json_array_elements_text(%s::json)::bigint",
}
PAIRS = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS target, json_extract(value, '$[1]') AS id, "
    "key AS place FROM json_each(%s)",
    "postgresql": "SELECT pair->>0 AS target, (pair->>1)::bigint AS id, place "
    "FROM json_array_elements(%s::json) WITH ORDINALITY AS pairs(pair, place)",
}
"""A JSON list of [target, key of its device or null] as a table, in the order of the list."""


def texts(values: Sequence[str]) -> RawSQL:
    """These texts as rows, for a filter such as `name__in`."""
    return RawSQL(TEXTS[connection.vendor], [json.dumps(values, ensure_ascii=False)])  # noqa: S611


def keys(values: Sequence[int]) -> RawSQL:
    """These keys as rows, for a filter such as `pk__in`."""
    return RawSQL(KEYS[connection.vendor], [json.dumps(values)])  # noqa: S611
