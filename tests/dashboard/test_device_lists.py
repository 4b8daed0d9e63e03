"""Lists of devices: pasted or uploaded, matched line by line, and selected."""

import csv
import io
from typing import Any
from uuid import uuid4

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile

from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.selections import list_parser
from actions.selections.choose import targets_of
from actions.selections.models import SelectedDevice, Selection, UploadedList
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import know_devices, make_record

pytestmark = pytest.mark.django_db

LISTS = "/devices/lists/"


@pytest.fixture
def fleet(db):
    store_records(
        [
            make_record("id-1", name="Anna's laptop", macs=("02:00:00:00:00:01",)),
            make_record("id-2", name="KIOSK", host_name="lobby", macs=("02:00:00:00:00:02",)),
            make_record("id-3", name="twin", macs=("02:00:00:00:00:33",)),
            make_record("id-4", name="Twin", macs=("02:00:00:00:00:33",)),
        ]
    )


def paste(page, text):
    return page.post(LISTS, {"lines": text}, follow=True)


def upload(page, name, data):
    return page.post(LISTS, {"file": SimpleUploadedFile(name, data)}, follow=True)


def sheet(*rows):
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        place = book.add_worksheet()
        for number, row in enumerate(rows):
            place.write_row(number, 0, row)
    return data.getvalue()


def numbers(answer):
    """The line numbers in each bucket of the page."""
    return {
        bucket["name"]: [line.number for line, _ in bucket["lines"]]
        for bucket in answer.context["buckets"]
    }


def test_each_line_is_in_one_bucket_with_its_number(page, fleet):
    answer = paste(
        page,
        "id-1\n\n"
        "0200.0000.0002\n"  # line 3
        "lobby\n"  # the same device again
        "twin\n"
        "02:00:00:00:00:33\n"
        "no such\n"
        "02:00:00:00:00\n"
        "no such\n",
    )
    assert numbers(answer) == {
        "matched": [1, 3],
        "duplicate": [4, 9],
        "ambiguous": [5, 6],
        "unknown": [7],
        "malformed": [8],
    }
    text = Parsed(answer.content.decode()).text
    assert "2 devices in 8 lines" in text
    assert "The same as line 3." in text


def test_only_matched_lines_are_selected_by_id_in_the_order_of_the_list(page, fleet):
    where = paste(page, "lobby\ntwin\n020000000001\nnobody").redirect_chain[0][0]
    answer = page.post(where, {"addressing": "ids"})
    chosen = Selection.objects.get()
    assert (answer.status_code, chosen.origin, chosen.addressing) == (303, "pick", "ids")
    assert targets_of(chosen) == ["id-2", "id-1"]
    assert "New action · 2 devices" in page.get(answer["Location"]).content.decode()


def test_devices_without_an_id_are_selected_by_mac_separately(page, fleet):
    Device.objects.filter(vendor_id="id-2").update(vendor_id="")
    answer = paste(page, "lobby\nid-1")
    assert "takes IDs or MACs, not both" in answer.content.decode()
    for addressing, target in (("macs", "02:00:00:00:00:02"), ("ids", "id-1")):
        page.post(answer.redirect_chain[0][0], {"addressing": addressing})
        row = SelectedDevice.objects.get(selection__addressing=addressing)
        assert row.target == target


def test_a_gone_device_counts_as_unknown(page, fleet):
    Device.objects.filter(vendor_id="id-2").update(gone_at="2026-01-01T00:00Z")
    answer = paste(page, "lobby")
    assert numbers(answer)["unknown"] == [1]
    assert "No longer listed by the vendor." in answer.content.decode()
    assert "No line matches a device" in answer.content.decode()


FILES = {
    "comma.csv": b'owner,"device id"\n"Doe, Jane",id-1\nJohn,"id-2"\n',
    "semicolon.csv": b"owner;device id\nJane;id-1\nJohn;id-2\n",
    "tabs.tsv": b"owner\tdevice id\nJane\tid-1\nJohn\tid-2\n",
    "utf16.txt": "owner\tname\r\nJane\tAnna's laptop\r\nJohn\tkiosk\r\n".encode("utf-16"),
    "sheet.xlsx": sheet(("owner", "MAC"), ("J", "02-00-00-00-00-01"), ("K", "020000000002")),
}


@pytest.mark.parametrize("name", FILES)
def test_the_device_column_is_detected_and_its_heading_skipped(page, fleet, name):
    answer = upload(page, name, FILES[name])
    assert (answer.context["column"], answer.context["heading"]) == (1, True)
    assert numbers(answer)["matched"] == [2, 3]
    assert name in answer.content.decode()


def test_another_column_can_be_chosen(page, fleet):
    where = upload(page, "x.csv", b"id-1,lobby\nid-3,no such\n").redirect_chain[0][0]
    assert numbers(page.get(where))["matched"] == [1, 2]
    other = numbers(page.get(where, {"column": 1}))
    assert (other["matched"], other["unknown"]) == ([1], [2])
    assert numbers(page.get(where, {"column": 1, "heading": "yes"}))["matched"] == []
    page.post(where, {"column": 1, "addressing": "ids"})
    assert SelectedDevice.objects.get().target == "id-2"


def test_each_bucket_is_downloaded_as_csv_without_formulas(page, fleet):
    where = paste(page, '=1+1\n @SUM(A1)\nlobby\nplain, "quoted"').redirect_chain[0][0]
    answer = page.get(f"{where}unknown.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="unknown-lines.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["line", "text", "device", "note"]
    assert [row[:2] for row in rows[1:]] == [
        ["1", "'=1+1"],
        ["2", "'@SUM(A1)"],
        ["4", 'plain, "quoted"'],
    ]
    matched = page.get(f"{where}matched.csv").content.decode("utf-8-sig").splitlines()
    assert matched[1] == '"3","lobby","KIOSK",""'
    assert page.get(f"{where}other.csv").status_code == 404


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "lines", "The list is empty."),
    "blank lines": ({"lines": " \n\t\n"}, "lines", "The list is empty."),
    "too many lines": (
        {"lines": "x\n" * (list_parser.MAX_LINES + 1)},
        "lines",
        "The list has more than 100,000 lines. Split it.",
    ),
    "an empty file": ({"file": b""}, "file", "The list is empty."),
    "a large file": (
        {"file": b"x" * (list_parser.MAX_BYTES + 1)},
        "file",
        "The file is larger than 8 MB. Split it.",
    ),
    "a program": ({"file": b"\x7fELF\x00\x01"}, "file", "This is neither a text nor a workbook"),
    "an old workbook": ({"file": b"\xd0\xcf\x11\xe0\xa1"}, "file", "This is an old workbook."),
    "a broken workbook": ({"file": b"PK\x03\x04zzz"}, "file", "This workbook cannot be read."),
    "both": (
        {"lines": "id-1", "file": b"id-2"},
        "file",
        "Paste a list or upload a file, not both.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_unreadable_list_shows_a_problem_and_is_not_stored(page, fleet, name):
    fields, where, problem = WRONG[name]
    if "file" in fields:
        fields = fields | {"file": SimpleUploadedFile("list.csv", fields["file"])}
    answer = page.post(LISTS, fields)
    assert answer.status_code == 422
    assert problem in answer.context["form"].errors[where][0]
    assert problem in Parsed(answer.content.decode()).text
    assert not UploadedList.objects.exists()


def test_a_list_is_visible_to_its_owner_only(page, fleet, visit: Visitor):
    where = paste(page, "id-1").redirect_chain[0][0]
    other = visit("helpdesk")
    for address in (where, f"{where}matched.csv", f"{LISTS}{uuid4()}/"):
        assert other.get(address).status_code == 404
    assert other.post(where, {"addressing": "ids"}).status_code == 404
    assert not Selection.objects.exists()


def test_the_device_list_links_to_uploading_a_list(page, visit: Visitor):
    know_devices("kiosk")
    assert 'href="/devices/lists/"' in page.get("/devices/").content.decode()
    assert "/devices/lists/" not in visit("viewer").get("/devices/").content.decode()
