"""Many open pages in one process: `python -m tests.bench.page_clients HOW PAGES SECONDS`.

HOW is `stream` or `poll`. The environment gives PAGE_CLIENTS_PORT, PAGE_CLIENTS_PATH and
PAGE_CLIENTS_COOKIE. Writes what each page saw to standard output, as JSON:
[version, monotonic time].
"""

import asyncio
import json
import os
import random
import re
import sys
import time
from contextlib import suppress

POLL_EVERY = 2.0
EVENT_ID = re.compile(rb"^id: ([0-9]+)\r?$", re.MULTILINE)
VERSION = re.compile(rb'name="v" value="([0-9]+)"')

Seen = list[tuple[int, float]]


def request(query: str = "", *, closing: bool) -> bytes:
    """Return the bytes of a GET as the page's script sends it."""
    lines = [
        f"GET {os.environ['PAGE_CLIENTS_PATH']}{query} HTTP/1.1",
        "Host: localhost",
        f"Cookie: {os.environ['PAGE_CLIENTS_COOKIE']}",
    ]
    if not closing:
        lines += ["HX-Request: true", "HX-Target: progress-live"]
    return "\r\n".join([*lines, "", ""]).encode()


async def stream(end: float, seen: Seen) -> None:
    """Hold a stream open and note each event."""
    reader, writer = await _connect()
    writer.write(request(closing=True))
    buffer = b""
    with suppress(TimeoutError):
        while time.monotonic() < end:
            async with asyncio.timeout(max(0.01, end - time.monotonic())):
                data = await reader.read(65536)
            received_at = time.monotonic()
            if not data:
                break
            buffer += data
            while b"\n\n" in buffer:
                event, buffer = buffer.split(b"\n\n", 1)
                seen += [(int(found[1]), received_at) for found in EVENT_ID.finditer(event)]
    writer.close()


async def poll(end: float, seen: Seen) -> None:
    """Poll every 2 s for a newer version, over one connection that stays open."""
    reader, writer = await _connect()
    version = 0
    # Pages of different users do not poll at the same time.
    await asyncio.sleep(random.uniform(0, POLL_EVERY))
    with suppress(TimeoutError):
        while time.monotonic() < end:
            start = time.monotonic()
            writer.write(request(f"?v={version}", closing=False))
            async with asyncio.timeout(max(0.01, end - time.monotonic())):
                body = await _answer(reader)
            if found := VERSION.search(body):
                version = int(found[1])
                seen.append((version, time.monotonic()))
            await asyncio.sleep(max(0.0, start + POLL_EVERY - time.monotonic()))
    writer.close()


async def _connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(os.environ["PAGE_CLIENTS_PORT"]))


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 204 " in head.split(b"\r\n", 1)[0]:
        return b""
    length = re.search(rb"content-length: ([0-9]+)", head, re.IGNORECASE)
    return await reader.readexactly(int(length[1])) if length else b""


async def main(how: str, pages: int, seconds: float) -> None:
    """Open all pages, keep them open for `seconds`, print what each saw."""
    random.seed(11)
    end = time.monotonic() + seconds
    seen: list[Seen] = [[] for _ in range(pages)]
    visit = stream if how == "stream" else poll
    async with asyncio.TaskGroup() as group:
        for mine in seen:
            group.create_task(visit(end, mine))
            await asyncio.sleep(0.01)
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
