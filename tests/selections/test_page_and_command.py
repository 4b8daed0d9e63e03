"""The page and the command give the same answer for any list, and choose any form of a text."""

import csv
import io
import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.inventory.models import Device
from actions.selections.list_matching import guess_column, match_lines
from actions.selections.list_parser import column_of
from actions.selections.list_reader import Choice, read_list, read_text
from actions.selections.uploads import keep_list, read_again, reading_of, rows_of
from tests.selections.fleet import IDS, MACS, NAMES, command, inventory, matched, pasted, result

__all__ = ["inventory"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inventory")]


KNOWN = [*NAMES, *IDS, *IDS.values(), "PC-001", "pc-002", "02:00:5E:00:00:03", "02005e-000004"]
OTHER = [
    "nobody",
    "02:00:5E:AA:AA:AA",
    "02:00:5E:00:00",
    "",
    " ",
    "a\x01b",
    '"PC-005',
    "id",
    "x" * 300,
]
CELLS = st.sampled_from([*KNOWN, *KNOWN, *OTHER])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|", "\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
)
def test_the_page_and_the_command_give_the_same_answer(page, rows, sign, encoding):
    text = "\r\n".join(sign.join(cells) for cells in rows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.txt"
        path.write_bytes(text.encode(encoding))
        told = command("--from-file", str(path), "--json")
    answer = page.post("/devices/lists/", {"lines": text}, follow=True)
    if answer.status_code == 422:
        (problem,) = answer.context["form"].errors["lines"]
        assert told == f"refused: {problem}"
        return
    lines = result(answer)
    if {bucket for bucket, _ in lines} == {"matched"}:
        assert json.loads(told.splitlines()[0])["devices"] == len(lines)
        return
    wrong = [
        (bucket["name"], line)
        for bucket in answer.context["buckets"]
        for line, _ in bucket["lines"]
        if bucket["name"] != "matched"
    ]
    first = min(wrong, key=lambda each: each[1].number)[1]
    assert told.startswith(f"refused: Line {first.number}, “")
    assert f"{first.why[0].lower()}{first.why[1:]}" in told


SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
HEADS = {"known": "Device name", "other": "Gerät, das; fehlt|ja", "none": None}
OWNERS = {"plain": "Eva", "signs": "Eva, Dr.; R|D", "quotes": 'the "big" one', "lines": "a\nb"}


@pytest.mark.parametrize(
    ("sign", "quoting", "head", "owner"),
    list(itertools.product(SIGNS, (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), HEADS, OWNERS)),
)
@pytest.mark.parametrize("name", ["list.csv", "list.txt", ""])
def test_case_05_and_13_a_table_is_read_whatever_its_separator_and_name(
    sign, quoting, head, owner, name
):
    target = io.StringIO()
    writer = csv.writer(target, delimiter=SIGNS[sign], quoting=quoting)
    if HEADS[head]:
        writer.writerow(["Owner", HEADS[head]])
    for number in range(1, 5):
        writer.writerow([OWNERS[owner], f"PC-{number:03}"])
    found = read_list(name, target.getvalue().encode())
    column, heading = guess_column(found.rows)
    lines = match_lines(column_of(found.rows[heading:], column))
    assert (found.reading.separator, column, heading) == (sign, 1, head == "known")
    assert sum(line.bucket == "matched" for line in lines) == 4


LISTS = {
    "PC-001, PC-002, PC-003": 3,
    "PC-001;PC-002": 2,
    "PC-001 PC-002 MÜLLER-PC": 3,
    "02:00:5E:00:00:01 02:00:5E:00:00:02": 2,
    "00 1b 21 cd 0e 0f": 1,
    "💻 Ana's MacBook": 1,
    "PC-001|PC-002\n": 2,
    "PC-001, PC-001": 1,
    ",".join(f"PC-{number:03}" for number in range(1, 41)) + ",x" * 30: 40,
    "PC-001\nPC-002, nobody\nPC-003": 3,
    'PC-001,"an open quote\nPC-002,x\nPC-003,y': 3,
    '="PC-001"\n=" PC-002"\n\'00445566\n"PC-003"': 4,
    "PC-001\u200b\n\ufeffPC-002\nPC-003\u00a0": 3,
}


@pytest.mark.parametrize("text", LISTS)
def test_a_list_is_read_whatever_stands_between_its_devices(page, text):
    answer = pasted(page, text)
    counts = {bucket["name"]: bucket["count"] for bucket in answer.context["buckets"]}
    assert counts["matched"] == LISTS[text]


BYTES = {
    "utf-16 without a mark, one bad sign": ("PC-002\nPC\x01\nPC-001".encode("utf-16-le"), 2),
    "one bad byte": ("MÜLLER-PC\nPC-001\n".encode() + b"\x81bad\n", 2),
    "windows": ("MÜLLER-PC\nPC-001\n".encode("cp1252"), 2),
    "utf-32": ("MÜLLER-PC\nPC-001\n".encode("utf-32"), 2),
    "utf-16-be without a mark": ("РАБОТА-ПК\r\nPC-001\r\n".encode("utf-16-be"), 2),
    "old line ends": (b"PC-001\rPC-002", 2),
}


@pytest.mark.parametrize("name", BYTES)
def test_case_18_bytes_are_decoded_whatever_wrote_them(name):
    data, count = BYTES[name]
    lines = match_lines(column_of(read_list("", data).rows, 0))
    assert sum(line.bucket == "matched" for line in lines) == count


def test_a_list_that_is_read_again_is_a_new_list_and_the_old_one_stays(operator):
    text = "PC-001;x, y\nPC-002;x, y"
    found = read_text(text)
    first = keep_list(found.rows, operator, original=text.encode(), reading=found.reading)
    again = read_again(first, Choice(separator="comma"), operator)
    assert (reading_of(first).separator, reading_of(again).separator) == ("semicolon", "comma")
    assert [row.cells for row in rows_of(first)] == [["PC-001", "x, y"], ["PC-002", "x, y"]]
    assert rows_of(again)[0].cells == ["PC-001;x", "y"]


UNLISTED = {
    "PC-001": ("ids", 1),
    "PC-001\nnew-id": ("ids", 2),
    "02:00:5E:00:00:01": ("ids", 1),
    "02:00:5E:00:00:01\n02:00:5E:FF:FF:FF": ("macs", 2),
    "02:00:5E:FF:FF:FF": ("macs", 1),
    "PC-001\n02:00:5E:FF:FF:FF": ("", 0),
    "02:00:5E:AA:AA:AA": ("", 0),
    "02:00:5E:00:00:01\nPC-001": ("", 0),
}


@pytest.mark.parametrize("text", UNLISTED)
def test_what_is_unlisted_is_sent_as_given_and_what_is_ambiguous_is_refused(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text)
    addressing, count = UNLISTED[text]
    told = command("--from-file", str(path), "--unlisted", "--json", dry_run=False)
    if not addressing:
        assert told.startswith("refused: ")
        return
    devices = json.loads(told.splitlines()[0])["devices"]
    assert len(devices) == count
    ids = set(Device.objects.values_list("vendor_id", flat=True)) | {"new-id"}
    assert all((device["id"] in ids) == (addressing == "ids") for device in devices)


def test_the_matched_devices_are_named_in_the_order_of_the_list(page):
    assert matched(pasted(page, "PC-007\nTWO-MACS\nPC-002")) == ["PC-007", "TWO-MACS", "PC-002"]
    assert len(MACS) == 44


def test_the_command_reads_the_column_that_is_asked_for_and_no_other(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("Owner,Name,Spare\nEva,PC-001,PC-003\nIna,PC-002,nobody\n")
    assert "devices 2" in command("--from-file", str(path))
    assert "Read column 2 of 3, without its heading." in command("--from-file", str(path))
    assert "Line 3, “nobody”: not in the" in command("--from-file", str(path), "--column", "3")
    assert "columns 1 to 3" in command("--from-file", str(path), "--column", "4")
