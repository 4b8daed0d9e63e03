"""Lists as programs write them: directives, stray bytes, invisible marks and old code pages."""

import pytest

from actions.inventory.store import store_records
from actions.selections.list_file import decode
from actions.selections.list_matching import match_lines
from actions.selections.list_reader import read_list
from tests.factories import make_record
from tests.selections.fleet import IDS, command, inventory, matched, result, uploaded

__all__ = ["inventory"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inventory")]


def buckets(*texts: str) -> list[str]:
    return [line.bucket for line in match_lines(enumerate(texts, 1))]


MARKS = ["\u200e{}", "\u202a{}\u202c", "\u2060{}", "{}\u200b", "\u2068{}\u2069", "\ufeff{}\u00ad"]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("name", IDS)
def test_case_20_invisible_marks_are_nothing_in_an_id(name, mark):
    for text in (IDS[name], IDS[name].upper()):
        (line,) = match_lines([(1, mark.format(text))])
        assert line.bucket == "matched", line
        assert command("--ids", mark.format(text)).startswith("Would send")


def test_an_id_with_a_mark_never_names_another_device():
    assert buckets("0044\u200b5566", "00445566", "\u202d445566\u202c") == [
        *("matched", "duplicate", "matched"),
    ]


def test_an_id_in_capitals_is_found_in_either_case():
    for known in ("9F-ABC", "7KQ2M9XR4TB8W3ZD", "AB0000000001", "A B"):
        store_records([make_record(known, name=f"capital {len(known)}")])
        assert buckets(known.lower()) == buckets(known) == ["matched"]
    assert command("--ids", "9f-abc").startswith("Would send")


DIRECTIVES = ["sep={0}", "SEP={0}", '"sep={0}"', "sep={0}{0}"]
TABLE = "Owner{0}Device name\r\nEva{0}PC-001\r\nJo{0}PC-002\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sign", [";", ",", "\t", "|"])
@pytest.mark.parametrize("directive", DIRECTIVES)
def test_case_05_the_line_that_names_the_separator_is_no_device(directive, sign, encoding):
    data = f"{directive}\r\n{TABLE}".format(sign).encode(encoding)
    found = read_list("list.csv", data)
    assert [row.number for row in found.rows] == [2, 3, 4]
    assert [row.cells[1] for row in found.rows] == ["Device name", "PC-001", "PC-002"]


def test_case_05_page_and_command_read_below_the_line_that_names_the_separator(page, tmp_path):
    data = f"sep=;\r\n{TABLE}".format(";").encode("utf-16")
    assert matched(uploaded(page, "list.csv", data)) == ["PC-001", "PC-002"]
    (tmp_path / "list.csv").write_bytes(data)
    assert "devices 2" in command("--from-file", str(tmp_path / "list.csv"))


@pytest.mark.parametrize("text", ["sep=", "sep=ab\nPC-001", "PC-001\nsep=;\n", "sep=x\nPC-001"])
def test_another_line_that_begins_like_it_is_a_line_of_the_list(text):
    rows = read_list("list.txt", text.encode()).rows
    assert any("sep=" in cell for row in rows for cell in row.cells)


@pytest.mark.parametrize(
    "data", [b"PC-001\x00\nPC-002\n", b"PC-001\r\nPC-002\x00\r\n\x00", b"\0PC-1"]
)
def test_case_35_one_zero_byte_makes_no_list_chinese(data):
    assert decode("list.txt", data, "file").isascii()


def test_case_35_a_line_with_a_zero_byte_is_named_and_the_others_are_read(page):
    found = result(uploaded(page, "list.txt", b"PC-001\x00\nPC-002\nPC-003\n"))
    assert [bucket for bucket, _ in found] == ["malformed", "matched", "matched"]


@pytest.mark.parametrize(
    ("page_of_codes", "name"),
    [
        *(("cp1251", "РАБОТА-ПК"), ("cp866", "РАБОТА-ПК"), ("koi8-r", "РАБОТА-ПК")),
        *(("cp1252", "MÜLLER-PC"), ("cp850", "MÜLLER-PC"), ("mac_roman", "MÜLLER-PC")),
        ("cp1252", "Büro-iMac"),
    ],
)
def test_case_35_the_code_page_that_names_devices_counts(page, tmp_path, page_of_codes, name):
    """Old spreadsheets write the code page of their country, and nothing says which one."""
    data = f"{name};1\r\nPC-001;2\r\n".encode(page_of_codes)
    answer = uploaded(page, "list.csv", data)
    assert matched(answer) == [name, "PC-001"]
    (tmp_path / "list.csv").write_bytes(data)
    told = command("--from-file", str(tmp_path / "list.csv"))
    assert "devices 2" in told
    for text in (told, answer.content.decode()):
        assert ("Read with the code page" in text) == (page_of_codes != "cp1252")
