"""Reading a file of an archive by page, level, phrase and time."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from actions.agent_logs.zip import members
from actions.agent_logs.zip.directory import read_directory
from actions.agent_logs.zip.levels import Level, level_of
from actions.agent_logs.zip.lines import (
    MAX_SHOWN,
    PAGE,
    line_at,
    read_page,
)
from actions.agent_logs.zip.members import Member
from actions.agent_logs.zip.search import search
from actions.agent_logs.zip.times import time_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def make(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Member:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("a.log", content)
    (entry,) = read_directory(target)
    return Member(lambda: io.BytesIO(target.getvalue()), entry)


def log(lines: int) -> list[str]:
    return [
        f"{START + timedelta(seconds=n):%Y-%m-%d %H:%M:%S} "
        f"{'ERROR' if n % 1000 == 999 else 'INFO '} event {n}"
        for n in range(lines)
    ]


@pytest.fixture(params=[zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def long(request, monkeypatch) -> tuple[Member, list[str]]:
    """Return a file with many checkpoints, and its lines."""
    monkeypatch.setattr(members, "STRIDE", 64 * 1024)
    lines = log(30_000)
    return make("\n".join(lines).encode(), request.param), lines


def test_pages_opened_in_any_order_hold_their_lines(long):
    member, lines = long
    for first in (1, 29_701, 15_001, 301, 29_702, 1):
        page = read_page(member, first)
        assert [line.number for line in page.lines] == list(range(first, min(first + PAGE, 30_001)))
        assert [line.text for line in page.lines] == lines[first - 1 : first - 1 + PAGE]
    assert len(member.checkpoints()) > 5
    assert read_page(member, 40_000).lines == ()


def test_the_first_page_of_a_long_file_reads_only_its_start():
    member = make(b"a line of a log\n" * 2_000_000)
    assert len(read_page(member, 1).lines) == PAGE
    assert len(member.checkpoints()) == 1


def test_a_page_of_errors_holds_only_errors(long):
    member, lines = long
    page = read_page(member, 1, Level.ERROR)
    assert [line.number for line in page.lines] == list(range(1000, 30_001, 1000))
    assert [line.text for line in page.lines] == lines[999::1000]


def test_the_lines_of_a_traceback_belong_to_its_error():
    member = make(b"INFO fine\nERROR it failed\n  at one\n  at two\nINFO again\n")
    assert [line.number for line in read_page(member, 1, Level.ERROR).lines] == [2, 3, 4]


def test_a_phrase_is_found_with_the_lines_around_it(long):
    member, lines = long
    found = search(member, "EVENT 12345")
    (hit,) = found.hits
    assert (hit.line.number, hit.line.text) == (12_346, lines[12_345])
    around = [*hit.before, hit.line, *hit.after]
    assert [line.text for line in around] == lines[12_343:12_348]
    assert [line.number for line in around] == list(range(12_344, 12_349))


def test_a_search_that_continues_returns_each_hit_once(long):
    member, _ = long
    numbers, first = [], 1
    while first:
        found = search(member, "error", first, limit=7)
        numbers += [hit.line.number for hit in found.hits]
        first = found.next_line
    assert numbers == list(range(1000, 30_001, 1000))


@pytest.mark.parametrize("seconds", [0, 1, 12_345, 29_999])
def test_line_at_returns_the_first_line_at_a_time(long, seconds):
    member, _ = long
    assert line_at(member, START + timedelta(seconds=seconds)) == seconds + 1
    assert line_at(member, START + timedelta(days=2)) == 0


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("größe\n".encode(), "utf-8", "größe"),
        ("größe\n".encode("utf-8-sig"), "utf-8-sig", "größe"),
        ("größe\n".encode("cp1252"), "cp1252", "größe"),
        ("\ufeffgröße 日本 of a line\n".encode("utf-16-le"), "utf-16-le", "größe 日本 of a line"),
        ("plain words in wide letters\n".encode("utf-16-be"), "utf-16-be", None),
    ],
)
def test_encodings_are_recognised(content, encoding, text):
    member = make(content)
    (line,) = read_page(member, 1).lines
    assert member.encoding.codec == encoding
    assert line.text == (text or content.decode(encoding).rstrip())


def test_a_utf_16_file_is_searched_and_paged():
    member = make("\ufeff".encode("utf-16-le") + "\n".join(log(3_000)).encode("utf-16-le"))
    assert search(member, "event 2500").hits[0].line.number == 2501
    assert read_page(member, 2501).lines[0].text.endswith("event 2500")


def test_a_very_long_line_is_cut_and_counts_the_bytes_left_out():
    member = make(b"first\n" + b"x" * 3_000_000 + b"\nlast\n")
    first, middle, last = read_page(member, 1).lines
    assert (len(middle.raw), middle.cut) == (MAX_SHOWN, 3_000_000 - MAX_SHOWN)
    assert (first.raw, last.raw, last.number) == (b"first", b"last", 3)


@pytest.mark.parametrize(
    ("raw", "level", "at"),
    [
        (b"2026-01-31 13:45:00 WARN x", Level.WARNING, datetime(2026, 1, 31, 13, 45, tzinfo=UTC)),
        (b"[2026-01-31T13:45:00.123+01:00] [error] FATAL", Level.ERROR, None),
        (b"2026/01/31 13:45:00,5 DEBUG ERROR later", Level.DEBUG, None),
        (b"the ERRORS are in a mirror", Level.NONE, None),
        (b"2026-13-31 13:45:00 INFO", Level.INFO, None),
        (b"", Level.NONE, None),
    ],
)
def test_level_and_time_of_a_line(raw, level, at):
    assert level_of(raw) == level
    assert at is None or time_of(raw) == at


def test_a_time_with_a_zone_is_converted_to_utc():
    assert time_of(b"2026-01-31T00:30:00+01:00") == datetime(2026, 1, 30, 23, 30, tzinfo=UTC)
    assert time_of(b"2026-13-31 13:45:00") is None
