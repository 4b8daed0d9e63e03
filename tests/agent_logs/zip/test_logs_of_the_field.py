"""Times, levels and line ends of the logs that other programs write."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.agent_logs.zip.levels import Level, level_of, may_name
from actions.agent_logs.zip.lines import jump, read_page
from actions.agent_logs.zip.search import search
from actions.agent_logs.zip.times import Clock
from tests.agent_logs.zip.test_lines import make

STORED = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
MONTHS = {
    "en": "Jan Feb Mar Apr May June July Aug Sept Oct Nov Dec",
    "EN": "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "de short": "Jan. Feb. Mrz. Apr. Mai Jun. Jul. Aug. Sep. Okt. Nov. Dez.",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto sept. octubre noviembre diciembre",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
EPOCH = int(AT.timestamp())
SAME_TIME = [
    f'{{"level":"error","ts":{EPOCH}.123,"msg":"x"}}',
    f'{{"level":50,"time":{EPOCH}123,"msg":"x"}}',
    f'{{"timestamp": "{EPOCH}", "msg": "x"}}',
    f"level=error ts={EPOCH}.5 msg=x",
    f"type=SYSCALL msg=audit({EPOCH}.123:45): x",
    f"__REALTIME_TIMESTAMP={EPOCH}123456",
    f'<log4j:event logger="a.B" timestamp="{EPOCH}123" level="ERROR" thread="m">',
    "[1122/103000.123456:ERROR:file.cc(12)] x",
    "[1234:5678:1122/103000.123:WARNING:file.cc(1)] x",
    "2026-W47-7T10:30:00 x",
    "2026.11.22-10:30:00 x",
    "2026-11-22-10:30:00 x",
    "22-Nov-26 10:30:00 x",
    "22.11.2026 10.30.00 x",
    "2026年11月22日 10:30:00 x",
    "2026/11/22 上午 10:30:00 x",
    "2026. 11. 22. 오전 10:30:00 x",
    "\x1b[90m2026-11-22 10:30:00\x1b[0m \x1b[31mERR\x1b[0m x",
    "\x1b[1;31mE1122 10:30:00.123 1 a.go:1]\x1b[0m x",
]


@pytest.mark.parametrize("line", SAME_TIME)
def test_case_55_a_time_in_the_forms_of_other_programs(line):
    stamp = Clock(STORED).read(line.encode())
    assert stamp is not None
    assert stamp.at == AT
    found = jump(make(f"start\n{line}\n".encode()), AT.replace(tzinfo=None), STORED)
    assert found.line == 2


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(datetime(2025, 12, 1), datetime(2026, 11, 27)),  # noqa: DTZ001 - as a file has it
    st.sampled_from(sorted(MONTHS)),
    st.sampled_from(["{d}. {m} {y} {t}", "{d} {m} {y} {t}", "{d}-{m}-{y} {t}", "{m} {d} {t} h x:"]),
)
def test_case_55_a_month_is_read_in_the_languages_of_the_field(at, language, form):
    name = MONTHS[language].split()[at.month - 1]
    at = at.replace(microsecond=0, tzinfo=UTC)
    line = form.format(d=f"{at.day:02}", m=name, y=at.year, t=f"{at:%H:%M:%S}")
    stamp = Clock(STORED).read(line.encode())
    assert stamp is not None, line
    assert stamp.at == at, line


def test_case_55_the_half_of_a_day_may_stand_before_the_hour():
    for half in ("下午", "午後", "오후"):
        stamp = Clock(STORED).read(f"2026/11/22 {half} 3:30:00 x".encode())
        assert stamp is not None
        assert stamp.at == AT + timedelta(hours=5)


LEVELS = {
    Level.ERROR: [
        *("\x1b[31mERROR\x1b[0m 2026-11-22 10:30:00 x", "ERRO[0012] x", "fail: Agent.X[0]"),
        "\x1b[90m2026-11-22 10:30:00\x1b[0m \x1b[31merror\x1b[0m x",
        "\x1b[91mE\x1b[0m/Tag: x",
        *("2026-11-22 10:30:00 [FTL] x", "FATA[0001] x", '{"@t":"2026","@l":"Error"}'),
        "2026-11-22 10:30:00.123456+0100 0x1a2b     Error       0x0     123    0    agent: x",
        *("2026-11-22 10:30:00 0000012C Error x", "Error,11/22/2026 10:30:00 AM,Agent,100"),
        *("Error\t22/11/2026 10:30:00\tAgent", '"Error","22/11/2026 10:30:00","Agent"'),
    ],
    Level.WARNING: [
        *("2026-11-22 10:30:00 \x1b[33mWARN\x1b[0m x", "Warning,11/22/2026 10:30:00 AM,Agent"),
        "\x1b[1m\x1b[33mwarning\x1b[0m: x",
    ],
    Level.INFO: ["Information\t11/22/2026 10:30:00 AM\tx", "\x1b[32mINFO\x1b[0m[0001] x"],
    Level.DEBUG: [
        *("dbug: Agent.X[0]", "trce: Agent.X[0]", "DEBU[0001] x", "2026-11-22 10:30:00 [VRB] x"),
        *("2026-11-22 10:30:00 FINE a", "2026-11-22 10:30:00 [FINEST] a"),
    ],
}


@pytest.mark.parametrize(("level", "line"), [(key, each) for key in LEVELS for each in LEVELS[key]])
def test_case_55_a_level_in_the_forms_of_other_programs(level, line):
    assert level_of(line.encode()) == level
    assert may_name(level, line.encode())
    assert len(read_page(make(f"{line}\n".encode() * 3), 1, level).lines) == 3


@pytest.mark.parametrize(
    "line",
    [
        *("I am fine", "it will fail", "2026-11-22 10:30:00 add error handling", "No error, fine"),
        *("2026-11-22 10:30:00 0x1f add E x", "set 5 things", "\x1b[31mterrors\x1b[0m"),
    ],
)
def test_case_55_such_a_word_in_a_sentence_is_no_level(line):
    assert level_of(line.encode()) == Level.NONE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16", "cp1252"])
def test_case_54_a_file_with_the_line_ends_of_an_old_mac_has_lines(encoding):
    lines = [f"2026-11-22 10:{n // 60:02}:{n % 60:02} ERROR Müller {n}" for n in range(3000)]
    member = make("\r".join(lines).encode(encoding))
    page = read_page(member, 2001)
    assert [line.text for line in page.lines] == lines[2000:2300]
    assert [hit.line.number for hit in search(member, "müller 2999").hits] == [3000]
    assert jump(member, AT.replace(tzinfo=None, minute=40), STORED).line == 2401


def test_case_54_a_return_within_lines_that_end_otherwise_stays():
    page = read_page(make(b"10%\r20%\r30%\nnext\r\nlast"), 1)
    assert [line.text for line in page.lines] == ["10%\r20%\r30%", "next", "last"]


def test_case_54_a_text_that_begins_as_ascii_is_not_utf_16_because_of_what_follows():
    text = "2026-11-22 10:30:00 ERROR x\r\n" * 40
    page = read_page(make(text.encode() + text.encode("utf-16-le")), 1)
    assert page.lines[0].text == text.splitlines()[0]
    assert page.lines[0].level == Level.ERROR
