"""The request of Device Action: one action kind for a list of devices.

Source: page "Device Action v3.1", table "Request Parameters".
"""

from dataclasses import dataclass
from typing import Literal

from actions.catalog import KINDS, MAX_EXEMPT_HOURS
from actions.macs import normalise_mac

Addressing = Literal["ids", "macs"]


@dataclass(frozen=True, slots=True)
class ActionCall:
    """The content of one call: the kind, its parameter and the devices.

    `targets` are device ids or MAC addresses, as `addressing` says: the vendor accepts one or the
    other, never both. `exempt_hours` is for `exempt` only (0 means permanent), `group_id` for
    `assign_to_group` only. `body` checks the values; the constructor does not.
    """

    kind: str
    addressing: Addressing
    targets: tuple[str, ...]
    exempt_hours: int | None = None
    group_id: str | None = None

    def body(self) -> dict[str, object]:
        """Return the JSON body; raises ValueError if the call is not well formed."""
        if self.kind not in KINDS:
            raise ValueError(f"Unknown action kind: {self.kind!r}.")
        if self.addressing not in ("ids", "macs"):
            raise ValueError("Devices must be addressed by ids or by macs.")
        body: dict[str, object] = {"types": self.kind, self.addressing: self._checked_targets()}
        params = self._params()
        if params:
            body["params"] = params
        return body

    def _checked_targets(self) -> list[str]:
        if not isinstance(self.targets, tuple) or not self.targets:
            raise ValueError("A call needs a tuple of at least one device.")
        for target in self.targets:
            if not isinstance(target, str) or not target.strip():
                raise ValueError("A device identifier cannot be empty.")
        identifiers = list(self.targets)
        if self.addressing == "macs":
            identifiers = [_checked_mac(target) for target in identifiers]
        if len(set(identifiers)) != len(identifiers):
            raise ValueError("A call must not name a device twice.")
        return identifiers

    def _params(self) -> dict[str, object]:
        parameter = KINDS[self.kind].parameter
        if self.exempt_hours is not None and parameter != "exempt_hours":
            raise ValueError(f"The action {self.kind} takes no exempt hours.")
        if self.group_id is not None and parameter != "group_id":
            raise ValueError(f"The action {self.kind} takes no group.")
        if parameter == "exempt_hours":
            return {"exempt_time": _checked_hours(self.exempt_hours)}
        if parameter == "group_id":
            if not isinstance(self.group_id, str) or not self.group_id.strip():
                raise ValueError(f"The action {self.kind} needs the id of a group.")
            return {"group_id": self.group_id}
        return {}


def _checked_mac(text: str) -> str:
    mac = normalise_mac(text)
    if mac is None:
        raise ValueError(f"{text[:40]!r} is not a MAC address.")
    return mac


def _checked_hours(hours: object) -> int:
    # A value is required, because the vendor reads a missing one as 0, which is permanent.
    if isinstance(hours, bool) or not isinstance(hours, int):
        raise ValueError("An exemption needs a duration in whole hours.")
    if not 0 <= hours <= MAX_EXEMPT_HOURS:
        raise ValueError(f"An exemption lasts from 0 (permanent) to {MAX_EXEMPT_HOURS} hours.")
    return hours
