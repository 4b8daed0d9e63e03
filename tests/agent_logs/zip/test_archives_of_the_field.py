"""Archives as writers in the field make them are read as common tools read them."""

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.agent_logs.zip.directory import BadArchive, Entry, read_directory
from actions.agent_logs.zip.members import Member, MemberStream
from tests.agent_logs.zip.writer import Form, write

FORMS = st.builds(
    Form,
    before=st.sampled_from([b"", b"MZ a program", b"PK\3\4" + bytes(30)]),
    after=st.sampled_from([b"", b"\0", b"trailing" * 9]),
    comment=st.sampled_from([b"", b"of a comment"]),
    **{
        name: st.booleans()
        for name in (
            *("wide_size", "wide_packed", "wide_offset", "wide_end", "end_holds_numbers"),
            *("other_fields", "packed"),
        )
    },
)


def content_of(data: bytes, entry: Entry) -> bytes:
    return b"".join(iter(MemberStream(io.BytesIO(data), entry).read, b""))


def names_of(*raw: bytes, flags: int = 0) -> list[str]:
    data = write([(name, b"a line\n") for name in raw], Form(), flags=flags)
    entries = read_directory(io.BytesIO(data))
    for entry in entries:
        assert not entry.refusal
        assert content_of(data, entry) == b"a line\n"
        Member(lambda: io.BytesIO(data), entry)
    return [entry.name for entry in entries]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=4), FORMS)
@example([b"x"], Form(wide_end=True))
@example([b"x"], Form(wide_size=True, wide_packed=True, wide_offset=True))
@example([b"x"], Form(wide_size=True, wide_packed=True))
def test_case_50_any_combination_of_zip64_records_reads_as_with_the_standard_library(
    contents, form
):
    files = [(b"%d.log" % index, content) for index, content in enumerate(contents)]
    data = write(files, form)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = {each.filename: archive.read(each) for each in archive.infolist()}
    found = {entry.name: content_of(data, entry) for entry in read_directory(io.BytesIO(data))}
    assert found == expected == {name.decode(): content for name, content in files}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2), st.booleans())
def test_case_50_a_lie_in_a_zip64_record_is_refused_or_bounded(number, which, in_the_end):
    form = Form(wide_size=True, wide_packed=True, wide_offset=True, wide_end=True)
    data = write([(b"a.log", b"a line\n" * 50)], form)
    sign, at = (b"PK\6\6", 32 + 8 * which) if in_the_end else (b"PK\1\2", 46 + 5 + 4 + 8 * which)
    start = data.index(sign) + at
    data = data[:start] + struct.pack("<Q", number) + data[start + 8 :]
    try:
        for entry in read_directory(io.BytesIO(data)):
            if not entry.refusal:
                assert len(content_of(data, entry)) == 350
    except BadArchive as error:
        assert str(error)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (rb"C:\ProgramData\OPSWAT\agent.log", "ProgramData/OPSWAT/agent.log"),
        (b"d:agent.log", "agent.log"),
        (rb"\\host\share\agent.log", "host/share/agent.log"),
        (rb"\\?\C:\logs\agent.log", "logs/agent.log"),
        (b"//var//log/./agent.log", "var/log/agent.log"),
        (b"../../etc/passwd", "etc/passwd"),
        (rb"..\boot.ini", "boot.ini"),
        (b"..", "(no name)"),
        (b"", "(no name)"),
        (b"nul\0name.log", "nul␀name.log"),
        (b"n" * 2000, "n" * 200 + "…"),
        ("größe.log".encode(), "größe.log"),
        (b"gr\x94\xe1e.log", "größe.log"),
        (b"folder-with-data/", "folder-with-data"),
    ],
)
def test_case_52_a_name_is_a_label_and_never_a_reason_not_to_open(raw, name):
    assert names_of(raw) == [name]


def test_case_52_files_with_the_same_label_are_told_apart_and_all_opened():
    assert names_of(b"/a.log", b"a.log", b"A.log", b"C:\\a.log") == [
        *("a.log", "a.log (2)", "A.log", "a.log (3)")
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.sampled_from([0, 1 << 11]))
def test_case_52_any_names_are_shown_relative_and_opened(raw, flags):
    for name in names_of(*raw, flags=flags):
        assert name
        assert "\0" not in name
        assert not name.startswith(("/", "\\"))
        assert not {"", ".", ".."} & set(name.split("/"))


def test_the_unicode_path_of_info_zip_names_a_file():
    raw, name = b"?.log", "журнал.log"
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo(raw.decode())
        info.extra = struct.pack("<HH", 0x7075, len(field)) + field
        archive.writestr(info, b"x")
    (entry,) = read_directory(target)
    assert (entry.name, entry.own_name) == (name, name)
