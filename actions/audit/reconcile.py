"""Reconcile the engine's requests and commands with what the audit trail records of them."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import WAITING
from actions.actor import label_of
from actions.audit.findings import Finding, VerificationReport, archive_boundaries
from actions.audit.replay import ReplayedOutcome, replay
from actions.ratelimit import accounts
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

BATCH = 100
"""Requests that are reconciled at a time."""


def reconcile_commands(report: VerificationReport, progress: Callable[[int], None]) -> None:
    """Reconcile all requests and add to the report; `progress` is given the number done."""
    last = 0
    while not report.is_full:
        requests = list(ActionRequest.objects.filter(pk__gt=last).order_by("pk")[:BATCH])
        if not requests:
            return
        differing = [action_request for action_request, found in _compare(requests) if found]
        for action_request in differing:
            # The account's lock stops all changes, so a difference under it is a real one.
            with transaction.atomic():
                accounts.lock()
                fresh = ActionRequest.objects.filter(pk=action_request.pk)
                report.findings += [each for _, found in _compare(list(fresh)) for each in found]
        report.requests += len(requests)
        last = requests[-1].pk
        progress(report.requests)


def _compare(requests: list[ActionRequest]) -> Iterator[tuple[ActionRequest, list[Finding]]]:
    rows: dict[int, list[Any]] = {action_request.pk: [] for action_request in requests}
    columns = ("request_id", "target", "status", "command_id", "vendor_status")
    for row in DeviceCommand.objects.filter(request__in=rows).values_list(*columns):
        rows[row[0]].append(row[1:])
    lines: dict[str, list[Any]] = {str(action_request.uuid): [] for action_request in requests}
    events = AuditEvent.objects.filter(subject_kind="request", subject__in=lines).order_by("pk")
    names = ("subject", "verb", "data", "actor", "on_behalf_of", "reason", "ticket")
    for subject, verb, data, actor, on_behalf_of, *texts in events.values_list(*names):
        lines[subject].append([verb, data, label_of(actor, on_behalf_of)[:150], *texts])
    for action_request in requests:
        own = rows[action_request.pk], lines[str(action_request.uuid)]
        yield action_request, list(_differences(action_request, *own))


def _differences(
    action_request: ActionRequest, rows: list[Any], lines: list[Any]
) -> Iterator[Finding]:
    place = f"request {action_request.uuid}"
    submitted = next((line for line in lines if line[0] == Verb.REQUEST_SUBMITTED), None)
    if submitted is None:
        if not archive_boundaries():
            yield Finding("request", place, "The trail does not record it.")
        is_complete = False
    else:
        yield from _request_differences(action_request, submitted)
        is_complete = "targets" in submitted[1]
    outcomes = replay((verb, data) for verb, data, *_ in lines)
    for target, status, command_id, code in rows:
        outcome = outcomes.pop(target, None)
        # A submission from before the trail named all devices is compared only where later
        # lines name a device.
        if outcome is None and is_complete:
            yield Finding("command", f"{place}, {target}", "The trail does not record it.")
        elif (
            outcome
            and (is_complete or not outcome.waits)
            and not _matches(outcome, status, command_id, code)
        ):
            text = f"It is {_describe(status, command_id, code)} here; by the trail it "
            text += f"is {_describe(outcome.status, outcome.command_id, outcome.code)}."
            yield Finding("command", f"{place}, {target}", text)
    for target in outcomes:
        yield Finding("command", f"{place}, {target}", "It is missing; the trail records it.")


def _request_differences(action_request: ActionRequest, submitted: list[Any]) -> Iterator[Finding]:
    _, data, actor, reason, ticket = submitted
    recorded = {"actor": actor, "reason": reason, "ticket": ticket}
    recorded |= {"kind_name": data["kind"], "params": data["params"], "device_count": data["count"]}
    for name, value in recorded.items():
        if getattr(action_request, name) != value:
            text = f"Its {name.replace('_', ' ')} differs; the trail records {value!r:.200}."
            yield Finding("request", f"request {action_request.uuid}", text)


def _matches(outcome: ReplayedOutcome, status: str, command_id: str, code: int | None) -> bool:
    if outcome.waits or status in WAITING:
        return outcome.waits and status in WAITING
    if outcome.status != status:
        return False
    return outcome.command_id is None or (outcome.command_id, outcome.code) == (command_id, code)


def _describe(status: str, command_id: str | None, code: int | None) -> str:
    parts = [status, *([f"code {code}"] if code is not None else [])]
    return ", ".join([*parts, *([f"command {command_id}"] if command_id else [])])
