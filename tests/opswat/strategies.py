"""Hypothesis strategies: any JSON value, and rows with the vendor's keys and odd values."""

import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# No deadline: on a shared machine the duration of an example depends on other processes.
steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# With lone surrogates and control characters, which JSON can contain as escapes.
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([math.inf, 10**30, "N/A", "<private>", "2024-01-01T00:00:00Z", "d1"])
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def rows_with(*names: str) -> st.SearchStrategy[object]:
    """Return objects with some of `names` as keys, each with any JSON value."""
    return st.dictionaries(st.sampled_from(names), JSON, max_size=len(names))
