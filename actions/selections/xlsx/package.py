"""The parts of a workbook's file, each read within limits and parsed without keeping a tree."""

import io
import posixpath
import zipfile
from xml.parsers import expat

MAX_PART = 64 * 2**20
"""Unpacked bytes of one part."""

MAX_DEPTH = 64
"""Elements within one another; a workbook has about ten."""

_CHUNK = 2**16

Attributes = dict[str, str]


class Unreadable(ValueError):
    """The data is not a workbook that can be read; the text says why and what to do."""


class EndOfPart(Exception):
    """Raised by a handler that needs no more of a part."""


TOO_LARGE = "This workbook is too large. Save the column of the devices as a text file."
BROKEN = "This workbook cannot be read. Open it in a spreadsheet and save it again as .xlsx."


class Handler:
    """What a part's elements mean; names are given without their namespace."""

    def start(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""

    def end(self, name: str) -> None:
        """End an element."""

    def text(self, data: str) -> None:
        """Take a piece of text."""


class Package:
    """The zip file of a workbook; parts are found in any case, as the standard demands."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise Unreadable(BROKEN) from error
        self._parts = {_canonical(each.filename): each for each in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return _canonical(name) in self._parts

    def names(self) -> list[str]:
        """Return the names of all parts, in lower case."""
        return list(self._parts)

    def head(self, name: str, size: int = 100) -> bytes:
        """Return the first bytes of a part."""
        with self._zip.open(self._parts[_canonical(name)]) as file:
            return file.read(size)

    def parse(self, name: str, handler: Handler, *, limit: int = MAX_PART) -> None:
        """Parse a part; raises Unreadable if it is missing, broken or too large."""
        info = self._parts.get(_canonical(name))
        if info is None:
            raise Unreadable(BROKEN)
        parser = _parser(handler)
        left = limit
        with self._zip.open(info) as file:
            try:
                while chunk := file.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise Unreadable(TOO_LARGE)
                    parser.Parse(chunk, False)
                parser.Parse(b"", True)
            except EndOfPart:
                return


def _canonical(name: str) -> str:
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/").lower()


def _parser(handler: Handler) -> expat.XMLParserType:
    """Return a parser that refuses document types, so there are no entities to expand."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def refuse(*_: object) -> None:
        raise Unreadable(BROKEN)

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Unreadable(BROKEN)
        handler.start(local(name), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(local(name))

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    return parser


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def relations(package: Package, name: str) -> dict[str, tuple[str, str]]:
    """Return the relations of a part: by id, the kind of relation and the name of its target."""
    folder, base = posixpath.split(name)
    found: dict[str, tuple[str, str]] = {}

    class Relations(Handler):
        def start(self, name: str, attributes: Attributes) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.join("/" + folder, attributes.get("Target", ""))
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = (kind, target)

    rels = posixpath.join(folder, "_rels", base + ".rels")
    if rels in package:
        package.parse(rels, Relations(), limit=2**20)
    return found
