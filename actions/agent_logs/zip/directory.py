"""Reads the directory of an untrusted ZIP file.

It does not use the standard library, because that trusts the archive: it reads a directory of any
size, takes the first of two contradicting records, and detects wrong sizes only while it extracts.
Here every number is checked against the file before it is used, so the work is bounded by
`MAX_DIRECTORY`, whatever the archive claims. The records of ZIP64 are read with the same bounds,
because streaming writers put them into small archives too. Like common tools it accepts bytes
before and after the archive. Names are labels to show, never paths to write to.
Source of the format: PKWARE's APPNOTE 6.3.
"""

import re
import stat
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from actions.agent_logs.zip import names

MAX_ENTRIES = 5_000
MAX_DIRECTORY = 2 * 2**20
MAX_FILE = 2 * 2**30
MAX_TOTAL = 8 * 2**30
BOMB_SIZE, BOMB_RATIO = 64 * 2**20, 400
"""An unpacked size in bytes, and a ratio: a file that exceeds both is a ZIP bomb."""

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SIGN, _ENTRY_SIGN, _LOCAL_SIGN = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_END64_SIGN, _LOCATOR_SIGN = b"PK\x06\x06", b"PK\x06\x07"
_ELSEWHERE = 0xFFFFFFFF
"""A number of an entry that its ZIP64 extra field holds."""

_ZIP64 = 1
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_UNIX_SYSTEMS = (3, 19)
_PACKED = re.compile(r"\.(zip|jar|war|apk|7z|rar|tar|tgz|gz|bz2|xz|zst|cab|iso|msi|dmg)$", re.I)


class BadArchive(Exception):
    """The archive cannot be read; the text gives the reason, fit to show."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; `refusal` is the reason why it is not opened, or "".

    `index` is its position in the directory, `offset` the start of its local header in bytes.
    `name` is the label that is shown, `own_name` the name that the archive gives.
    """

    index: int
    name: str
    own_name: str
    raw_name: bytes
    size: int
    packed: int
    crc: int
    method: int
    offset: int
    refusal: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders of the file, then its own name."""
        return tuple(self.name.split("/"))


class _End(NamedTuple):
    """What an end record says of the directory; `at` is the offset of the record itself."""

    at: int
    disk: int
    first_disk: int
    here: int
    entries: int
    length: int
    start: int


def read_directory(file: BinaryIO) -> tuple[Entry, ...]:
    """Return the files of the archive in their order, without folders; raises BadArchive."""
    size = file.seek(0, 2)
    end = _find_end(file, size)
    if end.disk or end.first_disk or end.here != end.entries:
        raise BadArchive("it is one of several parts of a split archive.")
    if end.entries > MAX_ENTRIES:
        raise BadArchive(f"it holds more than {MAX_ENTRIES:,} files.")
    if end.length > MAX_DIRECTORY:
        raise BadArchive(f"its table of contents is over {MAX_DIRECTORY // 2**20} MB.")
    if end.start + end.length > end.at:
        raise BadArchive("it is cut off, or its table of contents lies outside of it.")
    shift = _bytes_before(file, end)
    file.seek(end.start + shift)
    entries = _read_table(file.read(end.length), end.entries, shift)
    _check_overlaps(entries, end.start + shift)
    if sum(entry.size for entry in entries) > MAX_TOTAL:
        raise BadArchive(f"its files declare more than {MAX_TOTAL // 2**30} GB together.")
    labels = names.numbered(entry.name for entry in entries)
    return tuple(replace(entry, name=name) for entry, name in zip(entries, labels, strict=True))


def _find_end(file: BinaryIO, size: int) -> _End:
    """Return the last end record: one whose comment ends the file, otherwise any whole one."""
    tail_length = min(size, _END.size + _MAX_COMMENT)
    file.seek(size - tail_length)
    tail = file.read(tail_length)
    position, whole = len(tail), -1
    while (position := tail.rfind(_END_SIGN, 0, position)) >= 0:
        if position + _END.size <= len(tail):
            whole = max(whole, position)
            if position + _END.size + _END.unpack_from(tail, position)[7] == len(tail):
                whole = position
                break
    if whole < 0:
        raise BadArchive("it is not a ZIP file, or it is cut off.")
    end = _End(size - tail_length + whole, *_END.unpack_from(tail, whole)[1:7])
    return _find_end64(file, end) or end


def _find_end64(file: BinaryIO, end: _End) -> _End | None:
    """Return the ZIP64 end record, to which a locator before the end record points."""
    at = end.at - _LOCATOR.size
    if at < 0:
        return None
    file.seek(at)
    sign, disk, offset, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
    if sign != _LOCATOR_SIGN or disk:
        return None
    # Where bytes precede the archive, the record still stands directly before the locator.
    for place in (offset, at - _END64.size):
        if 0 <= place <= at - _END64.size:
            file.seek(place)
            fields = _END64.unpack(file.read(_END64.size))
            if fields[0] == _END64_SIGN:
                return _End(place, *fields[4:10])
    raise BadArchive("its ZIP64 end record is missing.")


def _bytes_before(file: BinaryIO, end: _End) -> int:
    """Return by how much all offsets are too small because bytes precede the archive."""
    file.seek(end.start)
    if not end.entries or file.read(4) == _ENTRY_SIGN:
        return 0
    return end.at - end.length - end.start


def _read_table(table: bytes, count: int, shift: int) -> list[Entry]:
    entries, at = [], 0
    for index in range(count):
        if at + _ENTRY.size > len(table) or table[at : at + 4] != _ENTRY_SIGN:
            raise BadArchive("its table of contents is damaged.")
        fields = _ENTRY.unpack_from(table, at)
        name_length, extra_length, comment = fields[10:13]
        name_start = at + _ENTRY.size
        extra_start = name_start + name_length
        at = extra_start + extra_length + comment
        if at > len(table):
            raise BadArchive("its table of contents is damaged.")
        extra = _extra_fields(table[extra_start : extra_start + extra_length])
        entry = _entry(index, fields, table[name_start:extra_start], extra, shift)
        if entry is not None:
            entries.append(entry)
    if at != len(table):
        raise BadArchive("its table of contents is longer than declared.")
    return entries


def _extra_fields(data: bytes) -> dict[int, bytes]:
    """Return the extra fields of an entry by number; what is cut off is left out."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        number, length = struct.unpack_from("<HH", data, at)
        found.setdefault(number, data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _entry(
    index: int, fields: tuple[int, ...], raw_name: bytes, extra: dict[int, bytes], shift: int
) -> Entry | None:
    """Return the entry of one record; None for a folder."""
    flags, method, crc = fields[3], fields[4], fields[7]
    size, packed, offset = _wide_numbers(fields[9], fields[8], fields[16], extra.get(_ZIP64, b""))
    mode = fields[15] >> 16 if fields[1] >> 8 in _UNIX_SYSTEMS else 0
    text = names.decode(raw_name, flags, extra)
    if text.endswith(("/", "\\")) and not size:
        return None
    name = names.label(text)
    refusal = (
        _bad_kind(mode, flags, method)
        or _bad_size(size, packed, method)
        or ("An archive inside the archive is not opened." if _PACKED.search(name) else "")
    )
    return Entry(
        index, name, text, raw_name, size, packed, crc, method, offset + shift, refusal=refusal
    )


def _wide_numbers(size: int, packed: int, offset: int, field: bytes) -> tuple[int, int, int]:
    """Return the three numbers, each from the ZIP64 extra field if it stands there."""
    found, at = [], 0
    for number in (size, packed, offset):
        value = number
        if number == _ELSEWHERE and at + 8 <= len(field):
            (value,) = struct.unpack_from("<Q", field, at)
            at += 8
        found.append(value)
    return found[0], found[1], found[2]


def _bad_kind(mode: int, flags: int, method: int) -> str:
    if stat.S_ISLNK(mode):
        return "It is a link: it has no content but the name of another file."
    if flags & _ENCRYPTED:
        return "It is encrypted."
    if method not in (0, 8):
        return f"Its compression method is not supported (method {method})."
    return ""


def _bad_size(size: int, packed: int, method: int) -> str:
    if size > MAX_FILE:
        return f"Its declared size is over {MAX_FILE // 2**30} GB."
    if method == 0 and size != packed:
        return "Its two sizes contradict each other."
    if size > BOMB_SIZE and size > packed * BOMB_RATIO:
        return "It would unpack to more than 400 times its size, like a ZIP bomb."
    return ""


def _check_overlaps(entries: list[Entry], end: int) -> None:
    """Refuse files that share bytes: with them a small archive could unpack to a huge one."""
    previous_end = 0
    for entry in sorted(entries, key=lambda each: each.offset):
        if entry.offset < previous_end:
            raise BadArchive("two of its files share the same bytes.")
        previous_end = entry.offset + _LOCAL.size + len(entry.raw_name) + entry.packed
        if previous_end > end:
            raise BadArchive("it is cut off, or one of its files lies outside of it.")


def data_start(file: BinaryIO, entry: Entry) -> int:
    """Return the offset of an entry's packed bytes; raises BadArchive if its header differs."""
    file.seek(entry.offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGN):
        raise BadArchive("the header of this file is damaged.")
    fields = _LOCAL.unpack(header)
    name_length, extra = fields[9], fields[10]
    same = file.read(name_length) == entry.raw_name and fields[3] == entry.method
    if not same or fields[2] & _ENCRYPTED:
        raise BadArchive("the header of this file contradicts the table of contents.")
    return int(entry.offset + _LOCAL.size + name_length + extra)
