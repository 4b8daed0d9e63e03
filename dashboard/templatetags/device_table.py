"""Rows and filter options of the device list.

A page has hundreds of each. Python renders them because a template takes ten times as long.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from dashboard.device_list.columns import Column, Kind
from dashboard.device_list.state import Filter, Option
from dashboard.printable import printable
from dashboard.templatetags.console import spaced, state, time

if TYPE_CHECKING:
    from actions.inventory.models import Device

register = template.Library()


@register.simple_tag
def device_rows(
    devices: Iterable["Device"], columns: Sequence[Column], *, boxes: bool
) -> SafeString:
    """Render the rows of a page; every text of the vendor is escaped and printable."""
    before, _, after = reverse("device", args=[0]).partition("0")
    write = [(_WRITERS[column.kind], column) for column in columns]
    return mark_safe(  # noqa: S308  # Every part is escaped.
        "".join(
            f"{_head(device, f'{before}{device.pk}{after}', boxes=boxes)}"
            f"{''.join([cell(column, device) for cell, column in write])}</tr>"
            for device in devices
        )
    )


def _head(device: "Device", url: str, *, boxes: bool) -> str:
    """Render the start of a row: its checkbox and the name of the device."""
    label, key = escape(printable(device.label)), device.pk
    box = (
        '<td class="check"><label><input type="checkbox" name="device" '
        f'value="{key}" data-select-row aria-label="Select {label}"></label></td>'
        if boxes
        else ""
    )
    css = ' class="row-gone"' if device.gone_at else ""
    gone = ' <span class="muted small">gone</span>' if device.gone_at else ""
    sub = (
        f' <span class="cell-sub mono">{escape(printable(device.vendor_id))}</span>'
        if device.label != device.vendor_id
        else ""
    )
    return (
        f'<tr id="device-{key}"{css}>{box}'
        f'<th scope="row" class="cell-main"><a href="{url}"><bdi>{label}</bdi></a>{gone}{sub}</th>'
    )


def _state(column: Column, device: "Device") -> str:
    value = str(column.main(device) or "")
    if not value:
        return '<td class="cell-side"></td>'
    return f'<td class="cell-side">{state(printable(value), spaced(value))}</td>'


def _time(column: Column, device: "Device") -> str:
    at = column.main(device)
    content = time(at if isinstance(at, datetime) else None)
    return f'<td class="nowrap" data-label="{column.label}">{content}</td>'


def _word(column: Column, device: "Device") -> str:
    word = column.main(device)
    return f'<td data-label="{column.label}">{escape(spaced(str(word))) if word else ""}</td>'


def _text(column: Column, device: "Device") -> str:
    css = ' class="mono nowrap"' if column.kind == "mono" else ""
    main, beside = column.main(device), column.sub(device)
    text = f"<bdi>{escape(printable(main))}</bdi>" if main else ""
    sub = f' <span class="cell-sub">{escape(printable(beside))}</span>' if beside else ""
    return f'<td{css} data-label="{column.label}">{text}{sub}</td>'


_WRITERS: dict[Kind, Callable[[Column, "Device"], str]] = {
    "text": _text,
    "mono": _text,
    "state": _state,
    "time": _time,
    "word": _word,
}


@register.filter
def filter_options(of: Filter) -> SafeString:
    """Render the options of a filter; cached, because they are many and change seldom."""
    kind = "radio" if of.one_only else "checkbox"
    return mark_safe(_boxes(kind, of.key, tuple(of.options)))  # noqa: S308  # Every part is escaped.


@lru_cache(maxsize=256)
def _boxes(kind: str, key: str, options: tuple[Option, ...]) -> str:
    return "".join(
        f'<label class="check"><input type="{kind}" name="{key}" value="{escape(option.value)}"'
        f"{' checked' if option.chosen else ''}><span><bdi>{escape(option.label)}</bdi></span>"
        "</label>"
        for option in options
    )
