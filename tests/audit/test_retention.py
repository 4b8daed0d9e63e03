"""Old lines go into archives piece by piece: a run may end anywhere, and the next one goes on."""

import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actions.audit import retention
from actions.audit.manifests import check_manifest
from actions.audit.verify import verify
from actions.trail import anchors, trail
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb
from dashboard.models import User
from tests.factories import actor_for, make_person

LINES = 40


class Killed(BaseException):
    """Ends a run: nothing of ours catches it."""


@pytest.fixture
def small(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.AUDIT_ARCHIVE_DIR = tmp_path / "archive"
    monkeypatch.setattr(retention, "PIECE_LINES", 15)
    monkeypatch.setattr(retention, "STEP_LINES", 4)
    return tmp_path / "archive"


def write_lines(count: int = LINES) -> None:
    person = User.objects.filter(username="oscar").first() or make_person("oscar", "operator")
    for number in range(count):
        devices = [(f"d{number}-{place}", "accepted") for place in range(number % 3)]
        listed = [{"target": key, "status": status} for key, status in devices]
        more: dict[str, Any] = {"devices": listed, "device_statuses": devices} if devices else {}
        trail.record(
            actor_for(person), Verb.LOG_OPENED, subject_kind="test", subject=str(number), **more
        )


def archived(folder: Path) -> list[int]:
    """The numbers of all lines in all archives, in their order."""
    found: list[int] = []
    ends = sorted(folder.glob("*.zip"), key=lambda path: int(path.name.split("-")[2]))
    for path in ends:
        assert check_manifest(path).findings == []
        with zipfile.ZipFile(path) as box:
            for line in box.read(retention.NAME).splitlines():
                found.append(int(line.split(b'"id": ')[1].split(b",")[0]))
    return found


def old_lines() -> int:
    return AuditEvent.objects.exclude(verb=Verb.AUDIT_ARCHIVED).count()


@pytest.mark.django_db(transaction=True)
def test_h8_lines_go_in_pieces_and_no_transaction_holds_many(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines()
    anchors.write_anchor()
    seen: list[int] = []

    def go_on() -> bool:
        seen.append(AuditEvent.objects.exclude(verb=Verb.AUDIT_ARCHIVED).count())
        assert verify().findings == []
        return True

    written = retention.archive(now() + timedelta(hours=1), go_on=go_on)

    assert len(written) == 3
    assert archived(small) == list(range(1, LINES))
    assert max(before - after for before, after in pairwise(seen)) <= 4
    assert old_lines() == 1  # The last line of then stays, so that the trail is never empty.
    assert AuditDevice.objects.filter(event_id__lt=LINES).count() == 0
    assert verify().findings == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", range(14))
def test_h8_a_run_that_ends_anywhere_is_taken_up_without_a_second_archive(
    small: Path, after: int
) -> None:
    write_lines()
    asked = iter(range(100))
    retention.archive(now() + timedelta(hours=1), go_on=lambda: next(asked) < after)
    assert verify().findings == []

    retention.archive(AuditEvent.objects.get(pk=LINES).at)

    assert archived(small) == list(range(1, LINES))
    assert verify().findings == []


@pytest.mark.django_db(transaction=True)
def test_h8_the_file_goes_if_its_lines_cannot_be_cut(small: Path) -> None:
    write_lines()
    with no_line_of_an_archive(), pytest.raises(DatabaseError):
        retention.archive(now() + timedelta(hours=1))
    assert list(small.iterdir()) == []
    assert AuditEvent.objects.count() == LINES


@contextmanager
def no_line_of_an_archive() -> Iterator[None]:
    """The database refuses the line that records an archive."""
    table, name = AuditEvent._meta.db_table, "refuse_archives"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE INSERT ON {table} "
                "WHEN NEW.verb = 'audit.archived' BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        else:
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (verb <> 'audit.archived')"
            )
        try:
            yield
        finally:
            sqlite = connection.vendor == "sqlite"
            cursor.execute(
                f"DROP TRIGGER {name}" if sqlite else f"ALTER TABLE {table} DROP CONSTRAINT {name}"
            )


@pytest.mark.django_db(transaction=True)
def test_h8_the_file_of_a_killed_run_that_was_not_recorded_is_written_again(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback leaves what a kill -9 leaves between the file and its line in the trail."""
    write_lines()
    asked = iter(range(10))
    with suppress(Killed), transaction.atomic():
        retention.archive(now() + timedelta(hours=1), go_on=lambda: next(asked) < 1)
        raise Killed
    assert len(list(small.glob("*.zip"))) == 1
    monkeypatch.setattr(retention, "PIECE_LINES", 20)

    retention.archive(AuditEvent.objects.get(pk=LINES).at)

    assert archived(small) == list(range(1, LINES))


@pytest.mark.django_db(transaction=True)
def test_h8_the_file_of_lines_that_a_restored_database_lost_stays(small: Path) -> None:
    write_lines()
    with suppress(Killed), transaction.atomic():
        write_lines(10)
        retention.archive(now() + timedelta(hours=1))
        raise Killed
    kept = max(small.glob("*.zip"), key=lambda path: int(path.name.split("-")[2]))
    write_lines(20)  # Other lines under the same numbers.

    retention.archive(now() + timedelta(hours=1))

    assert kept.exists()
    assert verify().findings == []


@pytest.mark.django_db(transaction=True)
def test_h8_lines_stay_while_their_recorded_archive_is_missing(small: Path) -> None:
    write_lines()
    asked = iter(range(100))
    retention.archive(now() + timedelta(hours=1), go_on=lambda: next(asked) < 2)
    kept = AuditEvent.objects.count()
    for path in small.glob("*.zip"):
        path.rename(path.with_suffix(".away"))

    with pytest.raises(retention.ArchiveMissing, match="put the file back"):
        retention.archive(now() + timedelta(hours=1))

    assert AuditEvent.objects.count() == kept


@pytest.mark.django_db(transaction=True)
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=5))
def test_any_course_of_runs_and_new_lines_leaves_each_line_once(
    small: Path, course: list[tuple[int, int]]
) -> None:
    start = AuditEvent.objects.count() and AuditEvent.objects.latest("pk").pk
    write_lines(10)
    for steps, new in course:
        retention.archive(now() + timedelta(hours=1), go_on=_so_often(steps))
        write_lines(new)
        assert verify().findings == []
    in_archives = archived(small)
    assert in_archives == sorted(set(in_archives))
    here = set(AuditEvent.objects.values_list("pk", flat=True))
    last = max(here)
    assert here | set(in_archives) >= set(range(start + 1, last + 1))


def _so_often(times: int) -> Callable[[], bool]:
    """Return a `go_on` that is true so often."""
    asked = iter(range(1000))
    return lambda: next(asked) < times


@pytest.mark.django_db(transaction=True)
def test_h8_a_check_that_runs_meanwhile_finds_nothing(small: Path) -> None:
    write_lines(300)
    anchors.write_anchor()
    before = AuditEvent.objects.get(pk=300).at
    failures: list[BaseException] = []

    def archive() -> None:
        try:
            retention.archive(before)
        except BaseException as error:  # noqa: BLE001  # The test tells of it.
            failures.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=archive)
    thread.start()
    checks = 0
    while thread.is_alive() or not checks:
        assert verify().findings == []
        checks += 1
    thread.join()
    assert failures == []
    assert archived(small) == list(range(1, 300))
