"""Random changes of the fleet: agents report, statuses change, devices enroll and disappear.

No thread runs in the background: each call first applies the changes that are due since the last.
"""

import random
import time

from actions.simulator.account import Account
from actions.simulator.fleet import SimDevice

MAX_PENDING = 500
"""Changes applied at most by one call after a long pause."""


class Churn:
    """Changes an account's fleet `per_minute` times a minute; 0 switches it off."""

    def __init__(self, account: Account, per_minute: float, seed: int) -> None:
        self._account, self._rate = account, per_minute / 60
        self._rng = random.Random(seed)
        self._last_run = time.monotonic()
        self._pending = 0.0

    def catch_up(self) -> None:
        """Apply the changes that are due since the last call."""
        if not self._rate:
            return
        with self._account.lock:
            now = time.monotonic()
            self._pending = min(MAX_PENDING, self._pending + (now - self._last_run) * self._rate)
            self._last_run = now
            while self._pending >= 1:
                self._pending -= 1
                self._change_one()

    def _change_one(self) -> None:
        devices = self._account.devices
        if not devices:
            return
        device = devices[self._rng.choice(list(devices))]
        chance = self._rng.random()
        if chance < 0.05:
            self._account.remove_device(device.device_id)
        elif chance < 0.12:
            self._enroll_similar(device)
        else:
            self._report(device)

    def _report(self, device: SimDevice) -> None:
        """Let the agent report; half of the reports flip compliant and non_compliant."""
        new_status = {"compliant": "non_compliant", "non_compliant": "compliant"}.get(device.status)
        device.last_seen = time.time()
        if new_status and self._rng.random() < 0.5:
            good = new_status == "compliant"
            device.status, device.changed_at = new_status, device.last_seen
            device.severity = "no_issues" if good else "critical"
            device.critical_issues = 0 if good else 1

    def _enroll_similar(self, like: SimDevice) -> None:
        """Enroll a device of the same type as `like`."""
        number = len(self._account.devices) + self._rng.randrange(10_000)
        mac = ":".join(f"{self._rng.randrange(256):02X}" for _ in range(3))
        name = f"{like.site}-NEW-{number:05d}"
        self._account.add_device(
            host_name=name,
            device_name=name,
            macs=(f"3C:52:82:{mac}",),
            **{field: getattr(like, field) for field in COPIED_FIELDS},
        )


COPIED_FIELDS = (
    *("device_type", "os_family", "os_name", "os_version", "agent_type", "agent_version"),
    *("group_id", "site", "public_ip"),
)
"""Fields of SimDevice that a new device copies from an existing one."""
