"""Files that a browser is handed: never shown by it, never taken for anything else."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header


def attachment(
    request: HttpRequest, parts: Iterator[bytes], name: str, size: int | None = None
) -> StreamingHttpResponse:
    """Stream a file of that name. The ASGI server would read a plain iterator whole first."""
    content = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "no-store"
    if size is not None:
        response["Content-Length"] = str(size)
    return response


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(parts, b""), thread_sensitive=False)
    while part := await following():
        yield part
