"""No workbook, however it was made, costs the server more than the limits of its child process."""

import resource
import threading
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from actions import child_process
from actions.child_process import ChildFailed, Ended, Limits, run_module
from actions.errors import Refused
from actions.selections import list_reader
from actions.selections.xlsx import formats
from actions.selections.xlsx.package import MAX_PART, Unreadable
from actions.selections.xlsx.reader import SIGNATURE, read_sheet
from tests.factories import make_person
from tests.selections.fleet import DATA, uploaded
from tests.selections.workbooks import END, SHEET, rows_with, workbook

BOUNDS: dict[str, Any] = {"rows": 100_000, "columns": 50, "characters": 1024}
CELL = '<c s="5"><v>7</v></c>'


@pytest.fixture
def page(db: None) -> Client:
    client = Client()
    client.force_login(make_person("oscar", "operator"))
    return client


def full(piece: str, start: str = "", end: str = "", size: int = MAX_PART) -> str:
    """As many of a piece as a part may hold."""
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


HUGE: dict[str, tuple[dict[str, str], str]] = {
    "styles": ({"styles": full("<xf/>", "<s><cellXfs>", "</cellXfs></s>")}, ""),
    "other styles": ({"styles": full("<dxf/>", "<s><dxfs>", "</dxfs></s>")}, ""),
    "number formats": ({"styles": full('<numFmt numFmtId="9" formatCode="0"/>', "<numFmts>")}, ""),
    "shared texts": (
        {
            "sheet": rows_with(f'<c t="s"><v>{MAX_PART // 17}</v></c>'),
            "sharedStrings": full("<si><t>a</t></si>", "<sst>", "</sst>"),
        },
        "too l|cannot be read|blank",
    ),
    "one text": (
        {"sheet": rows_with('<c t="s"><v>0</v></c>'), "sharedStrings": full("a", "<sst><si><t>")},
        "cannot be read",
    ),
    "repeated texts": (
        {
            "sheet": full("<row>" + '<c t="s"><v>0</v></c>' * 50 + "</row>", SHEET, END),
            "sharedStrings": f"<sst><si><t>{'a' * 1024}</t></si></sst>",
        },
        "too l",
    ),
    "cells": ({"sheet": full("<c/>", f"{SHEET}<row>", f"</row>{END}")}, "cannot be read"),
    "rows": ({"sheet": full("<row/>", SHEET, END)}, "cannot be read"),
    "far rows": ({"sheet": f'{SHEET}<row r="999999999"><c><v>1</v></c></row>{END}'}, "cannot be"),
    "depth": ({"sheet": full("<a>", "<worksheet>")}, "cannot be read"),
    "blanks": ({"sheet": full(" ", "<worksheet>", size=MAX_PART + 9)}, "too large"),
    "merged cells": (
        {
            "sheet": SHEET
            + "<row><c><v>1</v></c></row>" * 20_000
            + full('<mergeCell ref="A1:C1048576"/>', "</sheetData>", "</worksheet>", 2_000_000)
        },
        "too large",
    ),
    "hidden columns": (
        {
            "sheet": full('<col min="3" max="16384" hidden="1"/>', "<worksheet><cols>", size=10**6)
            + f"</cols><sheetData><row><c><v>1</v></c></row>{END}"
        },
        "",
    ),
    "entities": (
        {"sheet": f'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{SHEET}{END}'},
        "cannot be read",
    ),
    "a foreign file": (
        {"sheet": f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{SHEET}&a;{END}'},
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_h5_a_huge_workbook_is_read_or_refused_and_the_server_keeps_its_memory(name):
    parts, refusal = HUGE[name]
    data = workbook(**{"sheet": rows_with(CELL), **parts})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        found = read_sheet(data, **BOUNDS)
    except Unreadable as error:
        assert refusal
        assert any(part in str(error) for part in refusal.split("|"))
    else:
        assert not refusal or "blank" in refusal
        assert len(found.rows) <= 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024, "kB more than before"


def test_h5_a_cell_with_a_style_is_not_used_if_the_styles_are_too_many():
    styles = full("<xf/>", "<s><cellXfs>", "</cellXfs></s>")
    found = read_sheet(workbook(rows_with(f"{CELL}<c><v>8</v></c>"), styles=styles), **BOUNDS)
    assert found.rows == [[1, ["7", formats.FORMATTED], "8"]]


@pytest.mark.django_db
def test_h5_the_refusal_stands_beside_the_field(page: Client):
    data = workbook(full(" ", "<worksheet>", size=MAX_PART + 9))
    assert len(data) < 200_000
    answer = uploaded(page, "bomb.xlsx", data)
    assert answer.status_code == 422
    assert "too large" in answer.context["form"].errors["file"][0]


BASE = (DATA / "p15-zero-format.xlsx").read_bytes()
PARTS = {"sheet": rows_with(CELL), "styles": "<s><cellXfs><xf/></cellXfs></s>"}
PARTS |= {"sharedStrings": "<sst><si><t>x</t></si></sst>"}


def changed(content: str, position: int, piece: str) -> str:
    at = position % (len(content) + 1)
    return content[:at] + piece + content[at + len(piece) :]


PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(['r="-1"', 't="s"', "<v>-1</v>", 's="99999999"', "</c>", "<c>", "&a;", "\x00"]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200).map(lambda rest: SIGNATURE + rest),
        st.tuples(st.integers(0, len(BASE)), st.binary(min_size=1, max_size=4)).map(
            lambda change: BASE[: change[0]] + change[1] + BASE[change[0] + len(change[1]) :]
        ),
        st.integers(4, len(BASE)).map(lambda end: BASE[:end]),
        st.tuples(st.sampled_from(sorted(PARTS)), st.integers(0, 400), PIECES).map(
            lambda change: workbook(
                **{**PARTS, change[0]: changed(PARTS[change[0]], change[1], change[2])}
            )
        ),
    )
)
def test_a_changed_workbook_is_read_or_refused(data: bytes):
    try:
        found = list_reader.read_list("list.xlsx", data)
    except Refused as refusal:
        assert set(refusal.by_field()) == {"file"}
    else:
        assert found.rows


SMALL = Limits(memory=256 * 2**20, output=10_000, cpu_seconds=5, wall_seconds=20.0)


def run(code: str, **limits: Any) -> bytes:
    """Run a few lines of Python in a child with limits."""
    changes = {name: limits.get(name, getattr(SMALL, name)) for name in SMALL.__slots__}
    return run_module("tests.selections.child_of_tests", code.encode(), Limits(**changes))


ENDS: dict[str, tuple[str, Ended, dict[str, Any]]] = {
    "memory": ("x = bytearray(2**30)", Ended.MEMORY, {}),
    "output": ("print('x' * 20_000)", Ended.OUTPUT, {}),
    "cpu": ("while True: pass", Ended.TIME, {"cpu_seconds": 1}),
    "time": ("import time; time.sleep(60)", Ended.TIME, {"wall_seconds": 1.0}),
    "failure": ("1 / 0", Ended.FAILED, {}),
    "file": ("import tempfile; tempfile.TemporaryFile(buffering=0).write(b'x')", Ended.FAILED, {}),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_child_ends_at_each_of_its_limits(name):
    code, why, limits = ENDS[name]
    with pytest.raises(ChildFailed) as failure:
        run(code, **limits)
    assert failure.value.why == why
    assert run("print(40 + 2)") == b"42\n"


def test_a_child_has_no_environment_and_no_file_of_the_server(monkeypatch):
    monkeypatch.setenv("OPSWAT_CLIENT_SECRET", "hush")
    found = run("import os; print(sorted(set(os.environ) - {'LC_CTYPE', 'LD_LIBRARY_PATH'}))")
    assert found == b"[]\n"
    assert run("import os; print(len(os.listdir('/proc/self/fd')) <= 4)") == b"True\n"


def test_only_a_few_children_run_at_a_time_and_a_further_one_is_told(monkeypatch):
    monkeypatch.setattr(child_process, "_slots", threading.BoundedSemaphore(1))
    assert child_process._slots.acquire(timeout=0)
    with pytest.raises(ChildFailed) as failure:
        run("print(1)", wall_seconds=0.1)
    assert failure.value.why == Ended.BUSY
    child_process._slots.release()
    assert run("print(1)") == b"1\n"
