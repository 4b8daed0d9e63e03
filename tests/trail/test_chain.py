"""Changes made in the database, past the console, are findings of the check."""

# ruff: noqa: S608  # The statements contain only names of this file.

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from actions.action_requests import controls
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.audit.verify import verify
from actions.inventory.sync import start_sync
from actions.trail import guards, trail
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb
from dashboard.models import User
from tests.factories import enrol, know_devices, make_request
from tests.trail.tampering import EVENT, NAMED, found, sql, tamper

pytestmark = pytest.mark.django_db


@pytest.fixture
def settled(operator, vendor, send_due) -> ActionRequest:
    enrol(vendor, "kiosk", "laptop")
    action_request = make_request(operator, "kiosk", "laptop", reason="Maintenance")
    send_due()
    return action_request


def test_an_unchanged_trail_has_no_findings(settled, lines, operator, send_due):
    start_sync(operator)
    send_due()
    controls.undo(settled, operator, hours="24", reason="Too early")
    waiting = make_request(operator, "kiosk", kind="exempt")
    controls.pause(waiting, operator)
    controls.cancel(waiting, operator)
    report = verify()
    assert report.findings == []
    assert report.records == AuditEvent.objects.count()
    assert report.requests == 3


@pytest.mark.parametrize(
    ("tampering", "first"),
    [
        ([f"UPDATE {EVENT} SET reason = 'y' WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET detail = 'y' WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET detail = '' WHERE id = 7"], "altered record 7"),
        ([f"UPDATE {EVENT} SET actor = 'nobody' WHERE id = 1"], "altered record 1"),
        ([f"UPDATE {EVENT} SET data = '{{\"a\": 1}}' WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET signature = previous WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET search_text = 'z' WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET key_id = 'other' WHERE id = 4"], "altered record 4"),
        ([f"UPDATE {EVENT} SET user_id = 99 WHERE id = 7"], "altered record 7"),
        ([f"DELETE FROM {EVENT} WHERE id = 4"], "removed record 4"),
        ([f"DELETE FROM {EVENT} WHERE id IN (3, 4)"], "removed record 3 to 4"),
        ([f"DELETE FROM {EVENT} WHERE id = 1"], "removed record 1"),
        (
            [
                f"UPDATE {EVENT} SET id = 99 WHERE id = 3",
                f"UPDATE {EVENT} SET id = 3 WHERE id = 5",
                f"UPDATE {EVENT} SET id = 5 WHERE id = 99",
            ],
            "reordered record 3",
        ),
        (
            [
                f"DELETE FROM {EVENT} WHERE id = 4",
                f"INSERT INTO {EVENT} SELECT * FROM {EVENT} WHERE id = -1",
                f"UPDATE {EVENT} SET id = 4 WHERE id = 5",
            ],
            "reordered record 4",
        ),
        (
            [f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {EVENT} WHERE id = 7",
             "UPDATE copied SET id = 8, reason = 'forged'",
             f"INSERT INTO {EVENT} SELECT * FROM copied", "DROP TABLE copied"],
            "altered record 8",
        ),
    ],
)  # fmt: skip
def test_the_first_changed_line_is_the_first_finding(lines, tampering, first):
    tamper(*tampering)
    assert found()[0] == first


def test_an_unsigned_line_between_others_is_found_as_inserted(lines):
    tamper(
        f"UPDATE {EVENT} SET id = 90 WHERE id = 7",
        f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {EVENT} WHERE id = 6",
        "UPDATE copied SET id = 7, reason = 'forged'",
        f"INSERT INTO {EVENT} SELECT * FROM copied",
        "DROP TABLE copied",
    )
    assert found()[0] == "inserted record 7"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE actions_devicecommand SET status = 'failed' WHERE target = 'kiosk'", "command"),
        ("UPDATE actions_devicecommand SET command_id = 'x' WHERE target = 'kiosk'", "command"),
        ("UPDATE actions_devicecommand SET vendor_status = -1 WHERE target = 'kiosk'", "command"),
        ("DELETE FROM actions_devicecommand WHERE target = 'kiosk'", "command"),
        ("UPDATE actions_devicecommand SET target = 'other' WHERE target = 'kiosk'", "command"),
        ("UPDATE actions_actionrequest SET reason = 'other'", "request"),
        ("UPDATE actions_actionrequest SET actor = 'other'", "request"),
    ],
)
def test_a_row_of_the_engine_that_was_edited_in_sql_is_found(settled, statement, kind):
    sql(statement)
    assert found()[0].startswith(f"{kind} request {settled.uuid}")


def test_a_device_removed_from_the_index_is_found(settled):
    tamper(f"DELETE FROM {NAMED} WHERE device_key = 'kiosk'")
    assert found()[0].startswith("altered record")


@pytest.mark.parametrize(("line", "end"), [(8, "ends at record 7"), (0, "begins at record 1")])
def test_a_device_of_a_line_that_does_not_exist_is_named(lines, line, end):
    assert found() == []
    tamper(f"INSERT INTO {NAMED} (event_id, device_key, status) VALUES ({line}, 'kiosk', 'sent')")

    [finding] = verify().findings

    assert (finding.what, finding.place) == ("altered", f"record {line}")
    assert end in str(finding)
    tamper(f"DELETE FROM {NAMED} WHERE event_id = {line}")  # SQLite checks the key at the end.


@pytest.mark.parametrize("table", [EVENT, NAMED])
@pytest.mark.parametrize("operation", ["UPDATE {} SET id = id", "DELETE FROM {}", "truncate"])
def test_the_database_refuses_every_change(settled, table, operation):
    if operation == "truncate":
        operation = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
        if connection.vendor == "postgresql":
            operation = "TRUNCATE {} CASCADE"
            # Deferred constraints would refuse the statement before the trigger does.
            sql("SET CONSTRAINTS ALL IMMEDIATE")
    before = AuditEvent.objects.count(), AuditDevice.objects.count()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(operation.format(table))
    assert (AuditEvent.objects.count(), AuditDevice.objects.count()) == before


def test_suspended_triggers_are_created_again_and_missing_ones_are_found(lines):
    with guards.triggers_suspended(connection):
        assert len(guards.missing_triggers(connection)) == 6
    assert guards.missing_triggers(connection) == []
    on = f" ON {EVENT}" if connection.vendor == "postgresql" else ""
    sql(f"DROP TRIGGER auditevent_no_update{on}")
    assert found() == ["unprotected auditevent_no_update"]


def test_deleting_people_and_devices_removes_no_line(settled, operator):
    before = list(AuditEvent.objects.values_list("signature", flat=True))
    for device in know_devices("kiosk", "laptop"):
        device.delete()
    User.objects.filter(username=operator.name).delete()
    assert list(AuditEvent.objects.values_list("signature", flat=True)) == before
    assert AuditEvent.objects.filter(actor="oscar").exists()
    assert verify().findings == []


def test_a_rollback_leaves_neither_the_change_nor_its_line(operator):
    know_devices("kiosk")
    with pytest.raises(RuntimeError), transaction.atomic():
        make_request(operator, "kiosk")
        raise RuntimeError("the machine stops here")
    assert (ActionRequest.objects.count(), AuditEvent.objects.count()) == (0, 0)
    make_request(operator, "kiosk")
    assert AuditEvent.objects.get().pk == 1


def test_odd_numbers_and_characters_match_their_signature_after_storage(operator):
    odd: dict[str, Any] = {
        "big": 1e20,
        "small": 1e-9,
        "zero": -0.0,
        "nan": float("nan"),
        "half": 0.5,
    }
    odd |= {"nul": "a\x00b", "alone": "\ud800", "emoji": "😀", "deep": [{"a\x00": ("x",)}]}
    trail.record(
        operator,
        Verb.DEVICES_EXPORTED,
        subject_kind="test",
        subject="\x00" * 999,
        reason="\udfff",
        **odd,
    )
    assert found() == []


def test_the_command_prints_findings_and_exits_with_1(lines, settings, tmp_path):
    settings.AUDIT_ANCHORS_FILE = tmp_path / "anchors.jsonl"
    out = StringIO()
    call_command("audit_verify", stdout=out)
    assert "Unchanged: 7 records" in out.getvalue()
    tamper(f"UPDATE {EVENT} SET reason = 'y' WHERE id = 4")
    out = StringIO()
    with pytest.raises(CommandError, match="altered: record 4") as error:
        call_command("audit_verify", "--json", stdout=out)
    assert error.value.returncode == 1
    assert json.loads(out.getvalue())["findings"][0]["place"] == "record 4"


def test_a_command_without_a_line_is_found(settled):
    row = DeviceCommand.objects.get(target="kiosk")
    row.pk, row.target = None, "another"
    row.save()
    assert found() == [f"command request {settled.uuid}, another"]
