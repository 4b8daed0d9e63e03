"""All URLs of the console, from the resolver, all tables, and parsed pages."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from django.db import connection
from django.urls import URLPattern, get_resolver, reverse

from actions.action_requests.models import DeviceCommand
from actions.agent_logs.models import AgentLog

NOT_COUNTED = {"django_session"}
OF_REFUSALS = ("actions_audit", "actions_refusalcount")
"""The first letters of tables that hold the lines of refusals."""


def url_names() -> list[str]:
    """Return the name of each URL; fail for one without a name, as no test would cover it."""
    return [_name(pattern) for pattern in _patterns(get_resolver().url_patterns)]


def address(name: str, token: UUID) -> str:
    """Return the path of a URL about this request, its device or its log."""
    if name in ("device", "refresh_device"):
        command = DeviceCommand.objects.filter(request__uuid=token).first()
        return reverse(name, args=[command.device_id if command else 0])
    if "agent_log" in name and name != "agent_logs":
        log = AgentLog.objects.filter(request__uuid=token).first()
        return reverse(name, args=[log.uuid if log else token])
    if name in ("audit_event", "stop_inventory_read"):
        return reverse(name, args=[1])
    wants_token = name in (
        "uploaded_list",
        "old_uploaded_list",
        "uploaded_list_lines",
        "device_view",
        "change_device_view",
        "audit_download",
    ) or ("action_request" in name and name != "action_requests")
    more = ["matched"] if name == "uploaded_list_lines" else []
    return reverse(name, args=[token, *more] if wants_token else [])


def _patterns(found: Any) -> Iterator[URLPattern]:
    for each in found:
        if isinstance(each, URLPattern):
            yield each
        else:
            yield from _patterns(each.url_patterns)


def _name(pattern: URLPattern) -> str:
    assert pattern.name, f"{pattern} has no name"
    return pattern.name


def row_counts() -> dict[str, int]:
    """Return the number of rows of each table, except what a refusal may add."""
    counts = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in NOT_COUNTED and not table.startswith(OF_REFUSALS):
                cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
                counts[table] = cursor.fetchone()[0]
    return counts


class Parsed(HTMLParser):
    """The elements of a rendered page with their attributes, and its visible text."""

    UNSEEN = {"script", "style", "textarea", "title"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in self.UNSEEN:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The visible text, with single spaces."""
        return " ".join(" ".join(self.words).split())
