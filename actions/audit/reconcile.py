"""Compare each request's commands, and the request itself, with what its lines in the trail say."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import WAITING
from actions.audit.findings import Finding, VerificationReport, archive_boundaries
from actions.audit.replay import ReplayedOutcome, replay
from actions.ratelimit import accounts
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

REQUESTS = 100
"""Requests that are compared at a time."""


def reconcile_commands(report: VerificationReport, progress: Callable[[int], None]) -> None:
    """Compare all requests and add to the report; `progress` is told how many are done."""
    last = 0
    while not report.enough:
        wishes = list(ActionRequest.objects.filter(pk__gt=last).order_by("pk")[:REQUESTS])
        if not wishes:
            return
        doubtful = [wish for wish, found in _compare(wishes) if found]
        for wish in doubtful:
            # Under the account's lock nothing moves, so what differs now differs in truth.
            with transaction.atomic():
                accounts.lock()
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
    submitted = next((line for line in lines if line[0] == Verb.REQUEST_SUBMITTED), None)
    if submitted is None:
        if not archive_boundaries():
            yield Finding("request", place, "The trail does not know it.")
        whole = False
    else:
        yield from _request_differences(wish, submitted)
        whole = "targets" in submitted[1]
    told = replay((verb, data) for verb, data, *_ in lines)
    for target, status, command_id, code in rows:
        said = told.pop(target, None)
        # What was asked for before the trail named all devices is compared where it is told of.
        if said is None and whole:
            yield Finding("command", f"{place}, {target}", "The trail does not know it.")
        elif said and (whole or not said.waits) and not _matches(said, status, command_id, code):
            text = f"It is {_words(status, command_id, code)} here; by the trail it "
            text += f"is {_words(said.status, said.command_id, said.code)}."
            yield Finding("command", f"{place}, {target}", text)
    for target in told:
        yield Finding("command", f"{place}, {target}", "It is gone; the trail knows it.")


def _request_differences(wish: ActionRequest, submitted: list[Any]) -> Iterator[Finding]:
    _, data, actor, reason, ticket = submitted
    said = {"actor": actor, "reason": reason, "ticket": ticket}
    said |= {"kind_name": data["kind"], "params": data["params"], "device_count": data["count"]}
    for name, value in said.items():
        if getattr(wish, name) != value:
            text = f"Its {name.replace('_', ' ')} is not what the trail says: {value!r:.200}."
            yield Finding("request", f"request {wish.uuid}", text)


def _matches(said: ReplayedOutcome, status: str, command_id: str, code: int | None) -> bool:
    if said.waits or status in WAITING:
        return said.waits and status in WAITING
    if said.status != status:
        return False
    return said.command_id is None or (said.command_id, said.code) == (command_id, code)


def _words(status: str, command_id: str | None, code: int | None) -> str:
    parts = [status, *([f"code {code}"] if code is not None else [])]
    return ", ".join([*parts, *([f"command {command_id}"] if command_id else [])])
