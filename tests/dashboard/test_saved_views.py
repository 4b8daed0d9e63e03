"""Saved views, columns, density and exports of the device list."""

import csv
import io
import json
import zipfile
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.inventory.store import store_records
from actions.trail.models import AuditEvent
from dashboard import exports
from dashboard.models import SavedView, User
from tests.dashboard.conftest import Visitor
from tests.factories import know_devices, make_record

pytestmark = pytest.mark.django_db

VIEWS, QUERY = "/devices/views/", "q=kiosk&status=exempted&sort=-seen"
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\tx",
    "\rx",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    " =1",
)


def test_a_view_stores_search_filters_and_order_under_one_url(page):
    page.post(VIEWS, {"name": " Kiosks ", "query": f"{QUERY}&page=last&nobody=asked"})
    view = SavedView.objects.get()
    assert (view.name, view.shared) == ("Kiosks", False)

    answer = page.get(f"{VIEWS}{view.uuid}/")

    assert (answer.status_code, answer["Location"]) == (302, f"/devices/?{QUERY}")
    assert "Kiosks" in page.get("/devices/").content.decode()
    assert not AuditEvent.objects.exclude(verb="person.signed_in").exists()


def test_saving_under_the_same_name_replaces_the_view(page):
    for query in ("q=old", "q=new"):
        page.post(VIEWS, {"name": "Mine", "query": query})
    assert SavedView.objects.get().query == "q=new"


def test_others_open_only_shared_views_and_only_the_owner_changes_them(page, visit: Visitor):
    page.post(VIEWS, {"name": "Kiosks", "query": QUERY})
    view = SavedView.objects.get()
    address, change, other = f"{VIEWS}{view.uuid}/", f"{VIEWS}{view.uuid}/change/", visit("viewer")
    assert other.get(address).status_code == 404

    page.post(change, {"verb": "share"})

    assert other.get(address).status_code == 302
    assert "by operator" in other.get("/devices/").content.decode()
    assert other.post(change, {"verb": "drop"}).status_code == 403
    page.post(change, {"verb": "unshare"})
    assert other.get(address).status_code == 404
    page.post(change, {"verb": "share"})
    page.post(change, {"verb": "drop"})
    assert not SavedView.objects.exists()
    verbs = (
        AuditEvent.objects.exclude(verb="person.signed_in")
        .order_by("id")
        .values_list("verb", "actor", "subject")
    )
    not_found = ("page.refused", "viewer", address)
    shared, unshared, dropped = (
        (f"view.{verb}", "operator", str(view.uuid)) for verb in ("shared", "unshared", "dropped")
    )
    refused = ("view.change_refused", "viewer", str(view.uuid))
    assert list(verbs) == [not_found, shared, refused, unshared, not_found, shared, dropped]


@pytest.mark.parametrize("name", ["", "  ", "\x00", "x" * 81], ids=len)
def test_a_view_with_an_invalid_name_is_not_saved(page, name):
    answer = page.post(VIEWS, {"name": name, "query": QUERY}, follow=True)
    assert "ame" in answer.content.decode()
    assert answer.redirect_chain == [(f"/devices/?{QUERY}", 302)]
    assert not SavedView.objects.exists()


def test_an_unknown_view_is_not_found(page):
    assert page.get(f"{VIEWS}{uuid4()}/").status_code == 404


def test_columns_and_density_are_stored_per_user(page, visit: Visitor):
    know_devices("kiosk", nickname="Till at the door", severity="critical")
    form = {"column": ["nickname", "severity", "nonsense"], "density": "compact", "query": QUERY}
    assert page.post("/devices/columns/", form)["Location"] == f"/devices/?{QUERY}"

    html = page.get("/devices/").content.decode()

    assert "Till at the door" in html
    assert "table-compact" in html
    assert [column.key for column, *_ in page.get("/devices/").context["heads"]] == [
        *("name", "severity", "nickname"),
    ]
    assert "Till at the door" not in visit("viewer").get("/devices/").content.decode()
    page.post("/devices/columns/", {"density": "nonsense"})
    assert User.objects.get(username="operator").density == "compact"


@pytest.fixture
def fleet(db):
    records = [make_record(f"d{place}", name=name) for place, name in enumerate(HOSTILE)]
    store_records([*records, make_record("other", name="plain", status="exempted")])


def export(page, form, query="status=compliant&sort=-name"):
    answer = page.post("/devices/export/", {"format": form, "query": query})
    assert answer.streaming
    assert answer["Content-Disposition"].endswith(f'.{form}"')
    return b"".join(answer)


def test_the_csv_export_has_no_formula(page, fleet):
    page.post("/devices/columns/", {"column": ["status"]})
    text = export(page, "csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["Device id", "Device", "Status"]
    assert sorted(row[1] for row in rows[1:]) == sorted(f"'{name}" for name in HOSTILE)


def test_the_json_export_equals_the_list(page, fleet):
    rows = json.loads(export(page, "json"))
    assert sorted((row["Device"] for row in rows), reverse=True) == [row["Device"] for row in rows]
    assert {row["Device"] for row in rows} == set(HOSTILE)
    assert rows[0]["Status"] == "compliant"
    assert json.loads(export(page, "json", "q=nobody")) == []


def test_the_xlsx_export_has_text_cells_only(page, fleet):
    with zipfile.ZipFile(io.BytesIO(export(page, "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 1 + len(HOSTILE)
    assert "<f>" not in sheet
    assert {part.split('"')[0] for part in sheet.split(' t="')[1:]} == {"inlineStr"}


def test_an_export_is_recorded_with_its_query(page, fleet):
    export(page, "csv")
    line = AuditEvent.objects.exclude(verb="person.signed_in").get()
    assert (line.verb, line.actor, line.subject) == ("devices.exported", "operator", "csv")
    assert (line.data["query"], line.data["count"]) == ("status=compliant&sort=-name", len(HOSTILE))


@pytest.mark.parametrize("form", [{}, {"format": "pdf"}, {"format": "csv", "query": "seen=soon"}])
def test_an_invalid_export_shows_a_message_and_is_not_recorded(page, fleet, form):
    assert page.post("/devices/export/", form).status_code == 302
    assert not AuditEvent.objects.exclude(verb="person.signed_in").exists()


def test_a_large_export_is_read_in_chunks(page):
    know_devices(*(f"d{number:04}" for number in range(1, 1203)))
    with CaptureQueriesContext(connection) as found:
        rows = json.loads(export(page, "json", ""))
    assert [row["Device id"] for row in rows] == [f"d{number:04}" for number in range(1, 1203)]
    parts = [query["sql"] for query in found if "LIMIT 1000" in query["sql"]]
    assert len(parts) == 2


def test_an_empty_export_has_a_header_row():
    assert b"".join(exports.csv_rows(["a", "b"], [])) == b'\xef\xbb\xbf"a","b"\r\n'
    assert json.loads(b"".join(exports.json_rows(["a"], []))) == []
