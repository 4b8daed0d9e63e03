"""Virtual time: a monotonic clock, and a wall clock that a test may set."""

from datetime import UTC, datetime, timedelta

import time_machine
from django.db import connection

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The wall clock's time at zero elapsed seconds."""


class VirtualTime:
    """A monotonic clock (`elapsed`, in seconds) and a wall clock that steps move away from it."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.elapsed = 0.0
        self._off = 0.0
        self.steps: list[tuple[float, float]] = []
        self._traveller = traveller
        if connection.vendor == "postgresql":
            _replace_clock_timestamp()
        self._show()

    @property
    def wall(self) -> datetime:
        """The wall clock's time, with all steps."""
        return START + timedelta(seconds=self.elapsed + self._off)

    def monotonic(self) -> float:
        """Seconds of the monotonic clock, which no step changes."""
        return self.elapsed

    def move_to(self, elapsed: float) -> None:
        """Advance both clocks to `elapsed` seconds from the start."""
        assert elapsed >= self.elapsed
        self.elapsed = elapsed
        self._show()

    def step(self, seconds: float) -> None:
        """Set the wall clock forwards or backwards; no time passes."""
        self._off += seconds
        self.steps.append((self.elapsed, seconds))
        self._show()

    def begin(self) -> None:
        """Reset to zero elapsed seconds and remove all steps."""
        self.elapsed = self._off = 0.0
        self.steps.clear()
        self._show()

    def _show(self) -> None:
        self._traveller.move_to(self.wall)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('virtual.now', %s, true)", [str(self.wall)])


def _replace_clock_timestamp() -> None:
    """Put a virtual clock_timestamp() first in the search path; the test's rollback removes it.

    The time is a setting, not a row: thousands of updates in one transaction would be slow.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA virtual_time")
        cursor.execute(
            "CREATE FUNCTION virtual_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
            "AS $$ SELECT current_setting('virtual.now')::timestamptz $$"
        )
        cursor.execute("SET LOCAL search_path TO virtual_time, public, pg_catalog")
