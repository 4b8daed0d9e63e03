"""Cells of the list of devices and the values of its filters, written here because a page has
hundreds of each: a template takes ten times as long to choose among the kinds.
"""

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from dashboard.desk import Filter, Option
from dashboard.device_columns import Cell
from dashboard.templatetags.console import spaced
from dashboard.texts import shown

register = template.Library()


@register.filter
def device_cell(cell: Cell) -> SafeString:
    """The cell of a column; every text of the vendor is escaped and made visible."""
    write = {"state": _state, "moment": _moment, "word": _word}.get(cell.column.kind, _text)
    return mark_safe(write(cell))  # noqa: S308  # Each part was escaped.


def _state(cell: Cell) -> str:
    if not cell.main:
        return '<td class="cell-side"></td>'
    state = escape(shown(cell.main))
    icon = f"{static('icons.svg')}#state-{state}"
    return (
        f'<td class="cell-side"><span class="state state-{state}"><svg class="icon" '
        f'aria-hidden="true"><use href="{icon}"></use></svg>{escape(spaced(cell.main))}</span></td>'
    )


def _moment(cell: Cell) -> str:
    at = cell.main
    words = (
        f'<time datetime="{at:%Y-%m-%dT%H:%M:%S}+00:00" data-relative '
        f'title="{at:%Y-%m-%d %H:%M:%S} UTC">{at:%Y-%m-%d %H:%M} UTC</time>'
        if at
        else '<span class="muted">never</span>'
    )
    return f'<td class="nowrap" data-label="{cell.column.label}">{words}</td>'


def _word(cell: Cell) -> str:
    word = escape(spaced(cell.main)) if cell.main else ""
    return f'<td data-label="{cell.column.label}">{word}</td>'


def _text(cell: Cell) -> str:
    look = ' class="mono nowrap"' if cell.column.kind == "mono" else ""
    text = f"<bdi>{escape(shown(cell.main))}</bdi>" if cell.main else ""
    sub = f' <span class="cell-sub">{escape(shown(cell.sub))}</span>' if cell.sub else ""
    return f'<td{look} data-label="{cell.column.label}">{text}{sub}</td>'


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
