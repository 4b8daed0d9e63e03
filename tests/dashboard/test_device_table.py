"""The cells of a device's status and of a time, in the list and in templates alike."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.template import engines
from django.test.html import Element, parse_html

from actions.inventory.models import Device
from dashboard.device_list.columns import COLUMNS
from dashboard.templatetags.device_table import device_rows

AT = datetime(2026, 1, 31, 13, 45, 6, tzinfo=UTC)
TIME = (
    '<time datetime="2026-01-31T13:45:06+00:00" data-relative title="2026-01-31 13:45:06 UTC">'
    "2026-01-31 13:45:06 UTC</time>"
)


def cell(key: str, **values: Any) -> Element:
    """Return the content of the column's cell in a row of the device list."""
    device = Device(pk=7, vendor_id="kiosk", **values)
    row = parse_html(f"<table>{device_rows([device], [COLUMNS[key]], boxes=False)}</table>")
    (tr,) = (child for child in elements(row) if child.name == "tr")
    td = [child for child in elements(tr) if child.name == "td"][-1]
    (content,) = elements(td)
    return content


def elements(parent: Element) -> list[Element]:
    return [child for child in parent.children if isinstance(child, Element)]


def rendered(source: str, **context: Any) -> Element:
    """Return what a template with this source renders."""
    template = engines["django"].from_string("{% load console %}" + source)
    return parse_html(template.render(context))


def icon(name: str) -> str:
    return f'<svg class="icon" aria-hidden="true"><use href="/static/icons.svg#{name}"></use></svg>'


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (AT, TIME),
        (AT.astimezone(timezone(timedelta(hours=5.5))), TIME),
        (AT.replace(microsecond=7), TIME.replace("06+", "06.000007+")),
        (None, '<span class="muted">never</span>'),
    ],
)
def test_a_time_is_shown_in_utc(at: datetime | None, expected: str) -> None:
    assert rendered("{% time at %}", at=at) == parse_html(expected)
    assert cell("seen", last_seen=at) == parse_html(expected)


def test_a_time_that_a_template_does_not_have_is_never() -> None:
    assert rendered("{% time nowhere %}") == parse_html('<span class="muted">never</span>')


def test_a_status_has_its_icon_and_a_label_and_is_escaped() -> None:
    found = cell("status", status="new & unknown")

    icon = (
        '<svg class="icon" aria-hidden="true"><use href="/static/icons.svg#state-{}"></use></svg>'
    )
    name = "new &amp; unknown"
    assert found == parse_html(
        f'<span class="state state-{name}">{icon.format(name)}New &amp; unknown</span>'
    )
    assert found == rendered("{% state value value|spaced %}", value="new & unknown")
    assert rendered("{% status 'held' 'Paused' %}") == parse_html(
        f'<span class="status status-held">{icon.format("held").replace("state-", "status-")}'
        "Paused</span>"
    )
