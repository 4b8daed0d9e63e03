"""The simulated account: devices, groups, tokens, commands, and a count of the applied actions."""

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
from actions.simulator.rules import normalize_mac

MAX_DELETIONS = 20_000
_COMMAND_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Command:
    """A log or scan requested from an agent; times are time.monotonic()."""

    command_id: str
    kind: str
    device: SimDevice
    requested_at: float
    ready_at: float


class Account:
    """State behind the APIs; a caller that changes it must hold `lock`."""

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
        self.deleted: list[tuple[float, str, str]] = []  # (time, id, name), oldest first
        self.refused_ids: set[str] = set()  # a call with one of these gets a 400
        self._tokens: dict[str, float] = {}
        self._rng = random.Random(seed)
        self._order: list[tuple[float, str]] = []
        self._by_mac: dict[str, list[str]] = {}
        self._index_key: tuple[int, int] = (-1, -1)

    def add_device(self, **fields: object) -> SimDevice:
        """Enroll a device with these fields of SimDevice and return it."""
        with self.lock:
            now = time.time()
            fields.setdefault("device_id", uuid.UUID(int=self._rng.getrandbits(128)).hex)
            for name in ("enrolled_at", "last_seen", "last_reboot"):
                fields.setdefault(name, now)
            fields.setdefault("changed_at", now if self.assumptions.new_is_change else 0.0)
            device = SimDevice(**fields)  # type: ignore[arg-type]  # A wrong name is a TypeError.
            self.devices[device.device_id] = device
            self._index_key = (-1, -1)
            return device

    def remove_device(self, device_id: str) -> None:
        """Delete a device's record; its commands and their logs stay."""
        device = self.devices.pop(device_id, None)
        if device is not None:
            self.deleted.append((time.time(), device_id, device.device_name))
            del self.deleted[:-MAX_DELETIONS]
        if device is None or self._index_key != (id(self.devices), len(self.devices) + 1):
            return
        # Remove one entry: rebuilding both indexes per deletion is slow in a large account.
        index = bisect_left(self._order, (device.enrolled_at, device_id))
        if self._order[index : index + 1] == [(device.enrolled_at, device_id)]:
            del self._order[index]
            self._index_key = (id(self.devices), len(self.devices))

    # Tokens.

    def issue_token(self) -> tuple[str, int]:
        """Return a token and its remaining lifetime in seconds, by the assumed grant policy."""
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
        """Return whether the token was issued here and has not expired."""
        with self.lock:
            return self._tokens.get(token, 0.0) > time.monotonic()

    def expire_tokens(self) -> None:
        """Expire every token issued so far."""
        with self.lock:
            self._tokens.clear()

    # Lookups.

    def device_by_mac(self, mac: str) -> SimDevice | None:
        """Find the device with this MAC; of several, the one last seen (assumed)."""
        normalized = normalize_mac(mac)
        if normalized is None:
            return None
        self._refresh_indexes()
        found = [self.devices[i] for i in self._by_mac.get(normalized, ()) if i in self.devices]
        return max(found, key=lambda device: device.last_seen, default=None)

    def enrollment_order(self) -> list[tuple[float, str]]:
        """Return (enrolled_at, device_id) of all devices, oldest first."""
        self._refresh_indexes()
        return self._order

    def _refresh_indexes(self) -> None:
        """Rebuild both indexes if devices were added or removed, also by a test directly."""
        key = (id(self.devices), len(self.devices))
        if key == self._index_key:
            return
        self._order = sorted((d.enrolled_at, d.device_id) for d in self.devices.values())
        self._by_mac = {}
        for device in self.devices.values():
            for mac in device.macs:
                self._by_mac.setdefault(mac, []).append(device.device_id)
        self._index_key = key

    # Time and commands.

    def expire_exemption(self, device: SimDevice, now: float) -> None:
        """Restore the former status of an exempted device whose exemption has ended."""
        until = device.exempted_until
        if device.status == "exempted" and until is not None and until <= now:
            device.status, device.exempted_until = device.status_before, None
            device.changed_at = until

    def new_command(self, kind: str, device: SimDevice) -> Command:
        """Store a command for the agent; its ID has 17 characters, as in the vendor's example."""
        now = time.monotonic()
        command_id = "c" + "".join(secrets.choice(_COMMAND_LETTERS) for _ in range(16))
        delay = self._rng.uniform(*self.log_delay)
        command = Command(command_id, kind, device, now, now + delay)
        self.commands[command_id] = command
        return command
