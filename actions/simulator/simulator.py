"""The simulated vendor as one object: start and stop it, inject faults, read what it received."""

import secrets
import threading
import time
from collections import Counter
from typing import Any, Self

from actions.simulator.account import Account
from actions.simulator.assumptions import Assumptions, make_assumptions
from actions.simulator.faults import Fault, make_fault
from actions.simulator.fleet import SimDevice, SimGroup
from actions.simulator.handler import CallHandler, Received
from actions.simulator.server import HOST, SimulatorServer


class Simulator:
    """A simulated vendor on 127.0.0.1 with its own account and devices.

    `limit` is (calls, seconds), None for no limit; `log_delay` is the range of seconds until a log
    is ready; `changes_per_minute` is the rate of random changes of the fleet; `switches` are fields
    of Assumptions. Raises ValueError for an unknown switch.
    The account is kept after stop(), so the simulator can be started again.
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
        self._handler = CallHandler(self._account, limit, seed, changes_per_minute)
        self._server: SimulatorServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    # Start and stop.

    def start(self, port: int = 0) -> None:
        """Serve in a thread; port 0 takes a free port. Raises OSError if the port is in use."""
        if self._server is not None:
            raise RuntimeError("the simulator is running already")
        server = SimulatorServer(self._handler, port)
        thread = threading.Thread(target=server.run, name="simulator", daemon=True)
        thread.start()
        self._server, self._thread, self._port = server, thread, server.server_port

    def stop(self) -> None:
        """Close all sockets, drop held connections and join all threads; idempotent."""
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
        """The base URL without a trailing slash; after stop(), that of the last start."""
        return f"http://{HOST}:{self._port}"

    # State.

    @property
    def assumptions(self) -> Assumptions:
        """The assumptions in use."""
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
        """The last 20,000 calls in the order of arrival, including refused ones."""
        return self._handler.received

    @property
    def applied(self) -> Counter[tuple[str, str]]:
        """How often each (kind, device_id) took effect."""
        return self._account.applied

    @property
    def refused_ids(self) -> set[str]:
        """IDs or MACs for which an action call is refused with 400; tests may add some."""
        return self._account.refused_ids

    # Faults and changes.

    def fault(
        self, name: str, times: int | None = 1, api: str | None = "action", **options: Any
    ) -> Fault:
        """Inject a fault into the next `times` calls (None: all) of an API (None: any).

        FAULTS lists the names and their options; each also takes `skip` (calls to pass over first)
        and `share` (the fraction of calls affected). Raises ValueError for an unknown name, API or
        option.
        """
        fault = make_fault(name, times, api, **options)
        self._handler.faults.add(fault)
        return fault

    def clear_faults(self) -> None:
        """Remove all pending faults."""
        self._handler.faults.clear()

    def issue_new_tokens(self) -> None:
        """Expire all tokens, so that each client must request a new one."""
        self._account.expire_tokens()

    def change_device(self, device_id: str, **fields: object) -> SimDevice:
        """Change these fields of a device; Status Change then lists it."""
        with self._account.lock:
            device = self._account.devices[device_id]
            for name, value in ({"changed_at": time.time()} | fields).items():
                setattr(device, name, value)
        return device

    def remove_device(self, device_id: str) -> None:
        """Delete a device, like an administrator in the vendor's console."""
        with self._account.lock:
            self._account.remove_device(device_id)

    def add_device(self, **fields: object) -> SimDevice:
        """Enroll a device with these fields of SimDevice; default: a compliant Windows laptop."""
        return self._account.add_device(**fields)
