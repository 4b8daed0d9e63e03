"""What may go wrong on the way or at the vendor, to be ordered by name.

A fault strikes the next `times` calls (None: all) of one API (None: any); the first that fits
is taken. `skip` lets so many calls pass first, `share` strikes only that part of them, by chance.
A call refused by the limit uses up no fault.
"""

import random
import threading
from dataclasses import dataclass, field

from actions.simulator.checks import Answer, Json

API_NAMES = frozenset({"token", "action", "devices", "detail", "groups", "reports"})
HOLD_SECONDS = 75.0  # longer than the client waits for an answer

# Each fault with its options. `apply` says whether the call takes effect before it goes wrong.
FAULTS: dict[str, Json] = {
    "late": {"seconds": 1.0, "jitter": 0.0},  # the call arrives later; beside another fault
    "slow": {"seconds": 1.0, "jitter": 0.0},  # the answer leaves later; beside another fault
    "timeout_before": {"seconds": HOLD_SECONDS},
    "timeout_after": {"seconds": HOLD_SECONDS},
    "cut_before": {},
    "cut_after": {},
    "cut_body": {"apply": True},
    "drip": {"seconds": 0.5, "size": 1, "apply": True},  # `size` bytes every `seconds`
    "status": {"code": 500, "apply": False},
    "html": {"apply": False},
    "broken_json": {"apply": True},
    "wrong_shape": {"apply": True},
    "huge": {"mb": 8.0, "apply": True, "announced": True},  # announced: with Content-Length
    "throttled": {"reset": None},
    "expired_token": {},
    "redirect": {"location": "http://127.0.0.1:9/", "code": 302},
    "missing_rows": {"count": 1},
    "doubled_rows": {"count": 1},
    "doubled_differing": {"count": 1},
    "reordered": {},
    "foreign_rows": {"count": 1},
    "odd_status": {"value": 7, "count": 1},
}
BESIDE_OTHERS = frozenset({"late", "slow"})
ROW_FAULTS = frozenset(
    {
        *("missing_rows", "doubled_rows", "doubled_differing"),
        *("reordered", "foreign_rows", "odd_status"),
    }
)
NEVER_APPLIED = frozenset(
    {"timeout_before", "cut_before", "throttled", "expired_token", "redirect"}
)


@dataclass(slots=True)
class Fault:
    """One fault ordered; `times` is what is left of it, `hits` how often it has struck."""

    name: str
    times: int | None = 1
    api: str | None = "action"
    skip: int = 0
    share: float = 1.0
    options: Json = field(default_factory=dict)
    hits: int = 0

    def number(self, name: str) -> float:
        """Give an option as a number."""
        return float(str(self.options[name]))

    @property
    def applies(self) -> bool:
        """Say whether the call takes effect although its answer goes wrong."""
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
    """Check and build a fault; raises ValueError for a wrong name, API, option or number."""
    if name not in FAULTS:
        raise ValueError(f"no such fault: {name}")
    if api is not None and api not in API_NAMES:
        raise ValueError(f"no such API: {api}")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times must be a whole number from 1, or nothing for ever")
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
    """The faults ordered, taken one at a time under a lock."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._rng = random.Random(seed)

    def add(self, fault: Fault) -> None:
        """Put a fault behind those already ordered."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Drop all faults; a call already held stays held."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """Give the faults still to come."""
        with self._lock:
            return list(self._faults)

    def take(self, api: str) -> Fault | None:
        """Take the fault that strikes this call, if any."""
        return self._take(api, FAULTS.keys() - BESIDE_OTHERS)

    def delay(self, name: str, api: str) -> float:
        """Take a `late` or `slow` fault, if any; returns its seconds."""
        fault = self._take(api, {name})
        if fault is None:
            return 0.0
        return fault.number("seconds") + self._rng.random() * fault.number("jitter")

    def _take(self, api: str, names: set[str]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.name in names and fault.api in {None, api} and self._strikes(fault):
                    return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
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


def spoil_rows(fault: Fault, answer: Answer) -> None:
    """Change the rows of an answer as the fault says; an answer without rows stays as it is."""
    payload = answer.payload
    if isinstance(payload, dict) and isinstance(payload.get("devices"), list):
        answer.payload = payload | {"devices": _spoiled(fault, payload["devices"])}
    elif isinstance(payload, list):
        answer.payload = _spoiled(fault, payload)


def _spoiled(fault: Fault, rows: list[Json]) -> list[Json]:
    count = int(fault.number("count")) if "count" in fault.options else 0
    if fault.name == "missing_rows":
        return rows[: max(0, len(rows) - count)]
    if fault.name == "doubled_rows":
        return rows + [dict(row) for row in rows[:count]]
    if fault.name == "doubled_differing":
        return rows + [row | {"status": _other(row["status"])} for row in rows[:count]]
    if fault.name == "reordered":
        return rows[::-1]
    if fault.name == "foreign_rows":
        return rows + [_foreign(rows, place) for place in range(count)]
    return [row | {"status": fault.options["value"]} for row in rows[:count]] + rows[count:]


def _other(status: object) -> object:
    """Give an answer that contradicts the one given."""
    if isinstance(status, str):
        return "compliant" if status != "compliant" else "non_compliant"
    return -1 if status == 1 else 1


def _foreign(rows: list[Json], place: int) -> Json:
    """Give a row of a device that nobody asked about, with the fields of a real row."""
    model = rows[0] if rows else {"id": "", "status": 1}
    name = "id" if "id" in model else "device_id"
    return model | {name: f"{place:02x}" + "f0" * 15}
