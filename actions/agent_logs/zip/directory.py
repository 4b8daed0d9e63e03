"""Reads the directory of an untrusted ZIP file.

It does not use the standard library, because that trusts the archive: it reads a directory of any
size, takes the first of two contradicting records, and detects wrong sizes only while it extracts.
Here every number is checked against the file before it is used, so the work is bounded by
`MAX_DIRECTORY`, whatever the archive claims. Names are labels to show, never paths to write to.
Source of the format: PKWARE's APPNOTE 6.3.
"""

import re
import stat
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

MAX_ENTRIES = 5_000
MAX_DIRECTORY = 2 * 2**20
MAX_NAME = 1_000
MAX_FILE = 2 * 2**30
MAX_TOTAL = 8 * 2**30
BOMB_SIZE, BOMB_RATIO = 64 * 2**20, 400
"""An unpacked size in bytes, and a ratio: a file that exceeds both is a ZIP bomb."""

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SIGN, _ENTRY_SIGN, _LOCAL_SIGN = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_UTF8 = 1 << 11
_PACKED = re.compile(r"\.(zip|jar|war|apk|7z|rar|tar|tgz|gz|bz2|xz|zst|cab|iso|msi|dmg)$", re.I)
_DRIVE = re.compile(r"^[A-Za-z]:")


class BadArchive(Exception):
    """The archive cannot be read; the text gives the reason, fit to show."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; `refusal` is the reason why it is not opened, or "".

    `index` is its position in the directory, `offset` the start of its local header in bytes.
    """

    index: int
    name: str
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


def read_directory(file: BinaryIO) -> tuple[Entry, ...]:
    """Return the files of the archive in their order, without folders; raises BadArchive."""
    size = file.seek(0, 2)
    count, length, start, end = _find_end(file, size)
    if count > MAX_ENTRIES or length > MAX_DIRECTORY:
        raise BadArchive(f"it holds more than {MAX_ENTRIES:,} files.")
    if start + length > end:
        raise BadArchive("it is cut off, or its table of contents lies outside of it.")
    file.seek(start)
    table = file.read(length)
    entries = _read_table(table, count)
    _check_overlaps(entries, start)
    if sum(entry.size for entry in entries) > MAX_TOTAL:
        raise BadArchive(f"its files declare more than {MAX_TOTAL // 2**30} GB together.")
    return _refuse_duplicates(entries)


def _find_end(file: BinaryIO, size: int) -> tuple[int, int, int, int]:
    """Return the number of entries, and the length, start and end of the directory."""
    tail_length = min(size, _END.size + _MAX_COMMENT)
    file.seek(size - tail_length)
    tail = file.read(tail_length)
    position = len(tail)
    while (position := tail.rfind(_END_SIGN, 0, position)) >= 0:
        if position + _END.size <= len(tail):
            _, disk, first, here, count, length, start, comment = _END.unpack_from(tail, position)
            if position + _END.size + comment == len(tail):
                break
    else:
        raise BadArchive("it is not a ZIP file, or it is cut off.")
    if count == 0xFFFF or 0xFFFFFFFF in (length, start):
        raise BadArchive("it is a ZIP64 archive (over 4 GB or 65,535 files), which is not read.")
    if disk or first or here != count:
        raise BadArchive("it is one of several parts of a split archive.")
    return count, length, start, size - tail_length + position


def _read_table(table: bytes, count: int) -> list[Entry]:
    entries, at = [], 0
    for index in range(count):
        if at + _ENTRY.size > len(table) or table[at : at + 4] != _ENTRY_SIGN:
            raise BadArchive("its table of contents is damaged.")
        fields = _ENTRY.unpack_from(table, at)
        name_length, extra, comment = fields[10:13]
        name_start = at + _ENTRY.size
        at = name_start + name_length + extra + comment
        if at > len(table):
            raise BadArchive("its table of contents is damaged.")
        entry = _entry(index, fields, table[name_start : name_start + name_length])
        if entry is not None:
            entries.append(entry)
    if at != len(table):
        raise BadArchive("its table of contents is longer than declared.")
    return entries


def _entry(index: int, fields: tuple[int, ...], raw_name: bytes) -> Entry | None:
    """Return the entry of one record; None for a folder."""
    flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
    mode, offset = fields[15] >> 16, fields[16]
    text = _decode(raw_name, flags)
    name, bad_name = _clean(text)
    if text.endswith(("/", "\\")) and not size and not bad_name:
        return None
    refusal = (
        bad_name
        or _bad_kind(mode, flags, method)
        or _bad_size(size, packed, method)
        or ("An archive inside the archive is not opened." if _PACKED.search(name) else "")
    )
    return Entry(index, name, raw_name, size, packed, crc, method, offset, refusal)


def _decode(raw: bytes, flags: int) -> str:
    """Return the name as text: many tools write UTF-8 without the flag for it."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if flags & _UTF8 else raw.decode("cp437")


def _clean(text: str) -> tuple[str, str]:
    """Return the name to show, and the reason why it is refused, or ""."""
    parts = text.replace("\\", "/").split("/")
    name = "/".join(part for part in parts if part not in ("", ".", "..")) or "(no name)"
    if len(text) > MAX_NAME:
        return name[:200], "Its name is too long."
    if text[:1] in ("/", "\\") or _DRIVE.match(text):
        return name, "Its name is an absolute path."
    if ".." in parts:
        return name, "Its name leads out of the archive."
    if "\x00" in text or not any(parts):
        return name, "Its name is damaged."
    return name, ""


def _bad_kind(mode: int, flags: int, method: int) -> str:
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "A link or another special file is not opened."
    if flags & _ENCRYPTED:
        return "It is encrypted."
    if method not in (0, 8):
        return f"Its compression method is not supported (method {method})."
    return ""


def _bad_size(size: int, packed: int, method: int) -> str:
    if 0xFFFFFFFF in (size, packed) or size > MAX_FILE:
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


def _refuse_duplicates(entries: list[Entry]) -> tuple[Entry, ...]:
    """Refuse to open the second of two files with the same name."""
    seen: set[str] = set()
    kept = []
    for entry in entries:
        key = entry.name.casefold()
        duplicate = "Another file of the archive has the same name." if key in seen else ""
        kept.append(replace(entry, refusal=entry.refusal or duplicate))
        seen.add(key)
    return tuple(kept)


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
