"""Build valid and hostile archives, and read them as the console does."""

import io
import struct
import time
import zipfile
from random import Random

from actions.agent_logs.zip.directory import BadArchive, Entry, read_directory
from actions.agent_logs.zip.levels import Level
from actions.agent_logs.zip.lines import PAGE, read_page
from actions.agent_logs.zip.members import MemberCache
from actions.agent_logs.zip.search import search

NAMES = (
    *("logs/service.log", "a.txt", "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd"),
    *("C:\\windows\\win.ini", "\\\\host\\share", "inner.zip", "a.txt", "A.TXT", "", "dir/"),
    *("x" * 2000, "nul\x00name", "line\nbreak", "\u202egpj.exe", "日本.log", "./a/./b", "a//b"),
)
WORDS = (b"2026-01-01 00:00:00 ERROR oesis failed\n", b"INFO ok\r\n", b"\xff\xfe\x00x", b"\n", b"z")


def build(rng: Random) -> bytes:
    """Return an archive of the standard library with random names and contents."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for _ in range(rng.randrange(5)):
            info = zipfile.ZipInfo(rng.choice(NAMES) or "empty")
            info.compress_type = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, 12))
            info.external_attr = rng.choice((0, 0o100644, 0o120777, 0o010644)) << 16
            archive.writestr(info, rng.choice(WORDS) * rng.randrange(3000))
        archive.comment = rng.randbytes(rng.choice((0, 0, 3, 100)))
    return target.getvalue()


def corrupt(data: bytes, rng: Random) -> bytes:
    """Return the bytes with up to three random changes."""
    changed = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(7):
            case 0:
                changed[at : at + 1] = rng.randbytes(1)
            case 1:
                changed[at : at + 4] = struct.pack("<L", rng.choice((0, 1, 2**31, 2**32 - 1)))
            case 2:
                del changed[at:]
            case 3:
                del changed[at : at + rng.randrange(64)]
            case 4:
                changed[at:at] = changed[at : at + rng.randrange(200)]
            case 5:
                _change_header(changed, rng)
            case 6:
                changed += rng.randbytes(rng.randrange(64))
    return bytes(changed)


def _change_header(data: bytearray, rng: Random) -> None:
    """Change one number in a directory record, an end record or a local header."""
    sign = rng.choice((b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"))
    at = data.find(sign)
    if at >= 0:
        at += 4 + 2 * rng.randrange(20)
        data[at : at + 2] = struct.pack("<H", rng.choice((0, 1, 8, 0x20, 0xFFFF)))


def read_all(data: bytes, phrase: str = "failed") -> tuple[list[str], list[str]]:
    """Read an archive as the console does; return the names opened and the messages."""
    opened, messages = [], []
    try:
        entries = read_directory(io.BytesIO(data))
    except BadArchive as error:
        return [], [str(error)]
    for entry in entries:
        assert ".." not in entry.parts, entry
        assert not entry.name.startswith("/"), entry
        if entry.refusal:
            messages.append(entry.refusal)
            continue
        try:
            _read(data, entry, phrase)
            opened.append(entry.name)
        except BadArchive as error:
            messages.append(str(error))
    return opened, messages


def _read(data: bytes, entry: Entry, phrase: str) -> None:
    member = MemberCache().member("fuzz", lambda: io.BytesIO(data), entry)
    total = sum(len(chunk) for chunk in member.chunks(member.checkpoints()[0]))
    assert total <= 4 * entry.size, (total, entry)
    page = read_page(member, 1)
    assert len(page.lines) <= PAGE
    for line in page.lines:
        assert line.text is not None
    read_page(member, 1, Level.ERROR)
    search(member, phrase)


def timed(data: bytes) -> float:
    """Return the seconds of processor time that reading the archive takes."""
    start = time.process_time()
    read_all(data)
    return time.process_time() - start
