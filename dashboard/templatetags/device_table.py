"""Rows of the list of devices and the values of its filters, written here because a page has
hundreds of each: a template takes ten times as long to choose among the kinds.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from dashboard.device_list.columns import Column, Kind
from dashboard.device_list.state import Filter, Option
from dashboard.printable import printable
from dashboard.templatetags.console import spaced

register = template.Library()


@register.simple_tag
def device_rows(devices: Iterable[Any], columns: Sequence[Column], *, boxes: bool) -> SafeString:
    """The rows of a page; every text of the vendor is escaped and made visible."""
    page = reverse("device", args=[0]).partition("0")
    write = [(_WRITERS[column.kind], column) for column in columns]
    return mark_safe(  # noqa: S308  # Each part was escaped.
        "".join(
            f"{_head(device, f'{page[0]}{device.pk}{page[2]}', boxes=boxes)}"
            f"{''.join([cell(column, device) for cell, column in write])}</tr>"
            for device in devices
        )
    )


def _head(device: Any, url: str, *, boxes: bool) -> str:
    """Where a row begins: its box, and what the device is called."""
    label, key = escape(printable(device.label)), device.pk
    box = (
        '<td class="check"><label><input type="checkbox" name="device" '
        f'value="{key}" data-select-row aria-label="Select {label}"></label></td>'
        if boxes
        else ""
    )
    look = ' class="row-gone"' if device.gone_at else ""
    gone = ' <span class="muted small">gone</span>' if device.gone_at else ""
    sub = (
        f' <span class="cell-sub mono">{escape(printable(device.vendor_id))}</span>'
        if device.label != device.vendor_id
        else ""
    )
    return (
        f'<tr id="device-{key}"{look}>{box}'
        f'<th scope="row" class="cell-main"><a href="{url}"><bdi>{label}</bdi></a>{gone}{sub}</th>'
    )


def _state(column: Column, device: Any) -> str:
    state = column.main(device)
    if not state:
        return '<td class="cell-side"></td>'
    icon = f"{static('icons.svg')}#state-{escape(printable(state))}"
    return (
        f'<td class="cell-side"><span class="state state-{escape(printable(state))}">'
        f'<svg class="icon" '
        f'aria-hidden="true"><use href="{icon}"></use></svg>{escape(spaced(state))}</span></td>'
    )


def _moment(column: Column, device: Any) -> str:
    at = column.main(device)
    words = (
        f'<time datetime="{at:%Y-%m-%dT%H:%M:%S}+00:00" data-relative '
        f'title="{at:%Y-%m-%d %H:%M:%S} UTC">{at:%Y-%m-%d %H:%M} UTC</time>'
        if at
        else '<span class="muted">never</span>'
    )
    return f'<td class="nowrap" data-label="{column.label}">{words}</td>'


def _word(column: Column, device: Any) -> str:
    word = column.main(device)
    return f'<td data-label="{column.label}">{escape(spaced(word)) if word else ""}</td>'


def _text(column: Column, device: Any) -> str:
    look = ' class="mono nowrap"' if column.kind == "mono" else ""
    main, beside = column.main(device), column.sub(device)
    text = f"<bdi>{escape(printable(main))}</bdi>" if main else ""
    sub = f' <span class="cell-sub">{escape(printable(beside))}</span>' if beside else ""
    return f'<td{look} data-label="{column.label}">{text}{sub}</td>'


_WRITERS: dict[Kind, Callable[[Column, Any], str]] = {
    "text": _text,
    "mono": _text,
    "state": _state,
    "moment": _moment,
    "word": _word,
}


@register.filter
def filter_options(of: Filter) -> SafeString:
    """The values of a filter as boxes: a fleet has a hundred, and they change seldom."""
    kind = "radio" if of.one_only else "checkbox"
    return mark_safe(_boxes(kind, of.key, tuple(of.options)))  # noqa: S308  # Each was escaped.


@lru_cache(maxsize=256)
def _boxes(kind: str, key: str, options: tuple[Option, ...]) -> str:
    return "".join(
        f'<label class="check"><input type="{kind}" name="{key}" value="{escape(option.value)}"'
        f"{' checked' if option.chosen else ''}><span><bdi>{escape(option.label)}</bdi></span>"
        "</label>"
        for option in options
    )
