"""Attacks on the end of the trail and on its anchors, each named by the check.

Each attack is made on a trail of twelve lines with four anchors. What stays undetectable is in
UNDETECTABLE, and in docs/audit.md.
"""

# ruff: noqa: S608  # The statements contain only names of this file.

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils.timezone import now

from actions.audit.verify import verify
from actions.trail import anchors, chain, head, trail
from actions.trail.models import AuditEvent, AuditMark
from actions.trail.verbs import Verb
from tests.trail.tampering import EVENT, found, sql, tamper

pytestmark = pytest.mark.django_db

File = list[str]
MARKS = AuditMark._meta.db_table


def write(operator: Any, count: int) -> None:
    for number in range(count):
        trail.record(operator, Verb.DEVICES_EXPORTED, subject_kind="test", subject=str(number))


@pytest.fixture
def anchored(operator: Any, settings: Any) -> Path:
    """Twelve lines; anchors after 3, 6, 9 and 10 of them."""
    for lines in (3, 3, 3, 1):
        write(operator, lines)
        anchors.write_anchor()
    write(operator, 2)
    assert found() == []
    return Path(settings.AUDIT_ANCHORS_FILE)


def edit(path: Path, change: Callable[[File], File]) -> None:
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in change(lines)))


def forged(line: str) -> str:
    anchor = json.loads(line)
    del anchor["signature"], anchor["key"]
    return json.dumps(chain.sign_document({"key-forged": b"f" * 32}, {**anchor, "count": 2}))


def foreign(line: str) -> str:
    anchor = {**json.loads(line), "file": "key-another"}
    del anchor["signature"], anchor["key"]
    return json.dumps(chain.sign_document(settings.AUDIT_KEYS, anchor))


CUT_BEHIND = f"DELETE FROM {EVENT} WHERE id > 10"
CUT_BEFORE = f"DELETE FROM {EVENT} WHERE id > 5"
FILE_ATTACKS: dict[str, Callable[[File], File]] = {
    "shorten": lambda lines: lines[:2],
    "empty": lambda lines: [],
    "cut in front": lambda lines: lines[2:],
    "remove one": lambda lines: lines[:1] + lines[2:],
    "reorder": lambda lines: [lines[1], lines[0], *lines[2:]],
    "repeat": lambda lines: [*lines[:2], *lines[1:]],
    "alter": lambda lines: [line.replace('"count": 6', '"count": 5') for line in lines],
    "replace": lambda lines: [forged(line) for line in lines],
    "foreign": lambda lines: [foreign(line) for line in lines],
}
NAMED = {
    "empty": "missing or was emptied; 4 anchors were written",
    "shorten": "Its end is missing: 4 anchors were written, 2 are there",
    "cut in front": "Its first 2 anchors are missing",
    "remove one": "Anchor 3 does not follow anchor 1",
    "reorder": "Anchor 1 does not follow anchor 2",
    "repeat": "Anchor 2 does not follow anchor 2",
    "alter": "Not signed",
    "replace": "Not signed",
    "foreign": "anchors of another installation",
}


@pytest.mark.parametrize("attack", FILE_ATTACKS)
def test_m7_an_attack_on_the_file_alone_is_named(anchored, attack):
    edit(anchored, FILE_ATTACKS[attack])
    assert NAMED[attack] in " ".join(map(str, verify().findings))


@pytest.mark.parametrize("cut", [CUT_BEHIND, CUT_BEFORE])
@pytest.mark.parametrize("attack", ["", "remove", *FILE_ATTACKS])
@pytest.mark.parametrize("later", [0, 1, 30])
def test_m7_a_cut_end_is_named_whatever_happens_to_the_file_and_whatever_follows(
    anchored, operator, cut, attack, later
):
    tamper(cut)
    if attack == "remove":
        anchored.unlink()
    elif attack:
        edit(anchored, FILE_ATTACKS[attack])
    write(operator, later)

    assert "cut" in {finding.what for finding in verify().findings}


def test_m7_a_removed_file_is_named_and_stays_named_after_the_next_anchor(anchored):
    anchored.unlink()
    assert "4 anchors were written" in str(verify().findings[0])
    anchors.write_anchor()
    assert "Its first 4 anchors are missing" in str(verify().findings[0])


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (f"DELETE FROM {MARKS} WHERE name = 'head'", "mark of the trail's length is missing"),
        (f"UPDATE {MARKS} SET number = 10 WHERE name = 'head'", "states another record"),
        (f"UPDATE {MARKS} SET mac = '0' WHERE name = 'head'", "states another record"),
        (f"DELETE FROM {MARKS} WHERE name LIKE 'anchors %%'", "does not state how many anchors"),
        (f"UPDATE {MARKS} SET mac = '0' WHERE name LIKE 'anchors %%'", "not the one that the data"),
        (f"UPDATE {MARKS} SET number = 9 WHERE name LIKE 'anchors %%'", "Its end is missing"),
    ],
)
@pytest.mark.parametrize("later", [0, 1])
def test_a_changed_mark_is_named_also_after_more_lines(anchored, operator, statement, text, later):
    sql(statement)
    write(operator, later)
    assert text in " ".join(map(str, verify().findings))


def _restore_all(anchored: Path, state: dict[str, Any]) -> None:
    tamper(f"DELETE FROM {EVENT} WHERE id > 12", f"DELETE FROM {MARKS}")
    AuditMark.objects.bulk_create(state["marks"])
    anchored.write_text(state["file"])


def _wipe(anchored: Path, state: dict[str, Any]) -> None:
    tamper(f"DELETE FROM {EVENT}", f"DELETE FROM {MARKS}")
    anchored.unlink()


UNDETECTABLE = {"an earlier state of all three is restored": _restore_all, "all is wiped": _wipe}


def test_an_earlier_state_of_the_database_is_undetectable_back_to_the_last_anchor(
    anchored, operator
):
    state = {"marks": list(AuditMark.objects.all()), "file": anchored.read_text()}
    write(operator, 3)
    _restore_all(anchored, state)
    assert found() == []

    write(operator, 1)
    state["file"] = anchors.write_anchor() and anchored.read_text()
    _restore_all(anchored, state)
    assert "cut record 13" in found()


@pytest.mark.parametrize("attack", UNDETECTABLE)
def test_what_stays_undetectable_is_found_by_a_kept_copy_of_the_anchors(
    anchored, operator, tmp_path, attack
):
    state = {"marks": list(AuditMark.objects.all()), "file": anchored.read_text()}
    write(operator, 3)
    anchors.write_anchor()
    copy = tmp_path / "copy"
    copy.write_text(anchored.read_text())

    UNDETECTABLE[attack](anchored, state)

    assert found() == []
    assert found(copy) == ["cut record 15" if attack != "all is wiped" else "cut record 3"]


@pytest.mark.parametrize("verb", sorted(anchors.ANCHORED))
def test_m7_an_anchor_is_written_after_events_that_matter(
    operator, settings, django_capture_on_commit_callbacks, verb
):
    with django_capture_on_commit_callbacks(execute=True):
        trail.record(operator, Verb(verb), subject_kind="test", subject="x")

    [anchor] = anchors.read_anchors(settings.AUDIT_ANCHORS_FILE)
    assert anchor["count"] == 1


def test_no_stranger_writes_an_anchor():
    assert not anchors.ANCHORED & {Verb.PERSON_SIGN_IN_FAILED, Verb.PAGE_REFUSED}


def test_an_anchor_that_cannot_be_written_does_not_stop_the_change(
    operator, settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.AUDIT_ANCHORS_FILE = tmp_path / "missing" / "file"
    with django_capture_on_commit_callbacks(execute=True):
        trail.record(operator, Verb.SENDING_FROZEN, subject_kind="test", subject="x")
    assert AuditEvent.objects.count() == 1


def test_m7_a_stale_file_is_named(operator, settings, travel):
    write(operator, 1)
    anchors.write_anchor()
    travel.move_to(now() + timedelta(minutes=59))
    write(operator, 1)
    assert found() == []
    travel.move_to(now() + timedelta(minutes=2))
    write(operator, 1)
    assert "The last anchor is of" in str(verify().findings[0])
    anchors.write_anchor()
    assert found() == []


def test_m7_a_trail_without_any_anchor_is_named_after_an_hour(operator, travel):
    write(operator, 1)
    assert found() == []
    travel.move_to(now() + timedelta(hours=2))
    write(operator, 1)
    assert "There is no anchor" in str(verify().findings[0])


def test_anchors_from_before_they_were_numbered_are_kept_and_may_not_be_removed(operator, settings):
    path = Path(settings.AUDIT_ANCHORS_FILE)
    write(operator, 2)
    path.write_text(json.dumps(anchors.make_anchor()) + "\n")
    write(operator, 2)
    anchors.write_anchor()
    assert found() == []
    edit(path, lambda lines: lines[1:])
    assert "before they were numbered" in str(verify().findings[0])


def test_a_line_that_was_not_written_to_its_end_does_not_join_the_next_one(operator, settings):
    path = Path(settings.AUDIT_ANCHORS_FILE)
    write(operator, 1)
    anchors.write_anchor()
    with path.open("a") as file:
        file.write('{"at": "2026-')
    anchors.write_anchor()
    assert found() == []
    assert [anchor["number"] for anchor in anchors.read_anchors(path)] == [1, 2]


def test_findings_of_marks_are_accepted_by_a_command(anchored, operator):
    tamper(CUT_BEHIND)
    anchored.unlink()
    assert len(found()) == 2
    call_command("audit_accept", "--reason", "Restored from the backup of Sunday.")
    anchors.write_anchor()
    write(operator, 2)
    anchors.write_anchor()
    assert found() == []


def test_the_mark_of_the_end_moves_with_each_line(operator):
    for count in (1, 2, 3):
        write(operator, 1)
        mark = head.find_mark(head.HEAD)
        assert mark
        assert mark.number == count


def test_anchors_are_read_from_a_log(lines, tmp_path):
    line = {"message": f"The trail stands at 7: {json.dumps(anchors.make_anchor())}"}
    (tmp_path / "log").write_text(f"noise\n{json.dumps(line)}\n")
    assert verify([tmp_path / "log"]).anchors == 1
    tamper(f"DELETE FROM {EVENT} WHERE id = 7")
    assert found(tmp_path / "log") == ["cut record 7", "cut record 7"]


def test_an_anchor_with_a_false_count_is_a_finding(lines, tmp_path):
    made_up = {**anchors.make_anchor(), "count": 5}
    (tmp_path / "anchors").write_text(json.dumps(made_up))
    assert found(tmp_path / "anchors")[0].startswith("anchor ")
