"""Tell what an uploaded file is: a workbook, a text in one of the usual encodings, or a refusal."""

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
_UNFIT = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Categories of characters that no list has: control, unassigned, private and surrogate."""


def decode(name: str, data: bytes, where: str) -> str:
    """Return the text of a file; raises Refused for the field `where` if it is none."""
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
    if b"\x00" in data:
        text = _unmarked_utf_16(data)
        if text is None:
            _refuse(where, "This is neither a text nor a workbook (.xlsx).")
        return text
    return _decode_bytes(data)


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


def _decode_bytes(data: bytes) -> str:
    """Decode UTF-8; a line that is not UTF-8 does not spoil the others, it is Windows' Latin."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return "\n".join(map(_decode_line, lines))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


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
