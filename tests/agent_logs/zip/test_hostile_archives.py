"""Hostile archives are refused with a reason, in bounded time and memory."""

import io
import stat
import struct
import time
import tracemalloc
import zipfile
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.agent_logs.zip.directory import BadArchive, read_directory
from actions.agent_logs.zip.members import Member
from tests.fuzz.archives import build, corrupt, read_all

MAX_MEMORY = 100 * 2**20


def pack(*files: tuple[str | zipfile.ZipInfo, bytes], **options: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", options.get("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return target.getvalue()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.log")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def forge(data: bytes, at: int, value: int, form: str = "<L") -> bytes:
    """Change a number of the first record of the directory, `at` bytes from its start."""
    start = data.index(b"PK\x01\x02") + at
    return data[:start] + struct.pack(form, value) + data[start + struct.calcsize(form) :]


GOOD = pack(("a.log", b"INFO fine\n" * 100), ("b.log", b"more\n"))
BOMB = pack(("bomb.log", bytes(200 * 2**20)))
REFUSED_FILES = {
    "link": (pack((link(), b"/etc/passwd")), "link"),
    "nested": (pack(("inner.zip", GOOD)), "archive inside"),
    "encrypted": (forge(pack(("a.log", b"x")), 8, 1, "<H"), "encrypted"),
    "unknown packing": (pack(("a.log", b"x"), method=zipfile.ZIP_LZMA), "method 14"),
    "bomb": (BOMB, "bomb"),
    "larger than declared": (forge(pack(("a.log", b"x" * 5000)), 24, 10), "larger than declared"),
    "smaller than declared": (forge(pack(("a.log", b"x" * 50)), 24, 60), "checksum"),
    "wrong checksum": (forge(pack(("a.log", b"x" * 50)), 16, 7), "checksum"),
    "another name inside": (pack(("a.log", b"x")).replace(b"a.log", b"z.log", 1), "contradicts"),
}
REFUSED_WHOLE = {
    "nothing": (b"", "not a ZIP"),
    "not a zip": (b"%PDF-1.7 " + bytes(5000), "not a ZIP"),
    "cut off": (GOOD[: len(GOOD) // 2], "cut off"),
    "cut by a byte": (GOOD[:-1], "cut off"),
    "directory elsewhere": (GOOD[:-6] + struct.pack("<L", 10**6) + GOOD[-2:], "cut off"),
    "more entries than expected": (
        GOOD[:-14] + struct.pack("<2H", 1, 1) + GOOD[-10:],
        "longer than declared",
    ),
    "one part of several": (GOOD[:-18] + struct.pack("<H", 3) + GOOD[-16:], "several"),
    "file outside": (forge(GOOD, 42, 10**6), "cut off"),
    "shared bytes": (
        forge(pack(("a.log", b"x" * 9000), ("b.log", b"y")), 20, 60),
        "same bytes",
    ),
}


@pytest.mark.parametrize(("data", "text"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_a_hostile_file_is_refused_with_a_reason(data, text):
    opened, messages = read_all(data)
    assert opened == []
    assert any(text in each for each in messages), messages


@pytest.mark.parametrize(("data", "text"), REFUSED_WHOLE.values(), ids=REFUSED_WHOLE)
def test_a_hostile_archive_is_refused_as_a_whole(data, text):
    with pytest.raises(BadArchive, match=text):
        read_directory(io.BytesIO(data))


def test_a_directory_with_a_hundred_thousand_entries_is_refused():
    record = b"PK\x01\x02" + bytes(42)
    table = record * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(table), 0, 0)
    with pytest.raises(BadArchive, match="table of contents is over 2 MB"):
        read_directory(io.BytesIO(table + end))


@pytest.mark.parametrize("data", [BOMB, pack(*((f"{n}.log", b"x" * 999) for n in range(4_000)))])
def test_large_archives_are_read_in_bounded_time_and_memory(data):
    tracemalloc.start()
    start = time.process_time()
    read_directory(io.BytesIO(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Tracing makes reading several times slower; without it both take at most 0.1 s.
    assert time.process_time() - start < 5
    assert peak < MAX_MEMORY


def test_a_bomb_with_a_forged_size_is_stopped_at_that_size():
    data = forge(BOMB, 24, 1000)
    (entry,) = read_directory(io.BytesIO(data))
    tracemalloc.start()
    with pytest.raises(BadArchive, match="larger than declared"):
        Member(lambda: io.BytesIO(data), entry)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("abcXYZ._-", min_size=1, max_size=9), st.binary(max_size=3000)))
def test_a_valid_archive_reads_as_with_the_standard_library(files):
    distinct = {name.casefold(): (name, data) for name, data in files.items()}
    chosen = [(name, data) for name, data in distinct.values() if name.strip(".")]
    for entry in read_directory(io.BytesIO(packed := pack(*chosen))):
        if not entry.refusal:
            member = Member(lambda: io.BytesIO(packed), entry)
            data = b"".join(member.chunks(member.checkpoints()[0]))
            expected = zipfile.ZipFile(io.BytesIO(packed)).read(entry.name)
            if b"\n" not in expected:
                expected = expected.replace(b"\r", b"\n")
            assert not member.encoding.is_utf8 or data == expected


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_archive_crashes_the_reader(seed):
    rng = Random(seed)
    read_all(corrupt(build(rng), rng))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x05\x06" + bytes(18)]))
def test_no_bytes_crash_the_reader(data, end):
    read_all(data + end)
