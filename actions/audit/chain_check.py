"""Walk the chain of the trail once, from its first line to its last.

A line that is not as it was signed is *altered*, *reordered* (signed for another place) or
*inserted* (its neighbours do not know it); a line that is, but does not fit to the one before it,
tells of *removed* ones.
"""

import json
from collections.abc import Callable, Iterator
from itertools import chain as in_a_row
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count

from actions.audit.findings import Finding, VerificationReport, archive_boundaries
from actions.trail import chain
from actions.trail.models import AuditDevice, AuditEvent

NEAR = 1000
"""How far from its place a line is looked for that was signed for another one."""

COLUMNS = (*chain.FIELDS, *chain.LATER, "signature", "search_text", "lists_devices")
STEP = 2000

Row = dict[str, Any]


def walk(report: VerificationReport, progress: Callable[[int], None]) -> None:
    """Walk the chain and add to the report; `progress` is told how many lines are done."""
    steps = ChainVerifier(report, _Named())
    for row, following in pairwise(in_a_row(_rows(), [None])):
        if row is None:
            break
        steps.step(row, following)
        report.records += 1
        if report.records % STEP == 0:
            progress(report.records)
        if report.enough:
            return
    report.head = f"{steps.last_id}:{steps.previous}"


def _rows() -> Iterator[Row]:
    """The lines in their order, read straight: of a million, the ORM's share would be felt."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    # Nothing but names of our own table stands in the text.
    query = f"SELECT {columns} FROM {AuditEvent._meta.db_table} ORDER BY id"  # noqa: S608
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while lines := cursor.fetchmany(200):
            for line in lines:
                row = dict(zip(COLUMNS, line, strict=True))
                row["data"] = json.loads(row["data"])
                yield row


class _Named:
    """How many devices the index names for each line, asked for in the order of the lines."""

    def __init__(self) -> None:
        counts = AuditDevice.objects.order_by("event_id").values_list("event_id")
        self._counts = counts.annotate(Count("id")).iterator(chunk_size=5000)
        self._next: tuple[int, int] | None = None

    def of(self, event: int) -> int:
        """The number for this line; later queries must be about later lines."""
        while self._next is None or self._next[0] < event:
            self._next = next(self._counts, (1 << 62, 0))
        return self._next[1] if self._next[0] == event else 0


class ChainVerifier:
    """One walk along the chain: what is expected of the next line, and what was found."""

    def __init__(self, report: VerificationReport, named: _Named) -> None:
        self.report, self.named, self.keys = report, named, settings.AUDIT_KEYS
        self.places = {name: place for place, name in enumerate(self.keys)}
        self.last_id, self.previous, self.key_place = 0, chain.GENESIS, len(self.keys)
        self.broken = self.begun = False

    def step(self, row: Row, following: Row | None) -> None:
        """Look at one line, and at the one after it to judge this one."""
        if not self.begun:
            self._begin(row)
        key = self.keys.get(row["key_id"])
        if key is None:
            self._find("altered", row["id"], f"It is signed with an unknown key ({row['key_id']}).")
            self._go_on(row, broken=True)
        elif self._is_signed(row, key):
            self._look_at_place(row)
            self._look_at_index(row)
            self._look_at_key(row)
            self._go_on(row, broken=False)
        elif following and following["previous"] == self.previous:
            self._find(
                "inserted", row["id"], "It is not signed, and the next one does not know it."
            )
            self.last_id = row["id"]  # The chain goes on as if it were not there.
        else:
            self._tell_altered(row, key)
            self._go_on(row, broken=True)

    def _begin(self, row: Row) -> None:
        """The chain begins at nothing, or where the last archive ends."""
        self.begun = True
        if row["previous"] == chain.GENESIS:
            self.last_id = row["id"] - 1
        elif row["id"] > 1 and (row["id"] - 1, row["previous"]) in archive_boundaries():
            self.last_id, self.previous = row["id"] - 1, row["previous"]

    def _is_signed(self, row: Row, key: bytes, place: int | None = None) -> bool:
        content = chain.content(row if place is None else row | {"id": place})
        return bool(chain.sign(key, content) == row["signature"])

    def _look_at_place(self, row: Row) -> None:
        if self.broken or row["previous"] == self.previous:
            return
        first, last = self.last_id + 1, row["id"] - 1
        gone = f"{first} to {last}" if last > first else str(first)
        text = f"Gone from before record {row['id']}, which is as it was written."
        self._find("removed", gone, text)

    def _look_at_index(self, row: Row) -> None:
        """What is not signed itself is made of what is."""
        told = row["data"]
        listed = told.get("devices") or told.get("targets") if row["lists_devices"] else ()
        if row["search_text"] != chain.search_text(row):
            self._find("altered", row["id"], "Its words for the search are not its own.")
        elif self.named.of(row["id"]) != len(listed or ()):
            self._find("altered", row["id"], "The index of devices does not name its devices.")

    def _look_at_key(self, row: Row) -> None:
        place = self.places[row["key_id"]]
        if place > self.key_place:
            self._find("altered", row["id"], f"The key {row['key_id']} was out of use by then.")
        self.key_place = min(place, self.key_place)

    def _tell_altered(self, row: Row, key: bytes) -> None:
        here = row["id"]
        for away in range(1, NEAR):
            for place in (here - away, here + away):
                if self._is_signed(row, key, place):
                    self._find("reordered", here, f"What stands here is record {place}.")
                    return
        self._find("altered", here, "It is not as it was signed.")

    def _go_on(self, row: Row, *, broken: bool) -> None:
        self.last_id, self.previous, self.broken = row["id"], row["signature"], broken

    def _find(self, what: str, place: object, text: str) -> None:
        self.report.findings.append(Finding(what, f"record {place}", text))
