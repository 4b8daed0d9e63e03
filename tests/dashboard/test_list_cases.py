"""Lists as people in the field have them, at the page and at the command."""

import pytest

from actions.action_requests.models import DeviceCommand
from actions.inventory.models import Device
from actions.selections.choose import targets_of
from actions.selections.models import Selection
from tests.dashboard.walk import Parsed
from tests.selections.fleet import (
    DATA,
    command,
    from_file,
    inventory,
    matched,
    pasted,
    result,
    uploaded,
)
from tests.selections.workbooks import packed, written

__all__ = ["inventory"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inventory")]


def text_of(answer):
    return " ".join(Parsed(answer.content.decode()).text.split())


def test_case_01_filtered_rows_are_left_out_and_told(page):
    answer = uploaded(page, "p07-filtered.xlsx")
    assert matched(answer) == ["PC-001", "PC-002"]
    assert "3 hidden rows" in text_of(answer)
    page.post(answer.redirect_chain[0][0], {"column": 0, "heading": "yes", "addressing": "ids"})
    chosen = Selection.objects.get().chosen.order_by("id")
    names = list(chosen.values_list("device__name", flat=True))
    assert names == ["PC-001", "PC-002"]

    told = from_file("p07-filtered.xlsx")
    assert "devices 2" in told
    assert "3 hidden rows" in told


def test_case_01_hidden_rows_are_taken_if_a_person_asks_for_them(page):
    where = uploaded(page, "p07-filtered.xlsx").redirect_chain[0][0]
    answer = page.post(where, {"read": "again", "sheet": "Sheet", "hidden": "yes"}, follow=True)
    assert matched(answer) == [f"PC-{number:03}" for number in range(1, 6)]
    assert "devices 5" in from_file("p07-filtered.xlsx", "--hidden")


def test_case_02_the_first_visible_sheet_is_read_and_named(page):
    answer = uploaded(page, "p06-hidden-sheet.xlsx")
    assert matched(answer) == ["PC-001", "PC-002"]
    assert "Devices to delete" in text_of(answer)
    assert "_lookup" in text_of(answer)
    where = answer.redirect_chain[0][0]
    other = page.post(where, {"read": "again", "sheet": "_lookup"}, follow=True)
    assert matched(other) == ["PC-031", "PC-032", "PC-033"]
    assert "devices 2" in from_file("p06-hidden-sheet.xlsx")
    assert "devices 3" in from_file("p06-hidden-sheet.xlsx", "--sheet", "_lookup")


def test_case_03_a_number_is_matched_by_the_text_that_its_cell_shows(page):
    assert matched(uploaded(page, "p15-zero-format.xlsx")) == ["ZERO-ID"]
    assert "devices 1" in from_file("p15-zero-format.xlsx")


@pytest.mark.parametrize(
    ("name", "count"),
    [("p01c-no-heading.csv", 3), ("p01d-heading-comma.csv", 3), ("p01f-quoted.csv", 4)],
)
def test_case_05_the_separator_is_the_one_whose_columns_name_devices(page, name, count):
    names = [f"PC-{number:03}" for number in range(1, count + 1)]
    answer = uploaded(page, name)
    assert matched(answer) == names
    where = answer.redirect_chain[0][0]
    other = page.post(where, {"read": "again", "separator": "comma"}, follow=True)
    assert matched(other) == []
    back = page.post(where, {"read": "again", "separator": "semicolon"}, follow=True)
    assert matched(back) == names
    assert f"devices {count}" in from_file(name)


def test_case_06_one_huge_cell_does_not_refuse_the_file(page):
    data = 'Device name,Installed software\r\nPC-001,"' + "x" * 131_073 + '"\r\nPC-002,none\r\n'
    assert matched(uploaded(page, "huge-cell.csv", data.encode())) == ["PC-001", "PC-002"]


def test_case_08_a_mac_is_known_in_every_notation(page):
    answer = uploaded(page, "p04-macs.txt")
    buckets = [bucket for bucket, _ in result(answer)]
    assert buckets == ["matched", *["duplicate"] * 7, "malformed"]
    for mac in (DATA / "p04-macs.txt").read_text().splitlines()[:8]:
        assert "devices 1" in command("--macs", mac)
        rows = page.get("/devices/", {"q": mac}).content.decode()
        assert "H3C-1" in rows, mac


def test_case_09_names_match_in_any_case_beyond_ascii(page):
    assert matched(pasted(page, "müller-pc\nработа-пк")) == ["MÜLLER-PC", "РАБОТА-ПК"]


def test_case_11_cells_that_force_text_are_read_as_their_text(page):
    assert matched(uploaded(page, "p05-force-text.csv")) == ["LAB-0", "LAB-1", "LAB-2"]


@pytest.mark.parametrize(
    ("name", "count"),
    [("p11-one-line.txt", 3), ("p11b-csv-as-txt.txt", 2), ("p11c-semicolon-list.txt", 3)],
)
def test_case_13_a_list_in_one_line_and_a_table_in_a_text_are_read(page, name, count):
    names = [f"PC-{number:03}" for number in range(1, count + 1)]
    assert matched(uploaded(page, name)) == names
    assert matched(pasted(page, (DATA / name).read_text())) == names
    assert f"devices {count}" in from_file(name)


def test_case_15_all_addresses_of_a_cell_are_looked_up(page):
    answer = uploaded(page, "p12-multi-mac.csv")
    assert answer.context["column"] == 1
    assert matched(answer) == ["PC-001", "PC-002"]
    both = b'Device,MACs\nA,"02:00:5E:00:00:01\n02:00:5E:00:00:02"\nB,"02:1:2"\nC,"a\nb"\n'
    lines = result(uploaded(page, "both.csv", both))
    assert lines[0][0] == "ambiguous"
    assert "closing quotation mark" not in text_of(uploaded(page, "both.csv", both))


def test_case_17_a_protected_workbook_is_told_as_protected(page):
    answer = uploaded(page, "p29-protected.xlsx")
    assert answer.status_code == 422
    (problem,) = answer.context["form"].errors["file"]
    assert "protected by a password or a label" in problem
    assert "protected by a password or a label" in from_file("p29-protected.xlsx")


@pytest.mark.parametrize("name", ["c01-utf16.txt", "p09-utf16le-nobom.csv"])
def test_case_18_utf_16_is_read_with_and_without_a_mark(page, name):
    assert len(matched(uploaded(page, name))) == 2
    assert "devices 2" in from_file(name)


def test_case_20_an_apostrophe_is_found_in_every_form(page):
    assert matched(pasted(page, "💻 Ana's MacBook")) == ["💻 Ana\u2019s MacBook"]
    assert "MacBook" in page.get("/devices/", {"q": "ana's"}).content.decode()


@pytest.mark.parametrize("unlisted", [(), ("--unlisted",)])
def test_case_21_an_ambiguous_mac_is_refused_and_names_its_devices(page, unlisted):
    wanted = "names several devices: DOCK-A, DOCK-B; use their ids"
    for dry_run in (True, False):
        assert wanted in command("--macs", "02:00:5E:AA:AA:AA", *unlisted, dry_run=dry_run)
    assert not DeviceCommand.objects.exists()
    answer = pasted(page, "02:00:5E:AA:AA:AA")
    assert result(answer) == [("ambiguous", "02:00:5E:AA:AA:AA")]
    assert wanted in text_of(answer)


def test_the_chosen_devices_are_those_of_the_result_page(page):
    answer = pasted(page, "PC-003, müller-pc, 02005e-000001, nobody")
    page.post(answer.redirect_chain[0][0], {"addressing": "ids"})
    ids = dict(Device.objects.values_list("name", "vendor_id"))
    assert targets_of(Selection.objects.get()) == [
        ids[name] for name in ("PC-003", "MÜLLER-PC", "PC-001")
    ]


def test_case_01_a_workbook_that_shows_no_row_says_what_is_hidden(page):
    data = written([(0, 0, "PC-001", "General")], hidden_rows=[0])
    answer = uploaded(page, "hidden.xlsx", data)
    assert answer.status_code == 422
    (problem,) = answer.context["form"].errors["file"]
    assert "1 hidden row left out" in problem


OTHERS = {
    "old.xls": (b"\xd0\xcf\x11\xe0" + "Workbook\x00".encode("utf-16-le"), "old workbook"),
    "label.xls": (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "protected"),
    "list.doc": (b"\xd0\xcf\x11\xe0" + "WordDocument\x00".encode("utf-16-le"), "without sheets"),
    "list.xlsb": (packed({"xl/workbook.bin": b"\x00"}), "binary workbook (.xlsb)"),
    "list.ods": (
        packed({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        "OpenDocument",
    ),
    "list.numbers": (packed({"Index/Document.iwa": b"\x00"}), "Apple Numbers"),
    "list.zip": (packed({"list.csv": "PC-001"}), "zip archive"),
    "list.docx": (packed({"word/document.xml": "<a/>"}), "without"),
    "list.pdf": (b"%PDF-1.7\n", "PDF"),
    "export.xls": (b"<html><table><tr><td>PC-001</td></tr></table></html>", "web page"),
    "list.csv.gz": (b"\x1f\x8b\x08\x00", "compressed"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_case_17_a_file_of_another_kind_is_refused_with_a_true_reason(page, name):
    data, words = OTHERS[name]
    answer = uploaded(page, name, data)
    assert answer.status_code == 422
    (problem,) = answer.context["form"].errors["file"]
    assert words in problem
