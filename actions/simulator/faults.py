"""Fault injection: failures of the network or the vendor, selected by name.

A fault applies to the next `times` calls (None: all) of one API (None: any); the first match wins.
It passes over the first `skip` calls and then applies to a random `share` of the others. A call
that exceeds the rate limit does not use up a fault.
"""

import random
import threading
from dataclasses import dataclass, field

from actions.simulator.checks import Answer, Json

API_NAMES = frozenset({"token", "action", "devices", "detail", "groups", "changes", "reports"})
HOLD_SECONDS = 75.0  # longer than the client's timeout

# Retry-After in seconds, sent as a date if `as_date`; `gateway`: a page without rate headers.
GATEWAY: Json = {"retry_after": None, "as_date": False, "gateway": False}

# Each fault with its options and their defaults. `apply`: the call takes effect before it fails.
FAULTS: dict[str, Json] = {
    "late": {"seconds": 1.0, "jitter": 0.0},  # delays the arrival; combines with others
    "slow": {"seconds": 1.0, "jitter": 0.0},  # delays the answer; combines with others
    "timeout_before": {"seconds": HOLD_SECONDS},
    "timeout_after": {"seconds": HOLD_SECONDS},
    "cut_before": {},
    "cut_after": {},
    "cut_body": {"apply": True},
    "drip": {"seconds": 0.5, "size": 1, "apply": True},  # `size` bytes every `seconds`
    "status": {"code": 500, "apply": False, **GATEWAY},
    "html": {"apply": False},
    "broken_json": {"apply": True},
    "wrong_shape": {"apply": True},
    "huge": {"mb": 8.0, "apply": True, "announced": True},  # announced: with Content-Length
    "throttled": {"reset": None, **GATEWAY},
    "expired_token": {},
    "redirect": {"location": "http://127.0.0.1:9/", "code": 302},
    "missing_rows": {"count": 1},
    "doubled_rows": {"count": 1},
    "doubled_differing": {"count": 1},
    "early_end": {},  # a list of devices ends with this page
    "reordered": {},
    "foreign_rows": {"count": 1},
    "odd_status": {"value": 7, "count": 1},
}
COMBINABLE = frozenset({"late", "slow"})
ROW_FAULTS = frozenset(
    {
        *("missing_rows", "doubled_rows", "doubled_differing"),
        *("reordered", "foreign_rows", "odd_status", "early_end"),
    }
)
NEVER_APPLIED = frozenset(
    {"timeout_before", "cut_before", "throttled", "expired_token", "redirect"}
)


@dataclass(slots=True)
class Fault:
    """One injected fault; `times` counts what is left, `hits` how often it has applied."""

    name: str
    times: int | None = 1
    api: str | None = "action"
    skip: int = 0
    share: float = 1.0
    options: Json = field(default_factory=dict)
    hits: int = 0

    def number(self, name: str) -> float:
        """Return an option as a number."""
        return float(str(self.options[name]))

    @property
    def applies(self) -> bool:
        """Return whether the call takes effect although its answer fails."""
        return self.name not in NEVER_APPLIED and bool(self.options.get("apply", True))


def make_fault(
    name: str,
    times: int | None = 1,
    api: str | None = "action",
    *,
    skip: int = 0,
    share: float = 1.0,
    **options: object,
) -> Fault:
    """Build a fault; raises ValueError for an invalid name, API, option or number."""
    if name not in FAULTS:
        raise ValueError(f"no such fault: {name}")
    if api is not None and api not in API_NAMES:
        raise ValueError(f"no such API: {api}")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times must be an integer of at least 1, or None for all calls")
    defaults = FAULTS[name]
    for option, value in options.items():
        _check_option(name, option, value)
    return Fault(name, times, api, int(skip), float(share), defaults | options)


def _check_option(name: str, option: str, value: object) -> None:
    if option not in FAULTS[name]:
        raise ValueError(f"{name} has no option {option}")
    default = FAULTS[name][option]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    wants_number = isinstance(default, int | float) and not isinstance(default, bool)
    if wants_number and option != "value" and not (is_number and float(str(value)) >= 0):
        raise ValueError(f"{option} must be a number of at least 0")


class FaultList:
    """The pending faults, in the order of injection; safe to use from many threads."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._rng = random.Random(seed)

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults; a call that is being held stays held."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that are not used up."""
        with self._lock:
            return list(self._faults)

    def take(self, api: str) -> Fault | None:
        """Return the fault that applies to this call, if any, and count it down."""
        return self._take(api, FAULTS.keys() - COMBINABLE)

    def delay(self, name: str, api: str) -> float:
        """Take a `late` or `slow` fault and return its seconds; 0 without one."""
        fault = self._take(api, {name})
        if fault is None:
            return 0.0
        return fault.number("seconds") + self._rng.random() * fault.number("jitter")

    def _take(self, api: str, names: set[str]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.name in names and fault.api in {None, api} and self._fires(fault):
                    return fault
        return None

    def _fires(self, fault: Fault) -> bool:
        if fault.skip:
            fault.skip -= 1
            return False
        if fault.share < 1.0 and self._rng.random() >= fault.share:
            return False
        fault.hits += 1
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
        return True


def corrupt_rows(fault: Fault, answer: Answer) -> None:
    """Apply a row fault to the rows of an answer; an answer without rows stays unchanged."""
    payload = answer.payload
    if fault.name == "early_end":
        if isinstance(payload, dict) and "next_token" in payload:
            answer.payload = payload | {"next_token": ""}
    elif isinstance(payload, dict) and isinstance(payload.get("devices"), list):
        answer.payload = payload | {"devices": _corrupted(fault, payload["devices"])}
    elif isinstance(payload, list):
        answer.payload = _corrupted(fault, payload)


def _corrupted(fault: Fault, rows: list[Json]) -> list[Json]:
    count = int(fault.number("count")) if "count" in fault.options else 0
    if fault.name == "missing_rows":
        return rows[: max(0, len(rows) - count)]
    if fault.name == "doubled_rows":
        return rows + [dict(row) for row in rows[:count]]
    if fault.name == "doubled_differing":
        return rows + [row | {"status": _contradicting(row["status"])} for row in rows[:count]]
    if fault.name == "reordered":
        return rows[::-1]
    if fault.name == "foreign_rows":
        return rows + [_foreign_row(rows, index) for index in range(count)]
    return [row | {"status": fault.options["value"]} for row in rows[:count]] + rows[count:]


def _contradicting(status: object) -> object:
    """Return a status that contradicts this one."""
    if isinstance(status, str):
        return "compliant" if status != "compliant" else "non_compliant"
    return -1 if status == 1 else 1


def _foreign_row(rows: list[Json], index: int) -> Json:
    """Return a row for a device that the call did not name, with the fields of a real row."""
    model = rows[0] if rows else {"id": "", "status": 1}
    name = "id" if "id" in model else "device_id"
    return model | {name: f"{index:02x}" + "f0" * 15}
