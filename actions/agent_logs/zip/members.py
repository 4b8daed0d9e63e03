"""Reads one file of an archive from any offset without extracting it.

Deflated data can only be read from its start. So while it is read, a copy of the decompressor is
kept every `STRIDE` bytes, with the number of lines before it: 50 kB each, 2.5 MB for a file of
200 MB. A page then begins at the nearest checkpoint. The first page needs only the first bytes; the
first jump to the end of 200 MB costs a second, later ones some milliseconds. Alternatives were an
unpacked copy on the disk (it must be bounded, cleaned and kept private) and repacking each log when
it arrives (time and space for files that nobody opens). The price: each web process has its own
checkpoints, for the files read last.
"""

import codecs
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from actions.agent_logs.zip.directory import BadArchive, Entry, data_start
from actions.agent_logs.zip.encodings import detect

STRIDE = 4 * 2**20
"""Bytes of text between two checkpoints."""

CHUNK = 256 * 1024
_PACKED_CHUNK = 16 * 1024
MAX_MEMBERS = 8
"""Files whose checkpoints a process keeps: at most 26 MB."""

MAX_CHECKPOINTS = 64
"""Checkpoints of one file: those of a larger file are further apart, so memory is bounded."""

StreamState = tuple[int, int, int, int, Any]
"""Positions and checksum of a MemberStream and its zlib decompressor, which has no public type."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A position at which reading can begin; `offset` counts bytes of text, `line` counts lines."""

    offset: int
    line: int
    state: Any


class MemberStream:
    """The bytes of an entry in order, checked against the size and CRC of the directory."""

    def __init__(self, file: BinaryIO, entry: Entry) -> None:
        self._file, self._entry = file, entry
        self._at = data_start(file, entry)
        self._left = entry.packed
        self._out = 0
        self._crc = 0
        self._inflate = zlib.decompressobj(-15) if entry.method == 8 else None

    def save(self) -> StreamState:
        """Return a state that `load` restores."""
        copy = self._inflate.copy() if self._inflate else None
        return self._at, self._left, self._out, self._crc, copy

    def load(self, state: StreamState) -> None:
        """Continue at a saved state, which is not changed."""
        self._at, self._left, self._out, self._crc, copy = state
        self._inflate = copy.copy() if copy else None

    def read(self) -> bytes:
        """Return the next bytes, at most CHUNK, b"" at the end; raises BadArchive."""
        data = self._unpack()
        self._out += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._out > self._entry.size:
            raise BadArchive("the file is larger than declared.")
        if not data and (self._out, self._crc) != (self._entry.size, self._entry.crc):
            raise BadArchive("the file is damaged: its size or checksum does not match.")
        return data

    def _unpack(self) -> bytes:
        if self._inflate is None:
            return self._read_packed(CHUNK)
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._read_packed(_PACKED_CHUNK)
            try:
                data = self._inflate.decompress(packed, CHUNK)
            except zlib.error:
                raise BadArchive("the file is damaged: it cannot be unpacked.") from None
            if data:
                return data
            if not packed:
                break
        return b""

    def _read_packed(self, limit: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(min(limit, self._left))
        if len(data) < min(limit, self._left):
            raise BadArchive("the archive is cut off inside this file.")
        self._at += len(data)
        self._left -= len(data)
        return data


class Member:
    """A text file of an archive; `open_archive` opens the archive for each read.

    Text in any other encoding is converted to UTF-8 while it is read: lines are split and searched
    as bytes, and UTF-16 has no single byte for the end of a line. So are the carriage returns that
    alone end the lines of some files. `day_first` is the order of day
    and month in its dates as `times` has found it.
    """

    def __init__(self, open_archive: Callable[[], BinaryIO], entry: Entry) -> None:
        self._open, self.entry = open_archive, entry
        self._lock = threading.Lock()
        with open_archive() as file:
            stream = MemberStream(file, entry)
            start = stream.save()
            head = stream.read()
        self.encoding = detect(head)
        self.binary = self.encoding.has_zeros
        text = head.decode(self.encoding.codec, "replace")
        self._ends_with_returns = "\r" in text and "\n" not in text
        self._checkpoints = [Checkpoint(0, 1, (start, b""))]
        self._stride = max(STRIDE, entry.size // MAX_CHECKPOINTS)
        self.day_first: bool | None = None
        self.dates_were_read = False

    def before_line(self, line: int) -> Checkpoint:
        """Return the nearest checkpoint at or before a line."""
        with self._lock:
            return max(
                (each for each in self._checkpoints if each.line <= line),
                key=lambda each: each.offset,
            )

    def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints recorded so far."""
        with self._lock:
            return list(self._checkpoints)

    def chunks(self, start: Checkpoint) -> Iterator[bytes]:
        """Yield the text from a checkpoint to the end, and record checkpoints on the way."""
        with self._open() as file:
            stream = MemberStream(file, self.entry)
            state, rest = start.state
            stream.load(state)
            decoder = self._decoder()
            if decoder and rest:
                decoder.setstate(rest)
            offset, line = start.offset, start.line
            while data := stream.read():
                text = decoder.decode(data).encode() if decoder else data
                if self._ends_with_returns:
                    text = text.replace(b"\r", b"\n")
                yield text
                offset += len(text)
                line += text.count(b"\n")
                self._add_checkpoint(offset, line, stream, decoder)

    def _decoder(self) -> codecs.IncrementalDecoder | None:
        if self.encoding.is_utf8:
            return None
        return codecs.getincrementaldecoder(self.encoding.codec)(errors="replace")

    def _add_checkpoint(
        self,
        offset: int,
        line: int,
        stream: MemberStream,
        decoder: codecs.IncrementalDecoder | None,
    ) -> None:
        with self._lock:
            if offset - self._checkpoints[-1].offset >= self._stride:
                rest = decoder.getstate() if decoder else b""
                self._checkpoints.append(Checkpoint(offset, line, (stream.save(), rest)))


class MemberCache:
    """Keeps the members read last, so that the next page begins at a known checkpoint."""

    def __init__(self) -> None:
        self._members: OrderedDict[tuple[str, int], Member] = OrderedDict()
        self._lock = threading.Lock()

    def member(self, key: str, open_archive: Callable[[], BinaryIO], entry: Entry) -> Member:
        """Return the member of the stored archive with that name; raises BadArchive."""
        with self._lock:
            member = self._members.get((key, entry.index))
            if member:
                self._members.move_to_end((key, entry.index))
                return member
        member = Member(open_archive, entry)
        with self._lock:
            self._members[key, entry.index] = member
            while len(self._members) > MAX_MEMBERS:
                self._members.popitem(last=False)
        return member
