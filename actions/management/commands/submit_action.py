"""Submit an action from the command line."""

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from actions.action_requests import selectors as action_requests
from actions.action_requests.models import ActionRequest
from actions.action_requests.submissions import (
    MAX_REASON,
    Addressing,
    Given,
    Submission,
    new_submission,
)
from actions.action_requests.submit import check_submission, submit_action
from actions.actor import Actor
from actions.catalog import KINDS
from actions.dispatch.inline import dispatch_until
from actions.errors import Code, Refused
from actions.management.base import REFUSED, OneLineCommand, seconds, shell_actor
from actions.ratelimit import accounts, call_size
from actions.selections.list_matching import guess_column, has_heading
from actions.selections.list_parser import MAX_BYTES, SEPARATORS, Entry, column_of
from actions.selections.list_reader import Choice, read_list
from actions.selections.targets import read_targets
from actions.trail.refusals import recording_refusals
from actions.trail.verbs import Verb

NOT_ALL, WAIT_OVER = 3, 4


class Found(NamedTuple):
    """The devices of the command line, and how a file was read."""

    addressing: Addressing
    targets: list[str]
    notes: list[str]


class Command(OneLineCommand):
    """Submit through the same service as the page; scripts depend on the form of the output."""

    help = (
        "Submit an action for many devices. Exit codes: 0 all accepted (or stored, without "
        "--wait), 2 refused before storing, 3 finished but not all accepted, 4 the wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action, its devices and parameters, the reason and the form of the output."""
        parser.add_argument("kind", help="one of: " + ", ".join(KINDS))
        self._add_devices(parser)
        time = parser.add_mutually_exclusive_group()
        time.add_argument("--exempt-hours", metavar="N", help="1 to 64999 hours")
        time.add_argument("--forever", action="store_true", help="exempt permanently")
        parser.add_argument("--group-id", help="the group to assign to")
        parser.add_argument("--reason", required=True, help="why; the audit trail keeps it")
        parser.add_argument("--ticket", default="", help="the ticket it belongs to")
        parser.add_argument(
            "--as",
            dest="username",
            help="the user in whose name and with whose role you submit it",
        )
        parser.add_argument("--start-at", metavar="ISO", help="not before this time (UTC)")
        parser.add_argument(
            "--give-up-after", metavar="HOURS", help="hours after which unsent commands expire"
        )
        parser.add_argument(
            "--unlisted", action="store_true", help="accept devices not in the inventory"
        )
        parser.add_argument("--dry-run", action="store_true", help="check, and store nothing")
        parser.add_argument(
            "--wait",
            type=seconds,
            default=0,
            help="send in this process too, and wait so many seconds for the outcome",
        )
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    @staticmethod
    def _add_devices(parser: CommandParser) -> None:
        """Add the devices, and how the file is read that names them."""
        devices = parser.add_mutually_exclusive_group(required=True)
        devices.add_argument("--ids", help="device ids, separated by commas")
        devices.add_argument("--macs", help="MAC addresses, separated by commas")
        devices.add_argument(
            "--from-file",
            metavar="PATH|-",
            help="a list of devices, as the page takes it: text, CSV or XLSX",
        )
        parser.add_argument("--sheet", default="", help="the sheet of a workbook to read")
        parser.add_argument(
            "--hidden", action="store_true", help="take hidden rows and columns of a workbook too"
        )
        parser.add_argument(
            "--separator", choices=list(SEPARATORS), default="", help="what separates the columns"
        )
        parser.add_argument(
            "--column", type=int, metavar="N", help="the column with the devices, from 1"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Check, submit, wait if asked to, and print the result."""
        try:
            actor = _actor(options["username"])
            with _recording(actor, options):
                found = _read_devices(options)
                submission = _submission(options, found)
            if options["dry_run"]:
                check_submission(submission, actor)
                self._print_dry_run(submission, as_json=options["json"])
                self._print_notes(found)
                return
            action_request = submit_action(submission, actor)
        except Refused as refusal:
            raise CommandError(" ".join(str(refusal).split()), returncode=REFUSED) from None
        self._print_notes(found)
        finished = not options["wait"] or dispatch_until(
            lambda: action_requests.is_finished(action_request), options["wait"]
        )
        self._print_result(action_request, as_json=options["json"])
        if not finished:
            sys.exit(WAIT_OVER)
        if options["wait"] and not action_requests.all_accepted(action_request):
            sys.exit(NOT_ALL)

    def _print_notes(self, found: "Found") -> None:
        """Tell on standard error how the file was read and what was left out."""
        for note in found.notes:
            self.stderr.write(note)

    def _print_result(self, action_request: ActionRequest, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(action_requests.as_json(action_request)))
            return
        counts = action_requests.counts(action_request)
        text = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        self.stdout.write(f"{action_request.uuid} {text}")
        for reason in action_requests.reasons(action_request):
            self.stdout.write(reason)

    def _print_dry_run(self, submission: Submission, *, as_json: bool) -> None:
        calls = -(-len(submission.targets) // call_size.allowed(accounts.read()))
        answer = {
            "dry_run": True,
            "kind": submission.kind.name,
            "devices": len(submission.targets),
            "calls": calls,
        }
        text = "Would send {kind}: devices {devices}, calls {calls}. Nothing was stored."
        self.stdout.write(json.dumps(answer) if as_json else text.format(**answer))


def _actor(username: str | None) -> Actor:
    """Return the person at the shell, as an operator or in the name of a user of the console."""
    if not username:
        return shell_actor()
    user: Any = get_user_model().objects.filter(username=username).first()
    if user is None or not user.may_act:
        raise Refused.because(
            "as",
            Code.UNKNOWN_PERSON,
            "There is no active person “%(given)s”.",
            given=username,
        )
    return shell_actor(user)


def _recording(actor: Actor, options: dict[str, Any]) -> AbstractContextManager[None]:
    """Record a refusal of the input, as the service records its own."""
    return recording_refusals(
        actor,
        Verb.REQUEST_REFUSED,
        subject_kind="kind",
        subject=options["kind"][:60],
        reason=options["reason"][:MAX_REASON],
        ticket=options["ticket"][:100],
    )


def _submission(options: dict[str, Any], found: Found) -> Submission:
    return new_submission(
        Given(
            kind=options["kind"],
            version=settings.OPSWAT_ACTION_VERSION,
            addressing=found.addressing,
            targets=found.targets,
            reason=options["reason"],
            hours=options["exempt_hours"],
            forever=options["forever"],
            group_id=options["group_id"],
            ticket=options["ticket"],
            allow_unlisted=options["unlisted"],
            start_at=options["start_at"],
            give_up_after=options["give_up_after"],
        )
    )


def _read_devices(options: dict[str, Any]) -> Found:
    """Read the devices with the reader and the matcher of the page."""
    unlisted = options["unlisted"]
    for name, kind in (("ids", "id"), ("macs", "mac")):
        if options[name] is not None:
            texts = [text for each in options[name].split(",") if (text := each.strip())]
            entries = [Entry(place, text) for place, text in enumerate(texts, 1)]
            return Found(*read_targets(entries, by={kind}, unlisted=unlisted), [])
    path = options["from_file"]
    choice = Choice(options["sheet"], options["hidden"], options["separator"])
    found = read_list(path, _read(path), choice, where="devices")
    column, heading = guess_column(found.rows)
    notes = found.reading.notes()
    width = max(len(row.cells) for row in found.rows)
    if options["column"] is not None:
        if not 1 <= options["column"] <= width:
            raise Refused.because(
                "devices", Code.FILE_UNREADABLE, "The list has columns 1 to %(width)s.", width=width
            )
        column = options["column"] - 1
        heading = has_heading(found.rows, column)
    if width > 1 or heading:
        notes.append(f"Read column {column + 1} of {width}{', without its heading' * heading}.")
    entries = column_of(found.rows[heading:], column)
    return Found(*read_targets(entries, unlisted=unlisted), notes)


def _read(path: str) -> bytes:
    """Return the bytes of a file, at most one more than a list may have."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused.because(
            "devices",
            Code.FILE_UNREADABLE,
            "%(path)s cannot be read: %(why)s.",
            path=path,
            why=error.strerror or "?",
        ) from None
