"""Control a request from the command line."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from actions.action_requests import controls
from actions.action_requests import selectors as action_requests
from actions.action_requests.models import ActionRequest
from actions.errors import ActionsError
from actions.management.base import REFUSED, OneLineCommand, shell_actor

VERBS = ("cancel", "pause", "resume", "retry", "undo", "show")
COUNTED = {"cancel": "cancelled", "pause": "held", "resume": "resumed"}
"""The name of the number of devices in the answer to each of these controls."""


class Command(OneLineCommand):
    """The controls of a request's page; exit code 2 if refused."""

    help = "Cancel, pause, resume, retry or undo a request, or show it as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the request, the control and its values."""
        parser.add_argument("uuid", type=UUID)
        parser.add_argument("verb", choices=VERBS)
        parser.add_argument(
            "--only",
            default="",
            help="retry: outcomes to retry (failed); cancel: the ids or MACs to cancel (all)",
        )
        parser.add_argument("--reason", default="", help="why; a retry and an undo need it")
        time = parser.add_mutually_exclusive_group()
        time.add_argument("--exempt-hours", help="hours of the new exemption (undo of unexempt)")
        time.add_argument("--forever", action="store_true", help="the same, without end")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Perform the control and print its result."""
        action_request = action_requests.find(options["uuid"])
        if action_request is None:
            raise CommandError(f"There is no request {options['uuid']}.", returncode=REFUSED)
        try:
            answer = _perform(action_request, options)
        except ActionsError as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        text = " ".join(f"{name} {value}" for name, value in answer.items())
        as_json = options["json"] or options["verb"] == "show"
        self.stdout.write(json.dumps(answer) if as_json else text)


def _perform(action_request: ActionRequest, options: dict[str, Any]) -> dict[str, Any]:
    """Perform the control and return its result in the form that scripts read."""
    verb = options["verb"]
    if verb == "show":
        return action_requests.as_json(action_request)
    only = [word.strip() for word in options["only"].split(",") if word.strip()]
    result = controls.perform(
        verb,
        action_request,
        shell_actor(),
        targets=only,
        statuses=only or ["failed"],
        reason=options["reason"],
        hours=options["exempt_hours"],
        forever=options["forever"],
    )
    made = [str(each.uuid) for each in result.requests]
    match verb:
        case "retry":
            return {"request": made[0], "repeated": result.repeated}
        case "undo":
            return {"requests": made, "repeated": result.repeated}
    return {COUNTED[verb]: result.devices}
