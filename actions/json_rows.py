"""Pass a list of any length to SQL as one JSON parameter.

A statement with one parameter for each value is slow, and both databases limit their number.
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
"""A table of a JSON list of [target, device key or null]; `place` is the position in the list."""


def texts(values: Sequence[str]) -> RawSQL:
    """Return texts as rows, for a filter such as `name__in`."""
    return RawSQL(TEXTS[connection.vendor], [json.dumps(values, ensure_ascii=False)])  # noqa: S611


def keys(values: Sequence[int]) -> RawSQL:
    """Return keys as rows, for a filter such as `pk__in`."""
    return RawSQL(KEYS[connection.vendor], [json.dumps(values)])  # noqa: S611
