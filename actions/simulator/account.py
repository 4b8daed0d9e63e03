"""The simulated account: its devices, groups, tokens and commands, and what was done to them."""

import random
import secrets
import string
import threading
import time
import uuid
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from actions.simulator.assumptions import Assumptions
from actions.simulator.fleet import SimDevice, make_fleet, make_groups
from actions.simulator.rules import plain_mac

KEPT_DELETIONS = 20_000
_COMMAND_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Command:
    """A log or scan that an agent was asked for; times are time.monotonic()."""

    command_id: str
    kind: str
    device: SimDevice
    asked_at: float
    ready_at: float


class Account:
    """State behind the APIs; whoever changes it holds `lock`."""

    def __init__(
        self,
        *,
        devices: int,
        seed: int,
        log_delay: tuple[float, float],
        assumptions: Assumptions,
        client_id: str,
        client_secret: str,
        hostile_names: bool | None,
    ) -> None:
        self.lock = threading.RLock()
        self.assumptions = assumptions
        self.client_id = client_id
        self.client_secret = client_secret
        self.log_delay = log_delay
        self.devices = make_fleet(devices, seed, time.time(), hostile_names)
        self.groups = make_groups()
        self.commands: dict[str, Command] = {}
        self.applied: Counter[tuple[str, str]] = Counter()
        self.deleted: list[tuple[float, str, str]] = []  # when, id and name, the oldest first
        self.refused_ids: set[str] = set()  # a call that names one of these is a 400 as a whole
        self._tokens: dict[str, float] = {}
        self._rng = random.Random(seed)
        self._order: list[tuple[float, str]] = []
        self._by_mac: dict[str, list[str]] = {}
        self._indexed: tuple[int, int] = (-1, -1)

    def add_device(self, **fields: object) -> SimDevice:
        """Enrol one more device with these fields of SimDevice; returns it."""
        with self.lock:
            now = time.time()
            fields.setdefault("device_id", uuid.UUID(int=self._rng.getrandbits(128)).hex)
            for name in ("enrolled_at", "last_seen", "last_reboot"):
                fields.setdefault(name, now)
            fields.setdefault("changed_at", now if self.assumptions.new_is_change else 0.0)
            device = SimDevice(**fields)  # type: ignore[arg-type]  # A wrong name is a TypeError.
            self.devices[device.device_id] = device
            self._indexed = (-1, -1)
            return device

    def remove_device(self, device_id: str) -> None:
        """Delete a device's record; the logs it was asked for stay."""
        device = self.devices.pop(device_id, None)
        if device is not None:
            self.deleted.append((time.time(), device_id, device.device_name))
            del self.deleted[:-KEPT_DELETIONS]
        if device is None or self._indexed != (id(self.devices), len(self.devices) + 1):
            return
        # Building the indexes anew for each deletion would be slow in a large account.
        place = bisect_left(self._order, (device.enrolled_at, device_id))
        if self._order[place : place + 1] == [(device.enrolled_at, device_id)]:
            del self._order[place]
            self._indexed = (id(self.devices), len(self.devices))

    # Tokens.

    def issue_token(self) -> tuple[str, int]:
        """Give a token and the seconds it lives, by the policy assumed."""
        with self.lock:
            now, lifetime = time.monotonic(), self.assumptions.token_seconds
            live = {token: end for token, end in self._tokens.items() if end > now}
            self._tokens = live
            if self.assumptions.grant_policy == "same" and live:
                token, end = next(iter(live.items()))
                return token, int(end - now)
            if self.assumptions.grant_policy == "replace":
                live.clear()
            token = str(uuid.uuid4())
            live[token] = now + lifetime
            return token, lifetime

    def accepts(self, token: str) -> bool:
        """Say whether the token was given here and still lives."""
        with self.lock:
            return self._tokens.get(token, 0.0) > time.monotonic()

    def expire_tokens(self) -> None:
        """End every token given so far."""
        with self.lock:
            self._tokens.clear()

    # Looking up.

    def device_by_mac(self, mac: str) -> SimDevice | None:
        """Find the device with a MAC; of several, the one last seen (assumed)."""
        plain = plain_mac(mac)
        if plain is None:
            return None
        self._index()
        found = [self.devices[i] for i in self._by_mac.get(plain, ()) if i in self.devices]
        return max(found, key=lambda device: device.last_seen, default=None)

    def enrolling_order(self) -> list[tuple[float, str]]:
        """Give (enrolled_at, device_id) of all devices, oldest first."""
        self._index()
        return self._order

    def _index(self) -> None:
        """Rebuild both indexes after devices came or went, be it by a test's own hand."""
        mark = (id(self.devices), len(self.devices))
        if mark == self._indexed:
            return
        self._order = sorted((d.enrolled_at, d.device_id) for d in self.devices.values())
        self._by_mac = {}
        for device in self.devices.values():
            for mac in device.macs:
                self._by_mac.setdefault(mac, []).append(device.device_id)
        self._indexed = mark

    # Time and commands.

    def end_exemption_when_due(self, device: SimDevice, now: float) -> None:
        """Give an exempted device its former status back once its period is over."""
        until = device.exempted_until
        if device.status == "exempted" and until is not None and until <= now:
            device.status, device.exempted_until = device.status_before, None
            device.changed_at = until

    def new_command(self, kind: str, device: SimDevice) -> Command:
        """Ask the agent for a log or scan; a command_id has 17 characters, as in the example."""
        now = time.monotonic()
        command_id = "c" + "".join(secrets.choice(_COMMAND_LETTERS) for _ in range(16))
        delay = self._rng.uniform(*self.log_delay)
        command = Command(command_id, kind, device, now, now + delay)
        self.commands[command_id] = command
        return command
