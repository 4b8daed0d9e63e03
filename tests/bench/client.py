"""A test client whose time does not depend on the depth of the stack at which it is called."""

from collections.abc import Callable
from itertools import count
from typing import Any

from django.test import Client

BLOCK = 140
"""Nested calls of `_deeper` that fill one block of CPython's stack of frames (16 KiB)."""

STEP = 37
"""Calls by which the depth grows with each page; it has no common divisor with BLOCK."""


class PageClient(Client):
    """Requests each page at another depth of the stack.

    CPython 3.11 keeps the frames of running calls in blocks. Where the calls of a page cross the
    end of a block again and again, each crossing allocates and frees a block, and the page takes
    up to twice as long. Which pages that hits changes with any change of the code or its caller.
    """

    _places = count()

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Request a page, as `Client.get` does."""
        depth = next(self._places) * STEP % BLOCK
        return _deeper(depth, lambda: super(PageClient, self).get(*args, **kwargs))


def _deeper(calls: int, work: Callable[[], object]) -> object:
    return work() if calls == 0 else _deeper(calls - 1, work)
