"""What happens to a fleet by itself: agents report, statuses change, devices come and go.

Nothing runs in the background: each call finds the fleet as it has become since the last one.
"""

import random
import time

from actions.simulator.account import Account
from actions.simulator.fleet import SimDevice

MOST_AT_ONCE = 500
"""Changes made up for at one call after a long silence."""


class Life:
    """`per_minute` changes on average; 0 leaves the fleet as it is."""

    def __init__(self, account: Account, per_minute: float, seed: int) -> None:
        self._account, self._rate = account, per_minute / 60
        self._rng = random.Random(seed)
        self._then = time.monotonic()
        self._owed = 0.0

    def go_on(self) -> None:
        """Let happen what was to happen since the last call."""
        if not self._rate:
            return
        with self._account.lock:
            now = time.monotonic()
            self._owed = min(MOST_AT_ONCE, self._owed + (now - self._then) * self._rate)
            self._then = now
            while self._owed >= 1:
                self._owed -= 1
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
            self._enrol_another(device)
        else:
            self._report(device)

    def _report(self, device: SimDevice) -> None:
        """The agent reports; every other time the device's status is another one then."""
        turned = {"compliant": "non_compliant", "non_compliant": "compliant"}.get(device.status)
        device.last_seen = time.time()
        if turned and self._rng.random() < 0.5:
            good = turned == "compliant"
            device.status, device.changed_at = turned, device.last_seen
            device.severity = "no_issues" if good else "critical"
            device.critical_issues = 0 if good else 1

    def _enrol_another(self, like: SimDevice) -> None:
        """A machine of the same sort as one that is there."""
        number = len(self._account.devices) + self._rng.randrange(10_000)
        mac = ":".join(f"{self._rng.randrange(256):02X}" for _ in range(3))
        name = f"{like.site}-NEW-{number:05d}"
        self._account.add_device(
            host_name=name,
            device_name=name,
            macs=(f"3C:52:82:{mac}",),
            **{field: getattr(like, field) for field in ALIKE},
        )


ALIKE = (
    *("device_type", "os_family", "os_name", "os_version", "agent_type", "agent_version"),
    *("group_id", "site", "public_ip"),
)
"""What two machines of the same sort share."""
