"""Tables as files: CSV, XLSX and JSON, row by row, and harmless when a spreadsheet opens them."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from actions import spreadsheets

Row = Sequence[str]
Rows = Iterable[Row]

_CHUNK = 64 * 1024


def csv_rows(head: Row, rows: Rows) -> Iterator[bytes]:
    """A CSV file."""
    return (line.encode("utf-8", "replace") for line in spreadsheets.csv_rows(head, rows))


def json_rows(head: Row, rows: Rows) -> Iterator[bytes]:
    """A JSON file: an array of objects, a line each."""
    mark = b"[\n"
    for row in rows:
        yield mark + json.dumps(dict(zip(head, row, strict=True)), ensure_ascii=False).encode(
            "utf-8", "replace"
        )
        mark = b",\n"
    yield b"\n]\n" if mark == b",\n" else b"[]\n"


def xlsx_file(head: Row, rows: Rows) -> Iterator[bytes]:
    """An Excel file; each cell is a text, never a formula, a link or a number."""
    with tempfile.TemporaryFile() as file:
        spreadsheets.xlsx_file(file, head, rows)
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


Writer = Callable[[Row, Rows], Iterator[bytes]]
FORMATS: dict[str, tuple[str, str, Writer]] = {
    "csv": ("CSV", "text/csv; charset=utf-8", csv_rows),
    "xlsx": (
        "Excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        xlsx_file,
    ),
    "json": ("JSON", "application/json", json_rows),
}
"""What a table can be had as: its name, its type, and who writes it."""


def download(
    request: HttpRequest, form: str, name: str, head: Row, rows: Rows
) -> StreamingHttpResponse:
    """Send a table as a file while it is being read."""
    _, content_type, write = FORMATS[form]
    parts = _in_chunks(write(head, rows))
    content = _apart(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    response["X-Accel-Buffering"] = "no"
    return response


def _in_chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces, so that each costs one turn of the server's loop."""
    held = bytearray()
    for part in parts:
        held += part
        if len(held) >= _CHUNK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _apart(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read each piece on the thread of the database, so that the loop serves others meanwhile."""
    while chunk := await sync_to_async(lambda: next(parts, b""))():
        yield chunk
