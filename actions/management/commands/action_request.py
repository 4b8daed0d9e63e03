"""Control a request without a browser."""

import json
from getpass import getuser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from actions.action_requests import controls
from actions.action_requests import selectors as action_requests
from actions.action_requests.models import ActionRequest
from actions.action_requests.states import CommandStatus
from actions.actor import Actor
from actions.errors import ActionsError
from actions.management.base import REFUSED, OneLineCommand
from actions.roles import Role

VERBS = ("cancel", "pause", "resume", "retry", "undo", "show")


class Command(OneLineCommand):
    """The services behind the buttons of the request's page; exit code 2 when refused."""

    help = "Cancel, pause, resume, retry or undo a request, or show it as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which request, and what to do with it."""
        parser.add_argument("uuid", type=UUID)
        parser.add_argument("verb", choices=VERBS)
        parser.add_argument(
            "--only",
            default="",
            help="retry: outcomes to retry (failed); cancel: the ids or MACs to cancel (all)",
        )
        parser.add_argument("--reason", default="", help="why, for a retry or an undo")
        time = parser.add_mutually_exclusive_group()
        time.add_argument("--exempt-hours", help="hours of the new exemption (undo of unexempt)")
        time.add_argument("--forever", action="store_true", help="the same, without end")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it, and say what became of it."""
        action_request = action_requests.find(options["uuid"])
        if action_request is None:
            raise CommandError(f"There is no request {options['uuid']}.", returncode=REFUSED)
        try:
            answer = _do(action_request, options)
        except (ActionsError, ValueError) as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        text = " ".join(f"{name} {value}" for name, value in answer.items())
        as_json = options["json"] or options["verb"] == "show"
        self.stdout.write(json.dumps(answer) if as_json else text)


def _do(action_request: ActionRequest, options: dict[str, Any]) -> dict[str, Any]:
    actor = Actor(name=getuser(), role=Role.OPERATOR, source="command")
    only = [word.strip() for word in options["only"].split(",") if word.strip()]
    match options["verb"]:
        case "cancel":
            return {"cancelled": controls.cancel(action_request, actor, only)}
        case "pause":
            return {"held": controls.pause(action_request, actor)}
        case "resume":
            return {"resumed": controls.resume(action_request, actor)}
        case "retry":
            statuses = [CommandStatus(word) for word in only or ["failed"]]
            child = controls.retry(
                action_request, actor, statuses=statuses, reason=options["reason"]
            )
            return {"request": str(child.uuid)}
        case "undo":
            children = controls.undo(
                action_request,
                actor,
                reason=options["reason"],
                hours=options["exempt_hours"],
                forever=options["forever"],
            )
            return {"requests": [str(child.uuid) for child in children]}
    return action_requests.as_json(action_request)
