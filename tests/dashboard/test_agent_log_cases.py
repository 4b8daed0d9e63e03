"""Cases 50, 52, 54 and 55: logs as the field writes them are opened, filtered and searched."""

import hashlib
import io
import re
import zipfile
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from actions.agent_logs.models import AgentLog
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parent.parent / "agent_logs" / "data"
LINES = [
    "2026-11-22T10:00:00Z INFO agent started",
    "2026-11-22T10:00:01Z ERROR cannot connect",
] * 20


@pytest.fixture
def open_log(operator, page):
    """Store an archive as if it had been fetched; return a function that reads its page."""
    know_devices("kiosk")
    (log,) = accept_fetches(make_request(operator, "kiosk", kind="fetch_agent_log"))

    def stored(data: bytes):
        name = storages["agent_logs"].save(f"{log.uuid.hex}.zip", ContentFile(data))
        sums = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        AgentLog.objects.filter(pk=log.pk).update(
            status="ready", open=False, stored_as=name, stored_at=timezone.now(), **sums
        )
        return lambda view="": page.get(f"/logs/{log.uuid}/{view}").content.decode()

    return stored


def case(name: str) -> bytes:
    return (DATA / name).read_bytes()


def packed(text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.log", text)
    return target.getvalue()


def lines(html: str) -> dict[int, str]:
    found = re.findall(r'class="log-number" href="[^"]*">(\d+)</a><code>(.*?)</code>', html, re.S)
    return {int(number): text for number, text in found}


def marked_line(html: str) -> int:
    found = re.search(r'log-hit"\s+id="L(\d+)"', html)
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    "name", ["l01-zip64-end.zip", "l02-zip64-entry.zip", "l02b-zip64-entry-sizes.zip"]
)
def test_case_50_a_small_archive_with_zip64_records_is_read(open_log, name):
    assert list(lines(open_log(case(name))("?file=0")).values()) == LINES


def test_case_52_files_with_absolute_names_are_shown_relative_and_opened(open_log):
    read = open_log(case("l04-absolute-names.zip"))
    for index, name in enumerate(
        ("ProgramData/OPSWAT/Agent/agent.log", "var/log/opswat/agent.log", "logs/agent.log")
    ):
        html = read(f"?file={index}")
        assert f'<h2 id="file-title" class="mono">{name}</h2>' in html
        assert list(lines(html).values()) == LINES
    assert r"C:\ProgramData\OPSWAT\Agent\agent.log" in read("?file=0")  # Told, not lost.


@pytest.mark.parametrize("index", [0, 1, 2])
def test_case_54_utf_16_is_recognised_without_a_mark(open_log, index):
    read = open_log(case("l06-utf16-nobom.zip"))
    html = read(f"?file={index}")
    assert "UTF-16-LE" in html
    assert "not a text file" not in html
    assert all(line.startswith("2026-11-22 10:00:") for line in lines(html).values())
    phrase = "cannot connect" if index == 2 else "ошибка"
    assert "<mark>" in read(f"?file={index}&q={phrase}")
    assert marked_line(read(f"?file={index}&at=2026-11-22 10:00:00")) == 1


@pytest.mark.parametrize("index", [0, 2, 3, 4, 5, 6])
def test_case_55_the_times_and_levels_of_the_field_are_understood(open_log, index):
    read = open_log(case("l09-times.zip"))
    assert marked_line(read(f"?file={index}&at=2026-11-22 10:30:00")) == 31
    assert list(lines(read(f"?file={index}&level=4"))) == list(lines(read(f"?file={index}")))


def test_case_55_a_time_after_the_last_one_is_told_with_the_last_one(open_log):
    read = open_log(case("l09-times.zip"))
    html = read("?file=1&at=2026-11-22 10:30:00")
    assert "The last time in this file is 2023-02-21 07:59:05." in html
    assert marked_line(read("?file=1&at=2023-02-21 07:30:00")) == 31


def test_case_55_where_nothing_is_understood_the_page_says_so(open_log):
    read = open_log(packed("a line\nwithout anything\n" * 5))
    assert "No times are understood in this file." in read("?file=0&at=2026-11-22 10:30:00")
    html = read("?file=0&level=4")
    assert "No levels are understood in this file" in html
    assert "No lines of this level" not in html


def test_case_55_a_file_with_levels_but_none_of_this_one_says_that(open_log):
    html = open_log(packed("2026-11-22 10:00:00 INFO fine\n" * 5))("?file=0&level=4")
    assert "No lines of this level" in html
