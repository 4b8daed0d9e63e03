"""Names of the files of an archive, as labels to show.

Nothing is ever extracted, so a name can do no harm: an absolute name, a drive or `..` is shown
without that part, and the file is opened like any other.
"""

import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator

MAX_NAME = 1_000
NO_NAME = "(no name)"

_UTF8 = 1 << 11
_UNICODE_PATH = 0x7075
_DRIVE = re.compile(r"^(?:[\\/]{2}[?.][\\/])?(?:[A-Za-z]:)?")


def decode(raw: bytes, flags: int, extra: dict[int, bytes]) -> str:
    """Return the name as text: many tools write UTF-8 without the flag for it.

    The extra field "Info-ZIP Unicode Path" goes first if it belongs to this name.
    """
    field = extra.get(_UNICODE_PATH, b"")
    if len(field) > 5 and field[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
        raw, flags = field[5:], _UTF8
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if flags & _UTF8 else raw.decode("cp437")


def label(text: str) -> str:
    """Return a name relative to the archive, without empty parts, drives and dots."""
    parts = _DRIVE.sub("", text.replace("\x00", "␀"), count=1).replace("\\", "/").split("/")
    name = "/".join(part for part in parts if part not in ("", ".", ".."))
    return (name if len(name) <= MAX_NAME else name[:200] + "…") or NO_NAME


def numbered(names: Iterable[str]) -> Iterator[str]:
    """Yield the names; a name that was there before gets a number, as in "agent.log (2)"."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"
