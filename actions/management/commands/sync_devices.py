"""Run a full read of the inventory from the command line."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from actions.dispatch.inline import dispatch_until
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync
from actions.management.base import OneLineCommand, seconds, shell_actor

FOR_EVER = 10.0**9


class Command(OneLineCommand):
    """Start a full read, or join the running one, and wait for its end."""

    help = (
        "Read all groups and devices from the vendor. Exit codes: 0 the read is complete, "
        "3 the read failed, 4 the wait ran out and the read continues."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the form of the output and the wait."""
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")
        parser.add_argument(
            "--wait", type=seconds, default=FOR_EVER, help="seconds to wait at most"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Start or join a read and print its progress."""
        actor = shell_actor()
        sync, started = start_sync(actor)
        if not options["json"]:
            self.stdout.write("Reading …" if started else "Joined the read that is running …")

        def done() -> bool:
            before = sync.devices_read
            sync.refresh_from_db()
            if sync.devices_read > before and not options["json"]:
                self.stdout.write(f"{sync.devices_read} devices so far …")
            return not sync.running

        finished = dispatch_until(done, options["wait"])
        answer = {
            "stage": sync.stage,
            "devices": sync.devices_read,
            "groups": sync.groups_read,
            "calls": sync.calls,
            "detail": sync.detail,
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write("{devices} devices, {groups} groups, {calls} calls".format(**answer))
        if not finished:
            raise CommandError("The wait ran out; the read continues.", returncode=4)
        if sync.stage == InventorySync.Stage.FAILED:
            raise CommandError(f"The read failed: {sync.detail}", returncode=3)
