"""Case 55: times and levels in the forms of agents and operating systems."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.agent_logs.zip import members
from actions.agent_logs.zip.levels import Level, level_of, may_name
from actions.agent_logs.zip.lines import jump, names_levels, read_page
from actions.agent_logs.zip.times import Clock, time_of
from tests.agent_logs.zip.test_lines import make

STORED = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def _at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a time without a zone, as a file writes it."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC).replace(tzinfo=None)


def _times(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    return st.datetimes(first, last, timezones=st.just(UTC))


def _twelve(at: datetime) -> str:
    return f"{at.hour % 12 or 12}:{at:%M:%S %p}"


FORMS = {
    "iso": lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
    "iso with a comma": lambda at: f"{at:%Y-%m-%d %H:%M:%S},123",
    "iso with Z": lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.5Z",
    "iso with an offset": lambda at: f"{at:%Y-%m-%dT%H:%M:%S}+00:00",
    "iso with a blank and an offset": lambda at: f"[{at:%Y-%m-%d %H:%M:%S} +0000]",
    "iso with slashes": lambda at: f"{at:%Y/%m/%d %H:%M:%S}",
    "iso without signs": lambda at: f"{at:%Y%m%dT%H%M%S}Z",
    "json": lambda at: f'{{"level":"info","time":"{at:%Y-%m-%dT%H:%M:%S}Z"}}',
    "us": lambda at: f"{at.month}/{at.day}/{at.year} {_twelve(at)}",
    "us with a comma": lambda at: f"{at.month}/{at.day}/{at.year}, {_twelve(at)}".replace(
        " AM", "\u202fAM"
    ),
    "us with two digits": lambda at: f"{at:%m/%d/%y %H:%M:%S}",
    "british": lambda at: f"{at:%d/%m/%Y %H:%M:%S}",
    "german": lambda at: f"{at.day}.{at.month}.{at.year} {at:%H:%M:%S}",
    "windows setup": lambda at: f"[{at:%m/%d/%Y %H:%M.%S}.259]",
    "cmtrace": lambda at: (
        f'<![LOG[x]LOG]!><time="{at:%H:%M:%S}.123+000" '
        f'date="{at.month}-{at.day}-{at.year}" component="a" type="1">'
    ),
    "old cmtrace": lambda at: f"text  $$<Agent><{at:%m-%d-%Y %H:%M:%S}.123+000><thread=1>",
    "syslog": lambda at: f"{at:%b} {at.day:2} {at:%H:%M:%S} host agent[1]:",
    "ctime": lambda at: f"[{at:%a %b} {at.day:2} {at:%H:%M:%S %Y}]",
    "apache": lambda at: f"[{at:%a %b %d %H:%M:%S}.123456 {at:%Y}]",
    "date": lambda at: f"{at:%a %b %d %H:%M:%S} UTC {at:%Y}",
    "web server": lambda at: f"{at:%d/%b/%Y:%H:%M:%S} +0000",
    "mail": lambda at: f"{at:%a, %d %b %Y %H:%M:%S} +0000",
    "java": lambda at: f"{at:%b} {at.day}, {at.year} {_twelve(at)}",
    "logcat": lambda at: f"{at:%m-%d %H:%M:%S}.123  1 2 I a: b",
    "glog": lambda at: f"I{at:%m%d %H:%M:%S}.123456 1 a.c:1]",
    "epoch": lambda at: f"{int(at.timestamp())}.5",
    "epoch in brackets": lambda at: f"[{int(at.timestamp())}]",
    "epoch in milliseconds": lambda at: f"{int(at.timestamp()) * 1000 + 123}",
}
WITHOUT_YEAR = ("syslog", "logcat", "glog")
IN_LAST_YEAR = _times(_at(2025, 12, 1), _at(2026, 11, 27))
ANY_TIME = _times(_at(2002, 1, 1), _at(2033, 1, 1))


@settings(max_examples=600, deadline=None)
@given(st.data(), st.sampled_from(sorted(FORMS)))
def test_case_55_any_time_in_any_form_is_found_by_a_jump(data, form):
    start = data.draw(IN_LAST_YEAR if form in WITHOUT_YEAR else ANY_TIME).replace(microsecond=0)
    # A month of lines shows the order of day and month.
    times = [start + timedelta(hours=9 * index) for index in range(90)]
    if form in WITHOUT_YEAR:
        times = [at for at in times if at < STORED]
    number = data.draw(st.integers(1, len(times)))
    text = "\n".join(f"{FORMS[form](at)} event\n  continued" for at in times)
    for asked in (times[number - 1], times[number - 1].replace(tzinfo=None)):
        found = jump(make(text.encode()), asked, STORED)
        assert (found.line, found.last) == (2 * number - 1, times[number - 1])


@pytest.mark.parametrize("form", FORMS)
def test_case_55_a_long_file_is_searched_by_its_checkpoints(form, monkeypatch):
    monkeypatch.setattr(members, "STRIDE", 64 * 1024)
    monkeypatch.setattr(members, "CHUNK", 32 * 1024)
    start = datetime(2026, 9, 20, tzinfo=UTC)
    times = [start + timedelta(minutes=10 * index) for index in range(5_000)]
    member = make("\n".join(f"{FORMS[form](at)} {'x' * 60}" for at in times).encode())
    for number in (1, 2, 2_500, 5_000):
        assert jump(member, times[number - 1], STORED).line == number
    after = jump(member, times[-1] + timedelta(days=1), STORED)
    assert (after.line, after.last) == (0, times[-1])
    assert len(member.checkpoints()) > 3


def test_case_55_the_zone_of_cmtrace_is_minutes_to_add():
    line = b'<![LOG[a]LOG]!><time="10:00:00.123-060" date="11-22-2026" type="3">'
    assert time_of(line) == datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_case_55_a_time_without_a_zone_means_the_time_as_the_file_writes_it():
    zone = timezone(timedelta(hours=1))
    times = [datetime(2026, 11, 22, 10, minute, tzinfo=zone) for minute in range(60)]
    member = make("\n".join(f"{at.isoformat()} x" for at in times).encode())
    assert jump(member, _at(2026, 11, 22, 10, 30), STORED).line == 31
    assert jump(member, datetime(2026, 11, 22, 9, 30, tzinfo=UTC), STORED).line == 31


@pytest.mark.parametrize(
    ("text", "at", "assumed"),
    [
        ("03/04/2026 10:00:00 x", _at(2026, 3, 4, 10), "month is assumed"),
        ("03/04/2026 10:00:00 x\n15/04/2026 10:00:00 y", _at(2026, 4, 3, 10), ""),
        ("03/04/2026 10:00:00 x\n03/15/2026 10:00:00 y", _at(2026, 3, 4, 10), ""),
        ("03.04.2026 10:00:00 x", _at(2026, 4, 3, 10), ""),
        ("Nov 22 10:00:00 x", _at(2026, 11, 22, 10), "no year"),
        ("Dec 31 10:00:00 x", _at(2025, 12, 31, 10), "no year"),
        ("Feb 29 10:00:00 x", _at(2024, 2, 29, 10), "no year"),
    ],
)
def test_case_55_what_the_file_does_not_show_is_assumed_and_told(text, at, assumed):
    found = jump(make(text.encode()), at, STORED)
    assert (found.line, found.last) == (1, at.replace(tzinfo=UTC))
    assert assumed in found.assumed if assumed else not found.assumed


@pytest.mark.parametrize(
    "line",
    [
        *("a line", "10:30:00 no date", "2026-13-31 13:45:00", "31/31/2026 10:00", "x 1795341600"),
        *("version 1.2.3.4 10:00", "Feb 31 10:00:00", "99999999 9:99", "0000-00-00 00:00:00", ""),
    ],
)
def test_case_55_what_is_no_time_is_not_taken_for_one(line):
    assert time_of(line.encode()) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120) | st.text("0123456789/-:. TZAMPNov[", max_size=60).map(str.encode))
def test_no_line_crashes_the_clock_or_the_levels(raw):
    assert level_of(raw) in Level
    stamp = Clock(STORED).read(raw)
    assert stamp is None or stamp.at < datetime(9999, 1, 1, tzinfo=UTC) or stamp.at.year == 9999


LEVELS = {
    Level.ERROR: ("error", "err", "fatal", "critical", "severe", "E", "3"),
    Level.WARNING: ("warning", "warn", "W", "2"),
    Level.INFO: ("info", "notice", "information", "I", "1"),
    Level.DEBUG: ("debug", "trace", "verbose", "D"),
}
WORDS = [(level, word) for level, words in LEVELS.items() for word in words]


def _written(word: str) -> list[str]:
    """Return the ways in which a level stands in a line."""
    if word.isdigit():
        return [f'<![LOG[error: no]LOG]!><time="10:00:00.1-060" date="11-22-2026" type="{word}">']
    if len(word) == 1:
        return [
            *(f"1795341600.5 {word} agent x", f"2026-11-22 10:00:00|{word}|x", f"{word}/Tag: x"),
            *(f"11-22 10:00:00.123  12  34 {word} Tag: x", f"[{word}] x"),
            *(f"{word}1122 10:00:00.123 1 a.c:1] x", f"11/22/2026 9:00:00 AM [{word}] x"),
        ]
    return [
        line
        for each in (word, word.upper(), word.capitalize())
        for line in (
            *(f"11/22/2026 9:00:00 AM [{each}] x", f"Nov 22 10:00:00 host agent[12]: {each}: x"),
            *(
                f"[Sun Nov 22 10:00:00 2026][{each}] x",
                f"[Sun Nov 22 10:00:00 2026] [core:{each}] x",
            ),
            *(f"2026-11-22 10:00:00,1 - {each} - x", f"2026-11-22T10:00:00Z\t{each}\tx"),
            *(f'{{"level":"{each}","time":"2026-11-22T10:00:00Z"}}', f"level={each} msg=x"),
            *(f"<{each}> x", f"({each}) x", f"{{{each}}} x", f"{each}: x", f"| {each} | x"),
        )
    ]


@pytest.mark.parametrize(("level", "word"), WORDS)
def test_case_55_levels_by_forms(level, word):
    for line in _written(word):
        assert level_of(line.encode()) == level, line
        assert may_name(level, line.encode()), line
        member = make(f"{line}\n".encode() * 3)
        assert len(read_page(member, 1, level).lines) == 3
        assert names_levels(member)


@pytest.mark.parametrize(
    "line",
    [
        *("I think so", "2026-11-22 10:00:00 the errors are in a mirror", "an error occurred"),
        *("terror: x", "2026-11-22 10:00:00 Internet is on", "A - B", "E", "", "informed: x"),
        *("it was an alert reader", "W w w", "[1] x"),
    ],
)
def test_case_55_a_plain_word_is_no_level(line):
    assert level_of(line.encode()) == Level.NONE


def test_the_level_of_a_very_long_cmtrace_line_is_at_its_end():
    line = b"<![LOG[" + b"x" * 9_000 + b']LOG]!><time="10:00:00.1-060" date="11-22-2026" type="3">'
    member = make(line + b"\n" + line)
    assert len(read_page(member, 1, Level.ERROR).lines) == 2
    assert jump(member, _at(2026, 11, 22, 10), STORED).line == 1
