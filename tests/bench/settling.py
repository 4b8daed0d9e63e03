"""How many rows per second are settled."""

import time
from collections.abc import Callable

from django.db import transaction
from django.utils.timezone import now

from actions.action_requests import outcomes
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.dispatch import claims, results
from actions.opswat.client import Answer, Token
from actions.opswat.payloads import ActionResult, DeviceResult, RateLimitStatus
from actions.ratelimit import accounts, breaker
from actions.ratelimit.models import VendorCall
from tests.bench import setup
from tests.bench.installation import Installation
from tests.bench.result import Line, duration, spread

BATCH = 50
FIELDS = (
    *("status", "http_status", "vendor_status", "vendor_raw", "command_id", "detail"),
    *("check_at", "moved_at", "settled_at"),
)

Rows = list[DeviceCommand]


def rows(*, quick: bool) -> list[Line]:
    """Rows per second of `outcomes.settle` on calls of 50 devices, each call one transaction.

    This includes reading the rows, the moves, the audit line with fifty devices and the
    request's new version. Below it the update alone, on the same rows with the same fields:
    grouped as `settle` does it, by `bulk_update`, and by `save()` one by one, each in one
    transaction for 50 rows. SQLite with `synchronous=FULL`; medians of 60 calls each (20 when
    quick).
    """
    calls = 20 if quick else 60
    with Installation() as installation:
        installation.redis()
        installation.configure(OPSWAT_RATE_LIMIT=(100_000, 60.0), ENGINE_IN_FLIGHT=100_000)
        setup.submit(setup.names("s", (4 * calls + 1) * BATCH), "exempt")
        taken = _claimed(4 * calls)
        ways: dict[str, Callable[[VendorCall], None]] = {
            "this engine, with reading and audit line": _settle,
            "the update alone, grouped": _grouped,
            "bulk_update": _bulk,
            "save() one by one": _one_by_one,
        }
        return [
            _line(who, way, taken[place * calls : (place + 1) * calls])
            for place, (who, way) in enumerate(ways.items())
        ]


def _claimed(count: int) -> list[VendorCall]:
    """Return open calls of fifty devices each."""
    token = claims.claim()
    if not isinstance(token, claims.Claim):
        raise AssertionError("there was nothing to claim")
    rate = RateLimitStatus(None, None, None)
    results.record_answer(token, Answer(Token("t", 43199.0), 200, rate))
    with transaction.atomic():
        breaker.record_success(accounts.lock())
    taken = [claims.claim() for _ in range(count)]
    return [each.call for each in taken if isinstance(each, claims.Claim)]


def _line(who: str, way: Callable[[VendorCall], None], calls: list[VendorCall]) -> Line:
    times = []
    for call in calls:
        start = time.perf_counter()
        with transaction.atomic():
            way(call)
        times.append(time.perf_counter() - start)
        left = DeviceCommand.objects.filter(call=call, status=CommandStatus.SENDING).count()
        if left:
            raise AssertionError(f"{left} rows were not settled")
    found = spread(times)
    speed = BATCH / found.median
    return Line(who, f"{speed:,.0f} ({duration(found.median)} for {BATCH})", speed)


def _settle(call: VendorCall) -> None:
    targets = DeviceCommand.objects.filter(call=call).values_list("target", flat=True)
    devices = {name: DeviceResult(name, 1, "1", "") for name in targets}
    outcomes.settle(call, ActionResult(devices, (), ()))


def _changed(call: VendorCall) -> Rows:
    found = list(DeviceCommand.objects.filter(call=call))
    for row in found:
        row.status, row.http_status, row.vendor_status = CommandStatus.ACCEPTED, 200, 1
        row.vendor_raw, row.settled_at, row.moved_at = "1", now(), now()
    return found


def _grouped(call: VendorCall) -> None:
    keys = list(DeviceCommand.objects.filter(call=call).values_list("pk", flat=True))
    DeviceCommand.objects.filter(pk__in=keys).move(
        CommandStatus.SENDING,
        CommandStatus.ACCEPTED,
        http_status=200,
        vendor_status=1,
        vendor_raw="1",
        command_id="",
        detail="",
        check_at=None,
    )


def _bulk(call: VendorCall) -> None:
    DeviceCommand.objects.bulk_update(_changed(call), FIELDS)


def _one_by_one(call: VendorCall) -> None:
    for row in _changed(call):
        row.save(update_fields=FIELDS)
