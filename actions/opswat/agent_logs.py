"""The answer of Get Reports: an agent log as a ZIP file, or a text why there is none yet.

Source: page "Get Reports" v3.1 (formats CSV, ZIP and JSON). The answer while a log is not ready is
missing in every copy of that page, so the content decides, not the HTTP status.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from actions.opswat.redaction import Redactor
from actions.opswat.responses import MAX_EXCERPT, Body, Reply
from actions.opswat.sanitize import clean_text, read_text

REPORT_CODES = (200, 202, 204, 400, 404)
"""Codes whose body may be the log, or the vendor's text that it is not ready."""

_SIGNATURES = (
    *(b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"),
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd"),
)
"""First bytes of a file: ZIP, as documented; gzip, bzip2, xz, 7z, rar and zstd are *assumed*."""

_HEAD = 512
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
"""Bytes that may stand before the first character of a text, in any encoding."""

_MAX_MESSAGE = 64 * 1024
_MESSAGE_FIELDS = ("message", "error_description", "error", "status")


@dataclass(frozen=True, slots=True)
class ReportReply:
    """Whether the log is ready; `size` in bytes and `sha256` in hex describe the stored file.

    `message` is the vendor's text while it is not ready, at most 300 characters.
    """

    ready: bool
    size: int = 0
    sha256: str = ""
    message: str = ""


def _is_file(data: bytearray) -> bool:
    """Return whether a body is a file: by its first bytes, a zero byte, or a length of no message.

    A file of another kind than ZIP is kept for download. A short text is not: it may say "not
    ready". A page, which only a gateway sends, is never a file.
    """
    if data.startswith(_SIGNATURES):
        return True
    start = bytes(data[:_HEAD]).lstrip(_BEFORE_TEXT)[:1]
    if start in (b"", b"<"):
        return False
    is_binary = b"\x00" in data[:_HEAD] and start not in (b"{", b"[", b'"')
    return is_binary or len(data) > _MAX_MESSAGE


class ReportBody(Body):
    """Streams a file into `sink`, as soon as it is known to be one; keeps other content as text."""

    def __init__(self, sink: BinaryIO, cap: int) -> None:
        super().__init__(_MAX_MESSAGE)
        self._sink = sink
        self._sink_cap = cap
        self._digest = hashlib.sha256()
        self._size = 0
        self.is_archive = self.is_over = False

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; return False if the file is too large. Errors of the sink pass through."""
        if self.is_archive:
            return self._write(chunk)
        self._data += chunk
        self.is_archive = _is_file(self._data)
        if self.is_archive:
            whole = bytes(self._data)
            self._data.clear()
            return self._write(whole)
        fits = len(self._data) <= _MAX_MESSAGE
        del self._data[_MAX_MESSAGE:]
        return fits

    def _write(self, chunk: bytes) -> bool:
        self.is_over = self._size + len(chunk) > self._sink_cap
        if self.is_over:
            return False
        self._sink.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)
        return True

    def message(self, redactor: Redactor) -> str:
        """Return the vendor's reason why there is no log, from its JSON or as plain text."""
        is_json, value = self.json()
        if not is_json:
            return self.excerpt(redactor)
        fields = value if isinstance(value, dict) else {}
        found = (read_text(fields.get(name), _MAX_MESSAGE) for name in _MESSAGE_FIELDS)
        text = next(filter(None, found), "") or self.excerpt(redactor)
        return clean_text(redactor.text(text), MAX_EXCERPT)

    def reply(self) -> ReportReply:
        """Return what was written to the sink."""
        return ReportReply(ready=True, size=self._size, sha256=self._digest.hexdigest())


def read_report(reply: Reply, body: ReportBody, redactor: Redactor) -> ReportReply | None:
    """Return the log or the reason why there is none; None if the answer shows neither."""
    if reply.http_status not in REPORT_CODES or (reply.http_status == 404 and body.is_markup()):
        return None
    if body.is_archive:
        return None if reply.error else body.reply()
    # An incomplete refusal is still a refusal; an incomplete success may have been the log.
    is_refusal = reply.http_status != 200 or (not reply.error and body.json()[0])
    return ReportReply(ready=False, message=body.message(redactor)) if is_refusal else None
