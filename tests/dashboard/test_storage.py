"""The page Storage: what was measured, how it grows, and what retention does."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from actions.retention import run, storage
from actions.retention.models import RetentionCount, RetentionLease, StorageDay
from dashboard.templatetags.console import size
from tests.dashboard.walk import Parsed
from tests.factories import know_devices, make_request

pytestmark = pytest.mark.django_db(transaction=True)


def test_h9_the_page_shows_sizes_growth_and_what_goes_next(signed_in, operator, settings):
    page = signed_in.get("/storage/").text
    assert "Nothing has been measured yet" in page
    know_devices("a")
    make_request(operator, "a")

    run.run()
    today = StorageDay.objects.get()
    for days in (7, 30):
        earlier = {**today.sizes, "total": today.sizes["total"] - days * 2**20}
        StorageDay.objects.create(day=today.day - timedelta(days=days), sizes=earlier)
    settings.AUDIT_KEEP_DAYS = 90
    RetentionCount.objects.create(name="calls", removed=1234, told_at=now())
    RetentionLease.objects.update(problem="lines: no space")
    words = " ".join(Parsed(signed_in.get("/storage/").text).words)

    assert f"Measured on {today.day}" in words
    assert "1.0 MB a day in 7 days" in words
    assert "1.0 MB a day in 30 days" in words
    for expected in ("actions_devicecommand", "400 days", "for ever", "1,234", "lines: no space"):
        assert expected in words
    assert str((now() + timedelta(days=400)).date()) in words


def test_the_measurement_counts_rows_and_bytes_of_each_table(operator):
    know_devices("a", "b")
    sizes = storage.measure()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        sizes = storage.measure()
    rows, bytes_ = sizes["tables"]["actions_device"]
    assert rows == 2
    assert bytes_ > 0
    assert sizes["total"] > 100_000
    assert "actions_auditevent" in sizes["tables"]


def test_the_largest_tables_are_shown_and_the_rest_is_one_row():
    mb = 2**20
    tables = {f"table_{number:02}": (number, number * mb) for number in range(1, 21)}
    before = {name: (rows, size - mb) for name, (rows, size) in tables.items()}
    rest = {"files": {}, "total": 0, "free": 0}
    StorageDay.objects.create(day=date(2026, 1, 1), sizes={"tables": before, **rest})
    StorageDay.objects.create(day=date(2026, 1, 2), sizes={"tables": tables, **rest})

    *shown, last = storage.read().tables

    assert [each.name for each in shown] == [f"table_{number:02}" for number in range(20, 8, -1)]
    assert (last.label, last.rows, last.size) == ("8 smaller tables", None, 36 * mb)
    assert last.growth_7 == 8 * mb


def test_the_parts_of_a_search_index_are_one_table():
    names = set(storage.measure()["tables"])

    assert not {name for name in names if name.endswith(("_docsize", "_config", "_idx"))}
    assert connection.vendor == "postgresql" or set(storage.INDEXES) <= names


def test_the_sizes_are_measured_once_a_day_and_kept_for_a_while():
    old = StorageDay.objects.create(day=date(2000, 1, 1))
    storage.note_day()
    [day] = StorageDay.objects.all()
    assert day.day != old.day
    day.sizes = {**day.sizes, "total": 1}
    day.save()
    storage.note_day()
    assert StorageDay.objects.get().sizes["total"] == 1


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KB"),
        (-1536, "−1.5 KB"),
        (150 * 2**20, "150 MB"),
        (3 * 2**40, "3,072 GB"),
    ],
)
def test_a_size_has_the_unit_that_suits_it(count, text):
    assert size(count) == text
