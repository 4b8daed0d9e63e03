"""What a figure hands over: lines of the table, the first of them the engine's own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line: who was measured, what came out as text, and as a number for the ratio.

    `target` is the bound and `met` whether it was kept; both only where there is a bound.
    """

    who: str
    said: str
    value: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Some measured times in seconds."""

    times: tuple[float, ...]

    def at(self, share: float) -> float:
        """The smallest of the times that is not exceeded by this share of them."""
        ordered = sorted(self.times)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def median(self) -> float:
        """Half of them took at most so long."""
        return self.at(0.5)

    @property
    def p95(self) -> float:
        """95 % of them took at most so long."""
        return self.at(0.95)

    @property
    def longest(self) -> float:
        """The worst of them."""
        return max(self.times)

    def __str__(self) -> str:
        words = [f"median {duration(self.median)}", f"95 % within {duration(self.p95)}"]
        return f"{', '.join(words)}, longest {duration(self.longest)} (of {len(self.times)})"


def spread(times: Sequence[float]) -> Spread:
    """The times as one; raises ValueError when nothing was measured."""
    if not times:
        raise ValueError("nothing was measured")
    return Spread(tuple(times))


def duration(seconds: float) -> str:
    """A time in the unit in which it is easiest to read."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
