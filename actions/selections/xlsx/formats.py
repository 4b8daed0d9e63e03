"""Number formats: the text that a cell shows, or why its value alone does not tell it."""

import re
from decimal import Decimal, InvalidOperation

from actions.selections.xlsx.package import Attributes, EndOfPart, Handler, Package, Unreadable

FORMATTED = "A number with a format: save the column as text."
NOT_WHOLE = "A number that is shown rounded: save the column as text."
TOO_LONG = "A number with more digits than a spreadsheet shows: save the column as text."
FORMATTED_TEXT = "A text with a format that changes it: save the column as plain text."
NO_TEXT = "The workbook lacks the text of this cell: open it and save it again."
UNCALCULATED = "A formula without a stored result: open the workbook and save it again."

MAX_STYLES = 70_000
"""Cell styles of a workbook; spreadsheets allow about 64,000."""

MAX_ELEMENTS = 300_000
"""Elements read of the styles. Beyond it, cells with a style are taken to have a format."""

GENERAL = "general"
_BUILT_IN = {"0": GENERAL, "1": "0", "49": "@"}
_GENERAL_DIGITS = 11
"""Digits of a whole number that the format "General" shows; longer ones become 1.2E+11."""

_KEPT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps."""

_SECTION = re.compile(r'(?:"[^"]*"|\\.|[^;"\\])*')
_NEUTRAL = re.compile(r"_.|\*.|\[[^\]]*\]|\\ | ")
"""Padding, fill and colours around a text, which a person does not read."""


class Formats:
    """The number format of each cell style; `codes` is None if they are not known."""

    def __init__(self, codes: list[str] | None) -> None:
        self._codes = codes

    def shown_number(self, style: str | None, raw: str) -> tuple[str, str]:
        """Return what a cell with a number shows, and why it cannot be used, or ""."""
        try:
            value = Decimal(raw)
        except InvalidOperation:
            return raw, FORMATTED
        if not value.is_finite() or value.adjusted() >= _KEPT_DIGITS:
            return raw, TOO_LONG
        code = self._code(style)
        if code is None or not re.fullmatch("general|@|0{1,255}", code):
            return raw, FORMATTED
        if value != value.to_integral_value():
            return raw, NOT_WHOLE
        if code.startswith("0"):
            return (raw, FORMATTED) if value < 0 else (str(int(value)).zfill(len(code)), "")
        too_long = value.adjusted() >= _GENERAL_DIGITS
        return str(int(value)), TOO_LONG if too_long else ""

    def why_not_text(self, style: str | None) -> str:
        """Return why a cell with a text shows another one, or ""."""
        code = self._code(style)
        if code is None:
            return ""
        sections = _sections(code)
        last = _NEUTRAL.sub("", sections[-1])
        is_for_text = len(sections) >= 4 or "@" in re.sub(r'"[^"]*"|\\.', "", last)
        return FORMATTED_TEXT if is_for_text and last not in ("@", GENERAL) else ""

    def _code(self, style: str | None) -> str | None:
        """Return the format code of a style; None if it is not known."""
        if self._codes is None:
            return GENERAL if style in (None, "0") else None
        place = int(style) if style and style.isascii() and style.isdigit() else 0
        return self._codes[place] if place < len(self._codes) else GENERAL


def _sections(code: str) -> list[str]:
    """Split a format code at the semicolons that are not quoted."""
    sections, at = [], 0
    while True:
        match = _SECTION.match(code, at)
        end = match.end() if match else at
        sections.append(code[at:end])
        if end >= len(code):
            return sections
        at = end + 1


class _Styles(Handler):
    """Reads the custom number formats and the format of each cell style, nothing else."""

    def __init__(self) -> None:
        self.custom: dict[str, str] = {}
        self.codes: list[str] = []
        self._inside = ""
        self._count = 0

    def start(self, name: str, attributes: Attributes) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self.codes) > MAX_STYLES:
            raise Unreadable
        if name in ("numFmts", "cellXfs"):
            self._inside = name
        elif name == "numFmt" and self._inside == "numFmts":
            self.custom[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:300]
        elif name == "xf" and self._inside == "cellXfs":
            known = attributes.get("numFmtId", "0")
            code = self.custom.get(known, _BUILT_IN.get(known, "#"))
            self.codes.append(GENERAL if code.lower() in ("", GENERAL) else code)

    def end(self, name: str) -> None:
        if name == "cellXfs":
            raise EndOfPart
        if name == self._inside:
            self._inside = ""


def read_formats(package: Package, part: str | None) -> Formats:
    """Read the number formats of a workbook; they are unknown if they are broken or too many."""
    if part is None or part not in package:
        return Formats([])
    styles = _Styles()
    try:
        package.parse(part, styles, limit=16 * 2**20)
    except (Unreadable, MemoryError):
        return Formats(None)
    return Formats(styles.codes)
