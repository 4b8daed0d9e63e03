"""Exports are complete, signed and free of formulas; a worker runs checks and exports."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from actions import spreadsheets
from actions.audit import jobs, retention
from actions.audit.models import AuditJob
from actions.audit.query import AuditQuery
from actions.audit.verify import verify
from actions.errors import NotAllowed, Refused
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.factories import enrol, make_request

pytestmark = pytest.mark.django_db

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BODIES = ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://x","y")', "SUM(A1:A9)")
PAYLOADS = [start + body for start in STARTS for body in BODIES]
PAYLOADS += [" =1+1", "\u00a0=1+1", "\ufeff=1+1"]


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.AUDIT_EXPORT_DIR = tmp_path / "exports"
    settings.AUDIT_ARCHIVE_DIR = tmp_path / "archive"
    settings.AUDIT_ANCHORS_FILE = tmp_path / "anchors.jsonl"


@pytest.fixture
def lines(operator):
    for text in PAYLOADS:
        trail.record(
            operator,
            Verb.DEVICES_EXPORTED,
            subject_kind="test",
            subject=text,
            reason=text,
            detail=text,
        )


def export(actor, form: str, **parts: str) -> tuple[Path, AuditJob]:
    job = jobs.ask_export(actor, AuditQuery(**parts), form)
    jobs.work()
    job.refresh_from_db()
    assert job.state == "done", job.result
    with jobs.open_export(job, actor):
        return Path(settings.AUDIT_EXPORT_DIR) / job.file, job


def test_there_are_enough_payloads():
    assert len(set(PAYLOADS)) >= 40


def test_a_csv_export_has_every_line_and_no_formula(auditor, lines):
    path, job = export(auditor, "csv", verb=Verb.DEVICES_EXPORTED)
    with zipfile.ZipFile(path) as box:
        text = box.read("audit.csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0])[9:14] == ["subject", "reason", "detail", "ticket", "kind"]
    assert job.result["count"] == len(rows) == len(PAYLOADS)
    for row, payload in zip(rows, PAYLOADS, strict=True):
        assert row["reason"] == row["detail"] == f"'{payload}"
        for cell in row.values():
            assert not cell.strip(" \u00a0\ufeff").startswith(STARTS)


def test_an_xlsx_export_has_only_texts(auditor, lines):
    path, _ = export(auditor, "xlsx", verb=Verb.DEVICES_EXPORTED)
    with zipfile.ZipFile(path) as box, zipfile.ZipFile(io.BytesIO(box.read("audit.xlsx"))) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314  # Our own file.
    space = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    assert sheet.findall(".//f", space) == []
    kinds = {cell.get("t") for cell in sheet.findall(".//c", space)}
    assert kinds == {"inlineStr"}
    texts = ["".join(cell.itertext()) for cell in sheet.findall(".//c", space)]
    spoken = [payload for payload in PAYLOADS if payload.strip() == payload]
    assert set(spoken) <= set(texts)


def test_a_json_lines_export_has_lines_as_they_were_signed(auditor, lines):
    path, _ = export(auditor, "jsonl", q="calc")
    with zipfile.ZipFile(path) as box:
        found = [json.loads(line) for line in box.read("audit.jsonl").splitlines()]
    events = {event.pk: event for event in AuditEvent.objects.filter(verb=Verb.DEVICES_EXPORTED)}
    assert len(found) == len(STARTS)
    for line in found:
        event = events[line["id"]]
        stored = (event.signature, event.previous, event.detail, event.data)
        assert (line["mac"], line["previous"], line["detail"], line["data"]) == stored


def check(path: Path) -> list[str]:
    out = StringIO()
    try:
        call_command("audit_verify", "--manifest", str(path), "--json", stdout=out)
    except CommandError as error:
        assert error.returncode == 1
    return [each["place"] for each in json.loads(out.getvalue())["findings"]]


def test_the_manifest_verifies_the_export_and_names_changed_files(auditor, lines, tmp_path):
    path, _job = export(auditor, "csv", verb=Verb.DEVICES_EXPORTED, since="2020-01-01")
    assert check(path) == []
    with zipfile.ZipFile(path) as box:
        box.extractall(tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.json"
    content = json.loads(manifest.read_text())
    assert content["question"] == {"verb": "devices.exported", "since": "2020-01-01"}
    assert (content["count"], content["anchor"]["count"]) == (len(PAYLOADS), len(PAYLOADS) + 1)
    assert check(manifest) == []
    with (tmp_path / "out" / "audit.csv").open("a") as file:
        file.write("one more\n")
    assert check(manifest) == ["audit.csv"]
    (tmp_path / "out" / "audit.csv").unlink()
    assert check(manifest) == ["audit.csv"]
    manifest.write_text(manifest.read_text().replace('"count": 47', '"count": 46'))
    assert check(manifest) == ["manifest.json", "audit.csv"]


def test_request_creation_and_download_of_an_export_are_recorded(auditor, lines):
    path, job = export(auditor, "csv")
    verbs = AuditEvent.objects.filter(subject=str(job.uuid)).order_by("id")
    assert [event.verb for event in verbs] == [
        "audit.export_asked",
        "audit.exported",
        "audit.export_taken",
    ]
    assert (verbs[0].actor, verbs[0].role) == ("ada", "auditor")
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_an_expired_export_is_deleted(auditor, lines):
    path, job = export(auditor, "csv")
    AuditJob.objects.update(expires_at=now() - timedelta(seconds=1))
    assert jobs.delete_expired() == 1
    assert not path.exists()
    job.refresh_from_db()
    with pytest.raises(Refused, match="expired"):
        jobs.open_export(job, auditor)


def test_a_role_that_cannot_read_the_trail_gets_no_job_and_is_recorded(helpdesk, lines):
    with pytest.raises(NotAllowed):
        jobs.ask_export(helpdesk, AuditQuery(), "csv")
    with pytest.raises(NotAllowed):
        jobs.ask_check(helpdesk)
    verbs = AuditEvent.objects.filter(actor="hanna").values_list("verb", flat=True)
    assert set(verbs) == {"audit.export_refused", "audit.check_refused"}


@pytest.mark.parametrize("parts", [{"since": "soon"}, {"call": "x"}])
def test_an_invalid_query_or_format_is_refused_and_stores_nothing(auditor, parts):
    with pytest.raises(Refused):
        jobs.ask_export(auditor, AuditQuery(**parts), "csv")
    with pytest.raises(Refused):
        jobs.ask_export(auditor, AuditQuery(), "pdf")
    assert not AuditJob.objects.exists()


def test_a_check_is_requested_once_run_by_a_worker_and_recorded(
    auditor, operator, vendor, send_due
):
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk")
    send_due()
    job = jobs.ask_check(auditor)
    assert jobs.ask_check(auditor) == job
    assert jobs.work() == 1
    job.refresh_from_db()
    assert (job.state, job.result["ok"], job.result["requests"]) == ("done", True, 1)
    assert AuditEvent.objects.get(verb="audit.checked").data["ok"] is True


def test_a_job_whose_worker_died_is_restarted_by_another(auditor, lines):
    job = jobs.ask_check(auditor)
    AuditJob.objects.update(state="running", heartbeat_at=now())
    assert jobs.work() == 0
    AuditJob.objects.update(heartbeat_at=now() - timedelta(minutes=5))
    assert jobs.work() == 1
    job.refresh_from_db()
    assert job.state == "done"


def test_old_lines_move_to_a_signed_archive_and_the_remaining_chain_is_valid(operator, lines):
    last = AuditEvent.objects.latest("pk")
    for number in range(3):
        trail.record(operator, Verb.LOG_OPENED, subject_kind="test", subject=str(number))
    [path] = retention.archive(AuditEvent.objects.get(pk=last.pk + 1).at)
    assert path
    assert check(path) == []
    with zipfile.ZipFile(path) as box:
        assert len(box.read("audit.jsonl").splitlines()) == len(PAYLOADS)
    left = list(AuditEvent.objects.order_by("id").values_list("verb", flat=True))
    assert left == [Verb.LOG_OPENED] * 3 + [Verb.AUDIT_ARCHIVED]
    assert AuditEvent.objects.earliest("pk").previous == last.signature
    assert verify().findings == []
    assert retention.archive(now() - timedelta(days=1)) == []


def test_lines_deleted_after_an_archive_are_found(operator, lines):
    from tests.trail.tampering import EVENT, found, tamper

    third = AuditEvent.objects.get(pk=30)
    retention.archive(third.at)
    tamper(f"DELETE FROM {EVENT} WHERE id = 30")  # noqa: S608
    assert found()[0] == "removed record 1 to 30"


def test_rows_beyond_a_full_sheet_go_to_another_sheet(monkeypatch):
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 3)
    box = io.BytesIO()
    spreadsheets.xlsx_file(box, ["a"], ([str(number)] for number in range(5)))
    with zipfile.ZipFile(box) as book:
        names = [name for name in book.namelist() if re.search(r"worksheets/sheet\d", name)]
    assert len(names) == 3


def test_h9_no_export_and_no_archive_is_written_while_the_disk_is_short(operator, lines, settings):
    waiting = jobs.ask_export(operator, AuditQuery(), "csv")
    settings.MIN_FREE_DISK_MB = 10**12
    before = AuditEvent.objects.count()

    with pytest.raises(Refused, match="No export is written: only"):
        jobs.ask_export(operator, AuditQuery(), "csv")
    assert AuditEvent.objects.count() == before + 1
    jobs.work()
    waiting.refresh_from_db()
    assert waiting.state == "failed"
    assert waiting.result["trouble"].startswith("No export is written: only")
    with pytest.raises(Refused, match="No archive of the audit trail is written: only"):
        retention.archive(now() + timedelta(hours=1))
    assert not list(Path(settings.AUDIT_ARCHIVE_DIR).glob("*"))
