"""The result of a figure: lines of the table, the first one the engine's own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line: who was measured, the result as text, and as a number for the ratio.

    `target` is the bound and `met` whether it was kept; both are empty where there is no bound.
    """

    who: str
    text: str
    value: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Some measured times in seconds."""

    times: tuple[float, ...]

    def at(self, share: float) -> float:
        """Return the time that this share of the times does not exceed."""
        ordered = sorted(self.times)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def median(self) -> float:
        """The 50th percentile (nearest rank)."""
        return self.at(0.5)

    @property
    def p95(self) -> float:
        """The 95th percentile (nearest rank)."""
        return self.at(0.95)

    @property
    def longest(self) -> float:
        """The longest time."""
        return max(self.times)

    def __str__(self) -> str:
        words = [f"median {duration(self.median)}", f"95 % within {duration(self.p95)}"]
        return f"{', '.join(words)}, longest {duration(self.longest)} (of {len(self.times)})"


def spread(times: Sequence[float]) -> Spread:
    """Return the times as a Spread; raises ValueError when nothing was measured."""
    if not times:
        raise ValueError("nothing was measured")
    return Spread(tuple(times))


def duration(seconds: float) -> str:
    """Format a time in ms below one second, else in s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
