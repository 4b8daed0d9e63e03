"""The space of removed rows goes back to the disk, where the database can do so."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from actions.dispatch import heartbeats
from actions.retention import pieces, space
from actions.retention.models import StorageDay

pytestmark = pytest.mark.django_db(transaction=True)


def fill_and_empty() -> None:
    for number in range(30):
        StorageDay.objects.create(day=f"2000-01-{number + 1:02}", sizes={"x": "x" * 100_000})
    StorageDay.objects.all().delete()


def test_h8_removed_rows_give_their_space_back_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "RESERVE_PAGES", 100)
    monkeypatch.setattr(space, "PIECE_PAGES", 50)
    fill_and_empty()

    with pieces.lease(60, lambda: False) as own:
        assert own
        given = space.give_back(own)

    if connection.vendor == "postgresql":
        assert given == 0
        return
    assert given > 300
    assert given % 50 == 0  # Whole pieces, not page by page.
    assert 100 < space._pragma("freelist_count") <= 150


def test_h8_compact_makes_an_older_file_give_space_back() -> None:
    if connection.vendor == "postgresql":
        with pytest.raises(CommandError, match="autovacuum"):
            call_command("compact")
        return
    with connection.cursor() as cursor:  # As a file that was made by an earlier version.
        cursor.execute("PRAGMA auto_vacuum=NONE")
        cursor.execute("VACUUM")
    assert space._pragma("auto_vacuum") == 0
    fill_and_empty()
    call_command("compact")
    assert space._pragma("freelist_count") == 0
    assert space._pragma("auto_vacuum") == space.INCREMENTAL


def test_compact_refuses_while_the_console_runs(operator: Any) -> None:
    heartbeats.beat()
    expected = "autovacuum" if connection.vendor == "postgresql" else "Stop the console first"
    with pytest.raises(CommandError, match=expected):
        call_command("compact")
