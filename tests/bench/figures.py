"""The figures of `docs/engine.md`, in the order of the table."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the function that measures it, as `module:function` of this package.

    The function takes `quick` and returns lines. `seconds` is after how long it is given up.
    """

    name: str
    title: str
    where: str
    seconds: float
    database: Literal["sqlite", "postgresql"] = "sqlite"


FIGURES = (
    Figure("limit", "Calls in the worst window (limit 10)", "limit:worst_window", 150),
    Figure("makespan", "Time for a job ÷ the limit's own minimum", "makespan:virtual", 300),
    Figure("processes", "The same with real processes", "makespan:real", 120),
    Figure("merging", "Calls for 200 requests of one device in a minute", "merging:calls", 120),
    Figure("urgent", "Urgent during a job of 5,000: submit → vendor", "urgent:waits", 180),
    Figure("idle", "Idle: submit → first byte at the vendor", "latency:idle", 120),
    Figure("screen", "Answer at the worker → on an open page", "latency:screen", 120),
    Figure("submit", "Submit 100,000 devices (SQLite)", "storing:submit", 240),
    Figure(
        "submit-postgresql",
        "Submit 100,000 devices (PostgreSQL)",
        "storing:submit",
        240,
        "postgresql",
    ),
    Figure("once", "600 deletes, faults and kills", "once:deletes", 300),
    Figure("settle", "Rows settled per second", "settling:rows", 90),
    Figure("minute", "Use of the minute under backlog", "minute:use", 200),
    Figure("pages", "Open pages: commit → page, and the server's CPU", "pages:open_pages", 180),
)
