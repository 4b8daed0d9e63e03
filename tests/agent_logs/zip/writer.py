"""Writes archives with any combination of the records that real writers use."""

import struct
import zlib
from dataclasses import dataclass

FULL = 0xFFFFFFFF


@dataclass(frozen=True)
class Form:
    """How an archive is written: which numbers stand in ZIP64 records, and what surrounds it."""

    wide_size: bool = False
    wide_packed: bool = False
    wide_offset: bool = False
    wide_end: bool = False
    end_holds_numbers: bool = False
    other_fields: bool = False
    packed: bool = True
    before: bytes = b""
    after: bytes = b""
    comment: bytes = b""


def write(files: list[tuple[bytes, bytes]], form: Form, *, flags: int = 0) -> bytes:
    """Return an archive of raw names and contents."""
    body, table = b"", b""
    for name, content in files:
        method = 8 if form.packed else 0
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = deflate.compress(content) + deflate.flush() if form.packed else content
        numbers = (len(content), len(data), len(body))
        wides = (form.wide_size, form.wide_packed, form.wide_offset)
        field = b"".join(
            struct.pack("<Q", n) for n, wide in zip(numbers, wides, strict=True) if wide
        )
        extra = struct.pack("<HH", 1, len(field)) + field if field else b""
        if form.other_fields:
            extra = struct.pack("<HH4s", 0x5455, 4, b"time") + extra
        size, packed, offset = (FULL if wide else n for n, wide in zip(numbers, wides, strict=True))
        head = (20, flags, method, 0, 33, zlib.crc32(content), packed, size, len(name))
        local = struct.pack("<4s5H3L2H", b"PK\3\4", *head, len(extra))
        table += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, *head, len(extra), 0, 0, 0, 0, offset)
        table += name + extra
        body += local + name + extra + data
    return form.before + body + table + _end(len(files), len(table), len(body), form) + form.after


def _end(count: int, length: int, start: int, form: Form) -> bytes:
    numbers: tuple[int, ...] = (count, count, length, start)
    wide = b""
    if form.wide_end:
        at = start + length
        wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
        wide += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        if not form.end_holds_numbers:
            numbers = (0xFFFF, 0xFFFF, FULL, FULL)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *numbers, len(form.comment))
    return wide + end + form.comment
