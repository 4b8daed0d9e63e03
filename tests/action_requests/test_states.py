"""The table of statuses is complete, and so are the icons and colours that it names."""

from pathlib import Path

import pytest

from actions.action_requests.states import BAR_ORDER, LIST_ORDER, STATUSES, CommandStatus

ROOT = Path(__file__).resolve().parents[2]
ICONS = (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")
STYLES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "static" / "css").iterdir())


@pytest.mark.parametrize("status", CommandStatus)
def test_each_status_has_an_icon_and_a_colour_in_the_bar(status):
    assert f'id="status-{status}"' in ICONS
    assert f".fill-{status}" in STYLES


def test_each_status_has_its_own_place_in_the_list_and_in_the_bar():
    assert len({info.list_order for info in STATUSES.values()}) == len(CommandStatus)
    assert len({info.bar_order for info in STATUSES.values()}) == len(CommandStatus)
    assert set(LIST_ORDER) == set(BAR_ORDER) == set(CommandStatus)
    assert LIST_ORDER[0] == CommandStatus.FAILED


def test_what_waits_can_neither_be_retried_nor_undone():
    for info in STATUSES.values():
        assert not (info.waiting and (info.retryable or info.undoable or info.succeeded))
