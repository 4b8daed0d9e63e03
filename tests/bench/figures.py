"""The figures of the table, in its order."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the function that measures it, as `module:function` of this package.

    The function takes `quick` and returns lines. `seconds` is its time-out;
    `settings` are those of the console unless a comparison needs more.
    """

    name: str
    title: str
    where: str
    seconds: float
    database: Literal["sqlite", "postgresql"] = "sqlite"
    settings: str = "dashboard.settings"


FIGURES = (
    Figure("limit", "Calls in the worst window (limit 10)", "limit:worst_window", 150),
    Figure("makespan", "Time for a job ÷ its calls at the limit's pace", "makespan:virtual", 700),
    Figure("processes", "The same with real processes", "makespan:real", 120),
    Figure("merging", "Calls for 200 requests of one device in a minute", "merging:calls", 120),
    Figure("urgent", "Urgent during a job of 5,000: submit → vendor", "urgent:waits", 500),
    Figure("people", "Three people in a minute of a job, real", "three_people:real", 1100),
    Figure("people-virtual", "Three people a minute, for an hour", "three_people:virtual", 500),
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
    Figure("pick", "Pick and compose 100,000 devices (SQLite)", "device_selection:pick", 240),
    Figure(
        "pick-postgresql",
        "Pick and compose 100,000 devices (PostgreSQL)",
        "device_selection:pick",
        240,
        "postgresql",
    ),
    Figure("once", "600 deletes, faults and kills", "exactly_once:deletes", 700),
    Figure("settle", "Rows settled per second", "settling:rows", 90),
    Figure("minute", "Use of the rate limit under backlog", "limit_use:use", 400),
    Figure("pages", "Open pages: commit → page, and the server's CPU", "pages:open_pages", 180),
    Figure(
        "desk",
        "The list of 100,000 devices (SQLite)",
        "device_list:lists",
        900,
        settings="tests.bench.admin_settings",
    ),
    Figure(
        "desk-postgresql",
        "The list of 100,000 devices (PostgreSQL)",
        "device_list:lists",
        900,
        "postgresql",
        "tests.bench.admin_settings",
    ),
    Figure("audit", "The trail: written, verified, queried (SQLite)", "audit:trails", 900),
    Figure("retention", "Retention while five people work (SQLite)", "retention:retention", 7200),
    Figure(
        "retention-postgresql",
        "Retention while five people work (PostgreSQL)",
        "retention:retention",
        7200,
        "postgresql",
    ),
    Figure(
        "audit-postgresql",
        "The trail: written, verified, queried (PostgreSQL)",
        "audit:trails",
        900,
        "postgresql",
    ),
)
