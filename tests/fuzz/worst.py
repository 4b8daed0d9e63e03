"""Read the archives that cost most, each in a process of its own, and print what it cost.

`python -m tests.fuzz.worst [--megabytes 256]` makes them and prints a table. With `--read FILE` it
reads one as the console does and prints the seconds of processor time and the growth of memory.
"""

import argparse
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from actions.agent_logs.zip.directory import BadArchive, read_directory
from actions.agent_logs.zip.levels import Level
from actions.agent_logs.zip.lines import PAGE, jump, names_levels, read_page
from actions.agent_logs.zip.members import MemberCache
from actions.agent_logs.zip.search import search

FILES = 2
"""Files of an archive."""

_HEAD = b"11/12/2026 10:00:00 [info] start\n"


def contents() -> dict[str, tuple[bytes, bytes]]:
    """Return the first bytes of each file and what is repeated, by name."""
    noise = zlib.compress(bytes(range(256)) * 2) * 2
    return {
        "one endless line": (_HEAD, b"x" * 4000 + noise.replace(b"\n", b"")),
        "empty lines": (_HEAD, b"\n" * 4000 + noise),
        "no level": (_HEAD, b"11/12/2026 10:00:00 nothing of note, err\n" * 99 + noise),
        "UTF-16": (
            "11/12/2026 10:00:00\n".encode("utf-16"),
            "ош и бка\n".encode("utf-16-le") * 300,
        ),
        "Windows-1251": (_HEAD, "ошибка\n".encode("cp1251") * 600 + noise),
    }


def write(path: Path, head: bytes, repeated: bytes, megabytes: int) -> None:
    """Write an archive of FILES files of that size, all of the same packed bytes."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = repeated * (2**20 // len(repeated))
    crc, size, packed = zlib.crc32(head), len(head), deflate.compress(head)
    for _ in range(megabytes):
        packed += deflate.compress(block)
        crc, size = zlib.crc32(block, crc), size + len(block)
    packed += deflate.flush()
    table = b""
    with path.open("wb") as file:
        for index in range(FILES):
            name = b"%d.log" % index
            numbers = (20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0)
            at = file.tell()
            file.write(struct.pack("<4s5H3L2H", b"PK\3\4", *numbers) + name + packed)
            table += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, *numbers, 0, 0, 0, 0, at) + name
        start = file.tell()
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, FILES, FILES, len(table), start, 0)
        file.write(table + end)


def read(path: Path) -> dict[str, float]:
    """Read every file in every way; return what it cost."""
    before, start = _memory(), time.process_time()
    cache, refused, slowest = MemberCache(), 0, 0.0
    with path.open("rb") as file:
        entries = read_directory(file)
    for entry in entries:
        if entry.refusal:
            refused += 1
            continue
        try:
            member = cache.member("worst", lambda: path.open("rb"), entry)
            for step in (
                lambda member=member: read_page(member, 10**9),
                lambda member=member: read_page(member, 1, Level.ERROR),
                lambda member=member: names_levels(member),
                lambda member=member: search(member, "zzzz"),
                lambda member=member: search(member, "größe"),
                lambda member=member: jump(member, datetime.max.replace(tzinfo=UTC), _now()),
            ):
                began = time.process_time()
                step()
                slowest = max(slowest, time.process_time() - began)
            assert len(read_page(member, 1).lines) <= PAGE
        except BadArchive:
            refused += 1
    seconds = time.process_time() - start
    return {
        "megabytes": (_memory() - before) / 1024,
        "seconds": seconds,
        "slowest": slowest,
        "refused": refused,
    }


def _now() -> datetime:
    return datetime(2026, 11, 28, tzinfo=UTC)


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(megabytes: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each archive's name, and what reading it cost a process of its own."""
    for name, (head, repeated) in contents().items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "worst.zip"
            write(path, head, repeated, megabytes)
            command = [sys.executable, "-m", "tests.fuzz.worst", "--read", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        yield name, json.loads(done.stdout)


def main() -> int:
    """Print a table, or the costs of one archive as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.worst")
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--read", type=Path)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.read)))
        return 0
    for name, cost in measure(options.megabytes):
        print(
            f"{name}: {cost['megabytes']:.0f} MB, {cost['seconds']:.1f} s, "
            f"slowest step {cost['slowest']:.1f} s, {cost['refused']:.0f} refused"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
