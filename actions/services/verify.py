"""Prove that nobody changed the trail, and that the commands say what the trail says.

The chain is walked once from its first line to its last. A line that is not as it was signed is
*altered*, *reordered* (signed for another place) or *inserted* (its neighbours do not know it);
a line that is, but does not fit to the one before it, tells of *removed* ones. Then the anchors
tell of a *cut* end, and each request's commands are compared with what its lines say of them.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain as in_a_row
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count

from actions import chain
from actions.models import ActionRequest, AuditDevice, AuditEvent, DeviceCommand
from actions.models.guards import missing_guards
from actions.services import budget, trail
from actions.services.anchors import read_anchors
from actions.services.retelling import Told, retell
from actions.states import WAITING

MOST_FINDINGS = 100
"""Findings after which there is no need to look for more."""

NEAR = 1000
"""How far from its place a line is looked for that was signed for another one."""

COLUMNS = (*chain.FIELDS, "mac", "search_text", "lists_devices")
SIGNED = itemgetter(*chain.FIELDS)
STEP, WISHES = 2000, 100

Progress = Callable[[int, int], None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: what, on which record or request, in words."""

    what: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.place}: {self.text}"


@dataclass(slots=True)
class Report:
    """What a check has found; `head` is the last line's number and signature."""

    records: int = 0
    requests: int = 0
    anchors: int = 0
    head: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "ok": not self.findings}

    @property
    def enough(self) -> bool:
        """Whether there is no need to look on."""
        return len(self.findings) >= MOST_FINDINGS


def verify(anchors: Iterable[Path] = (), progress: Progress = lambda done, total: None) -> Report:
    """Check the guards, the chain, the anchors and the commands."""
    report = Report()
    for name in missing_guards(connection):
        text = "This trigger, which refuses changes, is missing or switched off."
        report.findings.append(Finding("unprotected", name, text))
    total = trail.head()[0] + ActionRequest.objects.count()
    _walk(report, lambda done: progress(done, total))
    for path in anchors:
        _check_anchors(report, path)
    walked = report.records
    _check_commands(report, lambda done: progress(walked + done, total))
    progress(total, total)
    return report


def _walk(report: Report, progress: Callable[[int], None]) -> None:
    """Walk the chain from its first line to its last."""
    walk = _Walk(report, _Named())
    for row, following in pairwise(in_a_row(_rows(), [None])):
        if row is None:
            break
        walk.step(row, following)
        report.records += 1
        if report.records % STEP == 0:
            progress(report.records)
        if report.enough:
            return
    report.head = f"{walk.last_id}:{walk.previous}"


def _rows() -> Iterator[Row]:
    """The lines in their order, read straight: of a million, the ORM's share would be felt."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    # Nothing but names of our own table stands in the text.
    question = f"SELECT {columns} FROM {AuditEvent._meta.db_table} ORDER BY id"  # noqa: S608
    with connection.chunked_cursor() as cursor:
        cursor.execute(question)
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
        """The number for this line; later questions must be about later lines."""
        while self._next is None or self._next[0] < event:
            self._next = next(self._counts, (1 << 62, 0))
        return self._next[1] if self._next[0] == event else 0


class _Walk:
    """One walk along the chain: what is expected of the next line, and what was found."""

    def __init__(self, report: Report, named: _Named) -> None:
        self.report, self.named, self.keys = report, named, settings.AUDIT_KEYS
        self.places = {name: place for place, name in enumerate(self.keys)}
        self.last_id, self.previous, self.key_place = 0, chain.GENESIS, len(self.keys)
        self.broken = self.begun = False

    def step(self, row: Row, following: Row | None) -> None:
        """Look at one line, and at the one after it to judge this one."""
        if not self.begun:
            self._begin(row)
        key = self.keys.get(row["key"])
        if key is None:
            self._find("altered", row["id"], f"It is signed with an unknown key ({row['key']}).")
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
        elif row["id"] > 1 and (row["id"] - 1, row["previous"]) in _archived():
            self.last_id, self.previous = row["id"] - 1, row["previous"]

    def _is_signed(self, row: Row, key: bytes, place: int | None = None) -> bool:
        values = SIGNED(row if place is None else row | {"id": place})
        return bool(chain.sign(key, chain.canonical(values)) == row["mac"])

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
        place = self.places[row["key"]]
        if place > self.key_place:
            self._find("altered", row["id"], f"The key {row['key']} was out of use by then.")
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
        self.last_id, self.previous, self.broken = row["id"], row["mac"], broken

    def _find(self, what: str, place: object, text: str) -> None:
        self.report.findings.append(Finding(what, f"record {place}", text))


def _archived() -> list[tuple[int, str]]:
    """Where archives end: their last line's number and signature."""
    lines = AuditEvent.objects.filter(verb="audit.archived").values_list("data", flat=True)
    return [(data.get("last_id"), data.get("last_mac")) for data in lines]


def _check_anchors(report: Report, path: Path) -> None:
    """Each anchor's last line must still be there, as it was."""
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() or 0
    gone_before = max((last for last, _ in _archived()), default=0)
    for anchor in read_anchors(path):
        report.anchors += 1
        place, mac = anchor["count"], anchor["mac"]
        if not chain.is_genuine(settings.AUDIT_KEYS, anchor):
            report.findings.append(Finding("anchor", f"anchor of {anchor['at']}", "Not signed."))
        elif place and not (place < first and place <= gone_before):
            found = AuditEvent.objects.filter(pk=place).values_list("mac", flat=True).first()
            if found != mac:
                what = "is another one" if found else "is gone"
                text = f"The trail had {place} records on {anchor['at']}; the last {what} now."
                report.findings.append(Finding("cut", f"record {place}", text))
                return
        if report.enough:
            return


def _check_commands(report: Report, progress: Callable[[int], None]) -> None:
    """Compare the commands of each request, and the request itself, with what its lines say."""
    last = 0
    while not report.enough:
        wishes = list(ActionRequest.objects.filter(pk__gt=last).order_by("pk")[:WISHES])
        if not wishes:
            return
        doubtful = [wish for wish, found in _compare(wishes) if found]
        for wish in doubtful:
            # Under the account's lock nothing moves, so what differs now differs in truth.
            with transaction.atomic():
                budget.lock_account()
                fresh = ActionRequest.objects.filter(pk=wish.pk)
                report.findings += [each for _, found in _compare(list(fresh)) for each in found]
        report.requests += len(wishes)
        last = wishes[-1].pk
        progress(report.requests)


def _compare(wishes: list[ActionRequest]) -> Iterator[tuple[ActionRequest, list[Finding]]]:
    rows: dict[int, list[Any]] = {wish.pk: [] for wish in wishes}
    columns = ("request_id", "target", "status", "command_id", "vendor_status")
    for row in DeviceCommand.objects.filter(request__in=rows).values_list(*columns):
        rows[row[0]].append(row[1:])
    lines: dict[str, list[Any]] = {str(wish.uuid): [] for wish in wishes}
    events = AuditEvent.objects.filter(subject_kind="request", subject__in=lines).order_by("pk")
    names = ("subject", "verb", "data", "actor", "reason", "ticket")
    for subject, *line in events.values_list(*names):
        lines[subject].append(line)
    for wish in wishes:
        yield wish, list(_differences(wish, rows[wish.pk], lines[str(wish.uuid)]))


def _differences(wish: ActionRequest, rows: list[Any], lines: list[Any]) -> Iterator[Finding]:
    place = f"request {wish.uuid}"
    submitted = next((line for line in lines if line[0] == "request.submitted"), None)
    if submitted is None:
        if not _archived():
            yield Finding("request", place, "The trail does not know it.")
        whole = False
    else:
        yield from _wish_differences(wish, submitted)
        whole = "targets" in submitted[1]
    told = retell((verb, data) for verb, data, *_ in lines)
    for target, status, command_id, code in rows:
        said = told.pop(target, None)
        # What was asked for before the trail named all devices is compared where it is told of.
        if said is None and whole:
            yield Finding("command", f"{place}, {target}", "The trail does not know it.")
        elif said and (whole or not said.waits) and not _agree(said, status, command_id, code):
            text = f"It is {_words(status, command_id, code)} here; by the trail it "
            text += f"is {_words(said.status, said.command_id, said.code)}."
            yield Finding("command", f"{place}, {target}", text)
    for target in told:
        yield Finding("command", f"{place}, {target}", "It is gone; the trail knows it.")


def _wish_differences(wish: ActionRequest, submitted: list[Any]) -> Iterator[Finding]:
    _, data, actor, reason, ticket = submitted
    said = {"actor": actor, "reason": reason, "ticket": ticket}
    said |= {"kind_name": data["kind"], "params": data["params"], "device_count": data["count"]}
    for name, value in said.items():
        if getattr(wish, name) != value:
            text = f"Its {name.replace('_', ' ')} is not what the trail says: {value!r:.200}."
            yield Finding("request", f"request {wish.uuid}", text)


def _agree(said: Told, status: str, command_id: str, code: int | None) -> bool:
    if said.waits or status in WAITING:
        return said.waits and status in WAITING
    if said.status != status:
        return False
    return said.command_id is None or (said.command_id, said.code) == (command_id, code)


def _words(status: str, command_id: str | None, code: int | None) -> str:
    parts = [status, *([f"code {code}"] if code is not None else [])]
    return ", ".join([*parts, *([f"command {command_id}"] if command_id else [])])


def as_json(report: Report) -> str:
    """The report as one JSON object."""
    return json.dumps(report.as_data())
