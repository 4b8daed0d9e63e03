"""The simulated vendor as one object: made, started in a thread, given faults, judged, stopped."""

import secrets
import threading
import time
from collections import Counter
from typing import Any, Self

from actions.simulator.account import Account
from actions.simulator.assumptions import Assumptions, make_assumptions
from actions.simulator.faults import Fault, make_fault
from actions.simulator.fleet import SimDevice, SimGroup
from actions.simulator.handler import Core, Received
from actions.simulator.server import HOST, SimulatorServer


class Simulator:
    """A faithful vendor on 127.0.0.1 with an account and devices of its own.

    `limit` is calls and seconds (None: no limit), `log_delay` the seconds until a log is there;
    `changes_per_minute` is how much happens to the fleet by itself; `switches` are fields of
    Assumptions. Raises ValueError for a switch that does not exist.
    The account outlives stop(), so a started simulator can go down and come back.
    """

    def __init__(
        self,
        devices: int = 2000,
        seed: int = 7,
        limit: tuple[int, float] | None = (10, 60.0),
        log_delay: tuple[float, float] = (5.0, 20.0),
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        hostile_names: bool | None = None,
        changes_per_minute: float = 0.0,
        **switches: Any,
    ) -> None:
        self.client_id = client_id or secrets.token_hex(12)
        self.client_secret = client_secret or secrets.token_hex(24)
        self._account = Account(
            devices=devices,
            seed=seed,
            log_delay=log_delay,
            assumptions=make_assumptions(switches),
            client_id=self.client_id,
            client_secret=self.client_secret,
            hostile_names=hostile_names,
        )
        self._core = Core(self._account, limit, seed, changes_per_minute)
        self._server: SimulatorServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    # Running.

    def start(self, port: int = 0) -> None:
        """Listen and serve in a thread; port 0 takes a free one. Raises OSError if it is taken."""
        if self._server is not None:
            raise RuntimeError("the simulator is running already")
        server = SimulatorServer(self._core, port)
        thread = threading.Thread(target=server.run, name="simulator", daemon=True)
        thread.start()
        self._server, self._thread, self._port = server, thread, server.server_port

    def stop(self) -> None:
        """Stop serving: sockets closed, threads ended, held connections dropped. Twice is fine."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = self._thread = None
        server.stop(thread)

    def __enter__(self) -> Self:
        if self._server is None:
            self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base address, without a slash at its end; of the last start, if stopped."""
        return f"http://{HOST}:{self._port}"

    # What a test or a demo looks at.

    @property
    def assumptions(self) -> Assumptions:
        """The guesses in force."""
        return self._account.assumptions

    @property
    def devices(self) -> dict[str, SimDevice]:
        """The devices by device_id; a test may change their fields."""
        return self._account.devices

    @property
    def groups(self) -> dict[str, SimGroup]:
        """The groups by group_id."""
        return self._account.groups

    @property
    def received(self) -> list[Received]:
        """The calls in the order of their arrival, the refused ones too; the last 20,000."""
        return self._core.received

    @property
    def applied(self) -> Counter[tuple[str, str]]:
        """How often each (kind, device_id) was really done: the judge of the client."""
        return self._account.applied

    @property
    def refused_ids(self) -> set[str]:
        """Ids or MACs that make any action call naming them a 400; empty unless a test fills it."""
        return self._account.refused_ids

    # What a test or a demo orders.

    def fault(
        self, name: str, times: int | None = 1, api: str | None = "action", **options: Any
    ) -> Fault:
        """Order a fault for the next `times` calls (None: all) of an API (None: any).

        Names and options: actions.simulator.faults.FAULTS, besides `skip` (calls that pass first)
        and `share` (the part that is struck). Raises ValueError for what does not exist.
        """
        fault = make_fault(name, times, api, **options)
        self._core.faults.add(fault)
        return fault

    def clear_faults(self) -> None:
        """Drop all faults still to come."""
        self._core.faults.clear()

    def issue_new_tokens(self) -> None:
        """End all tokens, so that each client has to ask for a new one."""
        self._account.expire_tokens()

    def change_device(self, device_id: str, **fields: object) -> SimDevice:
        """Change these fields of a device, as Status Change then tells."""
        with self._account.lock:
            device = self._account.devices[device_id]
            for name, value in ({"changed_at": time.time()} | fields).items():
                setattr(device, name, value)
        return device

    def remove_device(self, device_id: str) -> None:
        """Delete a device, as an administrator does in the vendor's own console."""
        with self._account.lock:
            self._account.remove_device(device_id)

    def add_device(self, **fields: object) -> SimDevice:
        """Enrol a device with these fields of SimDevice; the rest is a compliant Windows laptop."""
        return self._account.add_device(**fields)
