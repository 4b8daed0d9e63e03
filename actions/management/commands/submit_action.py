"""Submit an action from the command line."""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from actions.action_requests import selectors as action_requests
from actions.action_requests.models import ActionRequest
from actions.action_requests.submissions import Addressing, Given, Submission, new_submission
from actions.action_requests.submit import check_submission, submit_action
from actions.actor import Actor
from actions.catalog import KINDS
from actions.dispatch.inline import dispatch_until
from actions.errors import Code, Refused
from actions.macs import normalise_mac
from actions.management.base import REFUSED, OneLineCommand, seconds, shell_actor

NOT_ALL, WAIT_OVER = 3, 4


class Command(OneLineCommand):
    """Submit through the same service as the page; scripts depend on the form of the output."""

    help = (
        "Submit an action for many devices. Exit codes: 0 all accepted (or stored, without "
        "--wait), 2 refused before storing, 3 finished but not all accepted, 4 the wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action, its devices and parameters, the reason and the form of the output."""
        parser.add_argument("kind", help="one of: " + ", ".join(KINDS))
        devices = parser.add_mutually_exclusive_group(required=True)
        devices.add_argument("--ids", help="device ids, separated by commas")
        devices.add_argument("--macs", help="MAC addresses, separated by commas")
        devices.add_argument(
            "--from-file",
            metavar="PATH|-",
            help="a file with one device on a line: ids only or MACs only",
        )
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

    def handle(self, *_: Any, **options: Any) -> None:
        """Check, submit, wait if asked to, and print the result."""
        try:
            actor = _actor(options["username"])
            submission = _submission(options)
            if options["dry_run"]:
                check_submission(submission, actor)
                self._print_dry_run(submission, as_json=options["json"])
                return
            action_request = submit_action(submission, actor)
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from None
        finished = not options["wait"] or dispatch_until(
            lambda: action_requests.is_finished(action_request), options["wait"]
        )
        self._print_result(action_request, as_json=options["json"])
        if not finished:
            sys.exit(WAIT_OVER)
        if options["wait"] and not action_requests.all_accepted(action_request):
            sys.exit(NOT_ALL)

    def _print_result(self, action_request: ActionRequest, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(action_requests.as_json(action_request)))
            return
        counts = action_requests.counts(action_request)
        text = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        self.stdout.write(f"{action_request.uuid} {text}")

    def _print_dry_run(self, submission: Submission, *, as_json: bool) -> None:
        calls = -(-len(submission.targets) // settings.OPSWAT_MAX_DEVICES)
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


def _submission(options: dict[str, Any]) -> Submission:
    addressing, targets = _targets(options)
    return new_submission(
        Given(
            kind=options["kind"],
            version=settings.OPSWAT_ACTION_VERSION,
            addressing=addressing,
            targets=targets,
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


def _targets(options: dict[str, Any]) -> tuple[Addressing, list[str]]:
    if options["ids"] is not None:
        return "ids", options["ids"].split(",")
    if options["macs"] is not None:
        return "macs", options["macs"].split(",")
    lines = [line.strip() for line in _read(options["from_file"]).splitlines() if line.strip()]
    macs = sum(normalise_mac(line) is not None for line in lines)
    if macs not in (0, len(lines)):
        raise Refused.because(
            "devices",
            Code.MIXED_ADDRESSING,
            "The file mixes ids and MAC addresses: use two requests.",
        )
    return ("macs" if macs else "ids"), lines


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused.because(
            "devices",
            Code.FILE_UNREADABLE,
            "%(path)s cannot be read: %(why)s.",
            path=path,
            why=_why(error),
        ) from None


def _why(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or "?"
