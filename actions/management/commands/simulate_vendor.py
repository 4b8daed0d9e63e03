"""manage.py simulate_vendor: the simulated vendor as a process of its own."""

import os
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions.simulator import Simulator
from actions.simulator.options import parse_delay, parse_fault, parse_limit, parse_switch


class Command(BaseCommand):
    """Serves until SIGINT or SIGTERM; exit code 1 for wrong options or a port that is taken."""

    help = (
        "Run a simulated vendor on 127.0.0.1 with a made-up fleet, for demos and tests. Simulated "
        "are the token, Device Action 3.0-3.3, Get Devices 3.2, 3.3 and 3.7, Device Details 3.3, "
        "3.4 and 3.8, Device Information 3.0, Get Groups 3.0, Status Change 3.0 and Get Reports "
        "3.0-3.1; any other path answers 404. What the vendor leaves open is a switch of --assume "
        "(actions/simulator/assumptions.py), for example reset_time=down, retry_after=seconds, "
        "max_action_ids=20. Faults (actions/simulator/faults.py) are for example "
        "status:ever:code=403:gateway=true or early_end:1:api=devices:skip=7."
    )
    requires_system_checks = ()  # It needs neither the database nor a whole configuration.

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the options; credentials may come from the environment instead."""
        add = parser.add_argument
        add("--port", type=int, default=0, help="0, the default, takes a free port")
        add("--devices", type=int, default=2000)
        add("--seed", type=int, default=7, help="the same seed gives the same fleet")
        add("--limit", default="10/60", help="calls/seconds, or none")
        add("--log-delay", default="5-20", help="seconds until an agent's log is there")
        add("--changes", type=float, default=0.0, help="changes of the fleet a minute")
        add("--client-id", default=os.environ.get("OPSWAT_CLIENT_ID", ""))
        add("--client-secret", default=None, help="better: OPSWAT_CLIENT_SECRET in the environment")
        add("--fault", action="append", default=[], metavar="NAME[:times][:key=value]")
        add("--assume", action="append", default=[], metavar="SWITCH=VALUE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, say where, wait for a signal, stop."""
        try:
            simulator = self._make(options)
        except (ValueError, TypeError) as problem:
            raise CommandError(str(problem)) from problem
        port = options["port"]
        try:
            simulator.start(port)
        except (OSError, OverflowError) as problem:
            raise CommandError(f"Cannot listen on port {port}: {problem}") from problem
        try:
            self._wait(simulator)
        finally:
            simulator.stop()

    def _make(self, options: dict[str, Any]) -> Simulator:
        secret = options["client_secret"] or os.environ.get("OPSWAT_CLIENT_SECRET", "")
        if bool(options["client_id"]) != bool(secret):
            raise ValueError("give both the client id and the client secret, or neither")
        simulator = Simulator(
            devices=options["devices"],
            seed=options["seed"],
            limit=parse_limit(options["limit"]),
            log_delay=parse_delay(options["log_delay"]),
            client_id=options["client_id"],
            client_secret=secret,
            changes_per_minute=options["changes"],
            **dict(parse_switch(text) for text in options["assume"]),
        )
        for text in options["fault"]:
            name, times, api, more = parse_fault(text)
            simulator.fault(name, times, api, **more)
        if not secret:  # Made up for this run; without them nobody could use the simulator.
            self.stderr.write(f"client id {simulator.client_id}")
            self.stderr.write(f"client secret {simulator.client_secret}")
        return simulator

    def _wait(self, simulator: Simulator) -> None:
        stop = threading.Event()

        def end(signum: int, frame: FrameType | None) -> None:
            stop.set()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, end)
            signal.signal(signal.SIGTERM, end)
        self.stdout.write(f"Simulated vendor ready at {simulator.url}")
        self.stdout.flush()
        stop.wait()
