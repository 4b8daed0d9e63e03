"""The cells that Python renders for the device list equal the templates of the same cells."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test.html import Element, parse_html

from actions.inventory.models import Device
from dashboard.device_list.columns import COLUMNS
from dashboard.templatetags.console import spaced
from dashboard.templatetags.device_table import device_rows

STATES = ("compliant", "non_compliant", "out_of_license_usage", "quarantined", "new & unknown")
TIMES = (
    datetime(2026, 1, 31, 13, 45, 6, tzinfo=UTC),
    datetime(2026, 1, 31, 13, 45, 6, 123456, tzinfo=UTC),
    None,
)


def cell(key: str, **values: Any) -> Element:
    """Return the content of the column's cell in a row that Python renders."""
    device = Device(pk=7, vendor_id="kiosk", **values)
    row = parse_html(f"<table>{device_rows([device], [COLUMNS[key]], boxes=False)}</table>")
    (tr,) = (child for child in elements(row) if child.name == "tr")
    td = [child for child in elements(tr) if child.name == "td"][-1]
    (content,) = elements(td)
    return content


def elements(parent: Element) -> list[Element]:
    return [child for child in parent.children if isinstance(child, Element)]


def template(name: str, **context: Any) -> Element:
    """Return what a template renders."""
    return parse_html(render_to_string(name, context))


@pytest.mark.parametrize("state", STATES)
def test_a_status_cell_equals_its_template(state: str) -> None:
    assert cell("status", status=state) == template("_state.html", state=state, word=spaced(state))


@pytest.mark.parametrize("at", TIMES, ids=str)
def test_a_time_cell_equals_its_template(at: datetime | None) -> None:
    assert cell("seen", last_seen=at) == template("_time.html", at=at)


def test_the_comparison_finds_a_difference() -> None:
    late = datetime(2026, 1, 31, 13, 45, 7, tzinfo=UTC)
    assert cell("seen", last_seen=TIMES[0]) != template("_time.html", at=late)
    other = template("_state.html", state="pending", word="Pending")
    assert cell("status", status="compliant") != other
