"""Verify the chain of the trail in one pass, from its first line to its last.

A line that does not match its signature is *altered*, *reordered* (signed for another position) or
*inserted* (the next line does not follow it). A line that matches its signature but does not follow
the line before it shows that lines were *removed*.
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain as concatenate
from itertools import pairwise
from typing import Any, cast

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min

from actions.audit.findings import Finding, VerificationReport, archive_boundaries, is_archived
from actions.trail import chain, head, key_marks
from actions.trail.models import AuditDevice, AuditEvent

MAX_DISTANCE = 1000
"""Positions on each side of a line that are tried as the one it was signed for."""

COLUMNS = (*chain.FIELDS, *chain.LATER, "signature", "search_text", "lists_devices")
PROGRESS_LINES = 2000
"""Lines between two reports of progress."""

Row = dict[str, Any]


def verify_chain(report: VerificationReport, progress: Callable[[int], None]) -> None:
    """Verify the chain and add to the report; `progress` is given the number of lines done."""
    with closing(_DeviceCounts()) as counts:
        verifier = ChainVerifier(report, counts)
        for row, following in pairwise(concatenate(_rows(), [None])):
            if row is None:
                break
            verifier.step(row, following)
            report.records += 1
            if report.records % PROGRESS_LINES == 0:
                progress(report.records)
            if report.is_full:
                return
    report.head = f"{verifier.last_id}:{verifier.previous}"


def index_problem() -> tuple[int, str] | None:
    """Return a line that the device index names and that does not exist, or None.

    Only lines outside of the chain are looked for: gaps within it are findings of their own. The
    order of the queries matters, because lines are written and archived meanwhile.
    """
    first = AuditEvent.objects.aggregate(id=Min("pk"))["id"]
    index = AuditDevice.objects.aggregate(first=Min("event"), last=Max("event"))
    last = head.head()[0]
    if index["last"] is not None and index["last"] > last:
        return index["last"], f"The device index names it; the trail ends at record {last}."
    if index["first"] is not None and first is not None and index["first"] < first:
        return index["first"], f"The device index names it; the trail begins at record {first}."
    return None


def _rows() -> Iterator[Row]:
    """Yield the lines in order, by plain SQL: the ORM would add seconds for a million lines."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    # The text holds only names of our own table.
    query = f"SELECT {columns} FROM {AuditEvent._meta.db_table} ORDER BY id"  # noqa: S608
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while lines := cursor.fetchmany(200):
            for line in lines:
                row = dict(zip(COLUMNS, line, strict=True))
                row["data"] = json.loads(row["data"])
                yield row


class _DeviceCounts:
    """The number of devices that the index names for each line, read in the order of the lines."""

    def __init__(self) -> None:
        counts = AuditDevice.objects.order_by("event_id").values_list("event_id")
        self._counts = counts.annotate(Count("id")).iterator(chunk_size=5000)
        self._next: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the cursor now: PostgreSQL's would be closed within a later transaction."""
        cast("Generator[object]", self._counts).close()

    def of(self, event_id: int) -> int:
        """Return the number for a line; each call must be for a later line than the call before."""
        while self._next is None or self._next[0] < event_id:
            self._next = next(self._counts, (1 << 62, 0))
        return self._next[1] if self._next[0] == event_id else 0


class ChainVerifier:
    """The state of one pass: what the next line must match, and the report."""

    def __init__(self, report: VerificationReport, device_counts: _DeviceCounts) -> None:
        self.report, self.device_counts, self.keys = report, device_counts, settings.AUDIT_KEYS
        self.lost_keys = key_marks.lost_keys()
        self.key_ranks = {key_id: rank for rank, key_id in enumerate(self.keys)}
        self.last_id, self.previous, self.key_rank = 0, chain.GENESIS, len(self.keys)
        self.broken = self.started = False

    def step(self, row: Row, following: Row | None) -> None:
        """Verify one line; the line after it helps to tell an altered line from an inserted one."""
        if not self.started:
            self._start(row)
        key = self.keys.get(row["key_id"])
        if row["key_id"] in self.lost_keys:
            # One finding tells of the key. These records still have to follow one another.
            self._check_previous(row)
            self._resume(row, broken=False)
        elif key is None:
            self._find("altered", row["id"], f"It is signed with an unknown key ({row['key_id']}).")
            self._resume(row, broken=True)
        elif self._is_signed(row, key):
            self._check_previous(row)
            self._check_index(row)
            self._check_key(row)
            self._resume(row, broken=False)
        elif following and following["previous"] == self.previous:
            text = "It does not match its signature, and the next record does not follow it."
            self._find("inserted", row["id"], text)
            self.last_id = row["id"]  # The check resumes as if the line did not exist.
        else:
            self._report_altered(row, key)
            self._resume(row, broken=True)

    def _start(self, row: Row) -> None:
        """Set the start of the chain: before the first line, or at the end of an archive."""
        self.started = True
        if row["previous"] == chain.GENESIS:
            self.last_id = row["id"] - 1
        elif row["id"] > 1 and (row["id"] - 1, row["previous"]) in archive_boundaries():
            self.last_id, self.previous = row["id"] - 1, row["previous"]

    def _is_signed(self, row: Row, key: bytes, position: int | None = None) -> bool:
        content = chain.content(row if position is None else row | {"id": position})
        return bool(chain.sign(key, content) == row["signature"])

    def _check_previous(self, row: Row) -> None:
        if self.broken or row["previous"] == self.previous:
            return
        first, last = self.last_id + 1, row["id"] - 1
        missing = f"{first} to {last}" if last > first else str(first)
        text = f"Missing before record {row['id']}, which matches its signature."
        self._find("removed", missing, text)

    def _check_index(self, row: Row) -> None:
        """Check that the unsigned index columns match the signed data."""
        data = row["data"]
        devices = data.get("devices") or data.get("targets") if row["lists_devices"] else ()
        if row["search_text"] != chain.search_text(row):
            self._find("altered", row["id"], "Its search text does not match its content.")
        elif self.device_counts.of(row["id"]) != len(devices or ()) and not is_archived(row["id"]):
            self._find("altered", row["id"], "The device index does not name its devices.")

    def _check_key(self, row: Row) -> None:
        rank = self.key_ranks[row["key_id"]]
        if rank > self.key_rank:
            text = f"It is signed with the key {row['key_id']}, which was replaced before."
            self._find("altered", row["id"], text)
        self.key_rank = min(rank, self.key_rank)

    def _report_altered(self, row: Row, key: bytes) -> None:
        here = row["id"]
        for distance in range(1, MAX_DISTANCE):
            for position in (here - distance, here + distance):
                if self._is_signed(row, key, position):
                    self._find("reordered", here, f"It was signed as record {position}.")
                    return
        self._find("altered", here, "It does not match its signature.")

    def _resume(self, row: Row, *, broken: bool) -> None:
        """Continue the check after this line; `broken` if its signature cannot be relied on."""
        self.last_id, self.previous, self.broken = row["id"], row["signature"], broken

    def _find(self, what: str, record: object, text: str) -> None:
        self.report.findings.append(Finding(what, f"record {record}", text))
