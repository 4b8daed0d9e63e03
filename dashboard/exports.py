"""Write tables as CSV, XLSX and JSON files, row by row."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.http import HttpRequest, StreamingHttpResponse

from actions import spreadsheets
from dashboard.streaming import CHUNK_SIZE, regroup, stream

Row = Sequence[str]
Rows = Iterable[Row]


def csv_rows(head: Row, rows: Rows) -> Iterator[bytes]:
    """Write a CSV file, its lines encoded as UTF-8."""
    return (line.encode("utf-8", "replace") for line in spreadsheets.csv_rows(head, rows))


def json_rows(head: Row, rows: Rows) -> Iterator[bytes]:
    """Write a JSON file: an array of objects, one a line."""
    separator = b"[\n"
    for row in rows:
        yield separator + json.dumps(dict(zip(head, row, strict=True)), ensure_ascii=False).encode(
            "utf-8", "replace"
        )
        separator = b",\n"
    yield b"\n]\n" if separator == b",\n" else b"[]\n"


def xlsx_file(head: Row, rows: Rows) -> Iterator[bytes]:
    """Write an Excel file whose cells are all text: never a formula, a link or a number."""
    with tempfile.TemporaryFile() as file:
        spreadsheets.xlsx_file(file, head, rows)
        file.seek(0)
        while chunk := file.read(CHUNK_SIZE):
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
"""The export formats: the label, the content type and the writer of each."""


def download(
    request: HttpRequest, file_format: str, name: str, head: Row, rows: Rows
) -> StreamingHttpResponse:
    """Stream a table as a file while its rows are read from the database."""
    _, content_type, write = FORMATS[file_format]
    chunks = regroup(write(head, rows))
    response = stream(request, chunks, content_type, uses_database=True)
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    response["X-Accel-Buffering"] = "no"
    return response
