"""Run a full read of the inventory from the command line."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from actions.dispatch.inline import dispatch_until
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync, stop_syncs
from actions.management.base import OneLineCommand, seconds, shell_actor

FOR_EVER = 10.0**9


class Command(OneLineCommand):
    """Start a full read, or join the running one, and wait for its end."""

    help = (
        "Read all groups and devices from the vendor. Exit codes: 0 the read is complete, "
        "3 the read failed or was stopped, 4 the wait ran out and the read continues."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the form of the output and the wait."""
        parser.add_argument("--stop", action="store_true", help="stop the running reads instead")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")
        parser.add_argument(
            "--wait", type=seconds, default=FOR_EVER, help="seconds to wait at most"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Start or join a read and print its progress."""
        actor = shell_actor()
        if options["stop"]:
            count = stop_syncs(actor)
            self.stdout.write(
                json.dumps({"stopped": count}) if options["json"] else f"{count} stopped"
            )
            return
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
        self._tell(sync, as_json=options["json"])
        if not finished:
            raise CommandError("The wait ran out; the read continues.", returncode=4)
        if sync.stage in (InventorySync.Stage.FAILED, InventorySync.Stage.STOPPED):
            raise CommandError(
                f"The read {sync.get_stage_display().lower()}: {sync.detail}", returncode=3
            )

    def _tell(self, sync: InventorySync, *, as_json: bool) -> None:
        """Print what was read, and what could not be."""
        answer = {
            "stage": sync.stage,
            "devices": sync.devices_read,
            "groups": sync.groups_read,
            "calls": sync.calls,
            "unreadable": sync.dropped,
            "notice": sync.notice,
            "detail": sync.detail,
        }
        if as_json:
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write("{devices} devices, {groups} groups, {calls} calls".format(**answer))
        if sync.dropped:
            self.stdout.write(f"{sync.dropped} rows could not be read.")
        if sync.notice:
            self.stdout.write(sync.notice)
