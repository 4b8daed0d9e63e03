"""Detects the encoding of a log from the bytes at its beginning.

A byte order mark decides. Without one, UTF-16 and UTF-32 are recognised by how blanks and line ends
are written, which every language has, and not by the share of zero bytes, which only Latin letters
have. Text that is not UTF-8 in the main is shown in a Windows code page: a guess, named as one.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The marks; that of UTF-16 LE begins that of UTF-32 LE, so it comes later."""

_HEAD = 64 * 1024
_SPACES = (0x0D, 0x0A, 0x20)
_WIDE = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
"""Encodings with units of two or four bytes, and that number."""

_ODD_KINDS = frozenset(("Cc", "Cn", "Co", "Cs"))
_USUAL_CONTROLS = "\t\r\n\f\v\b\x1b"
_MAX_ODD = 0.02
"""Share of characters that a text may have without a meaning."""

_NARROW_PAIR = re.compile(rb"[\x20-\x7e]{2}")
_NARROW_SHARE = 0.7
"""Share of the bytes of a narrow text in such pairs; Chinese in UTF-16 has up to a half."""

_ASCII_START = 48
"""Bytes of plain ASCII at the start that no wide text has, whatever was appended to it."""

_PLAIN = bytes([*b"\t\r\n", *range(0x20, 0x7F)])
_LETTERS_1251 = re.compile(rb"[\xc0-\xff]{3,}")
_BAD_BYTE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and how it is known; `has_zeros` says that it is hardly a text."""

    codec: str
    guessed: bool = False
    has_zeros: bool = False

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes need no conversion."""
        return self.codec.startswith("utf-8")

    @property
    def label(self) -> str:
        """Return the name to show; a guess is named as one."""
        if self.guessed:
            page = self.codec.removeprefix("cp")
            return f"Unknown encoding, shown as Windows-{page} (a guess)"
        return self.codec.upper().removesuffix("-SIG")


def detect(head: bytes) -> Encoding:
    """Return the encoding that the first bytes of a file show."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec)
    wide = _wide(head[:_HEAD]) if 0 in head else ""
    if wide:
        return Encoding(wide)
    has_zeros = 0 in head
    if _is_utf8(head):
        return Encoding("utf-8", has_zeros=has_zeros)
    return Encoding(_code_page(head), guessed=True, has_zeros=has_zeros)


def _wide(head: bytes) -> str:
    """Return the encoding of a text in wide units without a mark, or ""."""
    if len(head) >= _ASCII_START and not head[:_ASCII_START].translate(None, _PLAIN):
        return ""
    scores = {codec: _score(head, codec) for codec in _WIDE}
    best = max(scores, key=lambda codec: scores[codec])
    others = max(score for codec, score in scores.items() if codec != best)
    return best if scores[best] > 2 * others else ""


def _score(head: bytes, codec: str) -> float:
    """Return how much a text looks like this encoding: the share of blanks and line ends.

    A text without any counts by its share of ASCII letters, as a single word does.
    """
    width = _WIDE[codec]
    whole = head[: len(head) // width * width]
    if width == 2 and _is_narrow(whole):
        return 0
    text = whole.decode(codec, "replace")
    kinds = (unicodedata.category(each) for each in text if each not in _USUAL_CONTROLS)
    odd = sum(kind in _ODD_KINDS for kind in kinds) + text.count(_BAD_BYTE)
    if not text or odd > len(text) * _MAX_ODD:
        return 0
    spaces = sum(text.count(chr(each)) for each in _SPACES)
    plain = sum(" " < each <= "~" for each in text)
    return (spaces or plain / 2) / len(text)


def _is_narrow(head: bytes) -> bool:
    """Return whether most bytes stand in pairs of ASCII characters, or form UTF-8 text.

    By chance some wide text is valid UTF-8, too; but then its blanks and digits have many zeros.
    """
    if 2 * len(_NARROW_PAIR.findall(head)) > len(head) * _NARROW_SHARE:
        return True
    is_utf8 = not head.isascii() and _good_and_bad(head)[1] == 0
    return is_utf8 and head.count(0) < len(head) / 8


def _good_and_bad(head: bytes) -> tuple[int, int]:
    """Return how many characters beyond ASCII are valid UTF-8, and how many bytes are not."""
    if head.isascii():
        return 0, 0
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    bad = text.count(_BAD_BYTE)
    return sum(each > "\x7f" for each in text) - bad, bad


def _is_utf8(head: bytes) -> bool:
    """Return whether the text is UTF-8 in the main: one bad byte does not spoil all others."""
    good, bad = _good_and_bad(head)
    return not bad or good > 2 * bad


def _code_page(head: bytes) -> str:
    """Return Windows-1251 if letters beyond ASCII form whole words, as Cyrillic ones do."""
    together = sum(len(found) for found in _LETTERS_1251.findall(head))
    beyond = sum(byte > 0x7F for byte in head)
    return "cp1251" if together > beyond / 2 else "cp1252"
