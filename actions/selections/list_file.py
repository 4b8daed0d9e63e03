"""Tell what an uploaded file is: a workbook, a text in one of the usual encodings, or a refusal."""

import itertools
import unicodedata
from typing import NoReturn

from actions.errors import Code, Refused

_OLE = b"\xd0\xcf\x11\xe0"
_OTHERS = {
    b"%PDF": "This is a PDF document.",
    b"{\\rtf": "This is a document (RTF).",
    b"<!doctype": "This is a web page.",
    b"<html": "This is a web page.",
    b"<table": "This is a web page.",
    b"<?xml": "This is an XML file.",
    b"<workbook": "This is an XML file.",
    b"PK\x05\x06": "This is an empty archive.",
    b"\x1f\x8b": "This is a compressed file.",
    b"7z\xbc\xaf": "This is a compressed file.",
    b"Rar!": "This is a compressed file.",
}
CODE_PAGES = (
    *("cp1252", "cp1251", "cp1250", "cp850", "cp866", "koi8-r", "mac_roman", "cp932", "gb18030"),
)
"""Code pages of spreadsheets; the first one counts unless another names more devices."""

_SAMPLE_LINES = 100
_ASCII = bytes([*b"\t\r\n", *range(0x20, 0x7F)])
_UNFIT = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Categories of characters that no list has: control, unassigned, private and surrogate."""


def decode(name: str, data: bytes, where: str, code_page: str = CODE_PAGES[0]) -> str:
    """Return the text of a file; raises Refused for the field `where` if it is none.

    `code_page` is for lines that are in no encoding of Unicode.
    """
    if data.startswith(_OLE):
        _refuse(where, _why_ole(name, data))
    for signature, what in _OTHERS.items():
        if data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(signature.lower()):
            _refuse(where, f"{what} Save the list as .xlsx, .csv or text.")
    for mark, encoding in ((b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\x00" in data and not _is_narrow(data):
        text = _unmarked_utf_16(data)
        if text is None:
            _refuse(where, "This is neither a text nor a workbook (.xlsx).")
        return text
    return _decode_bytes(data, code_page)


def lines_in_a_code_page(data: bytes) -> bytes:
    """Return the first lines that are in no encoding of Unicode."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\x00" in data and not _is_narrow(data)):
        return b""
    lines = (line for line in data.splitlines() if not line.isascii() and not _is_utf_8(line))
    return b"\n".join(itertools.islice(lines, _SAMPLE_LINES))


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_narrow(data: bytes) -> bool:
    """Return whether nearly all bytes are ASCII, so that a zero byte among them is a stray one."""
    return len(data.translate(None, _ASCII)) < len(data) / 4


def _refuse(where: str, text: str) -> NoReturn:
    raise Refused.because(where, Code.FILE_UNREADABLE, "%(text)s", text=text)


def _why_ole(name: str, data: bytes) -> str:
    """Return what an OLE file is: the names of its streams are UTF-16."""
    is_new = name.lower().endswith((".xlsx", ".xlsm", ".xltx"))
    if "EncryptedPackage".encode("utf-16-le") in data:
        is_new = True
    elif any(f"{each}\x00".encode("utf-16-le") in data for each in ("Workbook", "Book")):
        is_new = False
    elif "WordDocument".encode("utf-16-le") in data:
        return "This is a document without sheets. Save the list as .xlsx or as text."
    if is_new:
        return "This workbook is protected by a password or a label: save it without, or as text."
    return "This is an old workbook. Save it as .xlsx or .csv."


def _decode_bytes(data: bytes, code_page: str) -> str:
    """Decode UTF-8; a line that is not UTF-8 does not spoil the others, it has a code page."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return "\n".join(_decode_line(line, code_page) for line in lines)


def _decode_line(line: bytes, code_page: str) -> str:
    return line.decode("utf-8" if _is_utf_8(line) else code_page, errors="replace")


def _unmarked_utf_16(data: bytes) -> str | None:
    """Decode UTF-16 without a mark; None if the bytes make no text in either order."""
    best: tuple[int, str] = (0, "")
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = data[: len(data) // 2 * 2].decode(encoding)
        except UnicodeDecodeError:
            continue
        latin = sum(char.isascii() for char in text)
        if latin > best[0] and "\x00" not in text and (2 * latin > len(text) or _is_fit(text)):
            best = latin, text
    return best[1] or None


def _is_fit(text: str) -> bool:
    """Return whether a text has only characters that lists have."""
    signs = set(text) - set("\t\r\n")
    return not any(unicodedata.category(char) in _UNFIT for char in signs)
