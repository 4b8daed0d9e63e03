"""Each device is acted on exactly once, under faults and killed processes."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from actions.action_requests import controls
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import SUCCEEDED, CommandStatus
from actions.errors import Refused
from actions.simulator import Simulator
from tests.bench import setup, vendor_log
from tests.bench.alternatives import Alternative
from tests.bench.installation import Installation, Process, until
from tests.bench.limit import replace
from tests.bench.result import Line

LIMIT = (10, 0.5)
SEED = 8
FAULTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    # The share of each is of the calls that the ones before it did not hit.
    ("cut_after", 0.06, {}),
    ("cut_before", 0.045, {}),
    ("status", 0.045, {"code": 500, "apply": True}),
    ("status", 0.03, {"code": 503, "apply": False}),
    ("broken_json", 0.04, {}),
)
UNDECIDED = (CommandStatus.FAILED, CommandStatus.UNCONFIRMED, CommandStatus.NOT_SEEN)
MAX_RETRIES = 8
RETRIES = 8
VISIBLE_AFTER = 8.0


def deletes(*, quick: bool) -> list[Line]:
    """600 deletes (120 when quick), one in a call, with every fifth answer faulty and kills.

    The limit is 10 calls in 0.5 s (time ÷ 120). Of the calls 6 % are cut after and 4 % before
    the vendor acts, 4 % end with a 500 after it acted, 3 % with a 503 before, and 4 % with
    broken JSON. Two processes of each; every 8 s one is killed (-9) and replaced. The engine
    carries one device in a call here, so that all meet equally many faults. *Twice*: the
    vendor's log names a device again, in a call that it took, after the delete had been done.
    *Never*: the delete was not done, after all retries. *Misreported*: the status shown differs
    from the fact. The engine never repeats a delete automatically: it reads the devices back,
    and the operator presses "retry" for those reported as not done (counted, at most 8 times).
    Celery has `acks_late`, half of the limit as `rate_limit` for each of two workers, 8
    retries, and 8 s visibility time-out; requests-ratelimiter shares its bucket in Redis and
    has 8 retries of urllib3 and of its own.
    """
    count = 120 if quick else 600
    with Installation() as installation:
        installation.redis()
        lines = [_ours(installation, count)]
    for who in ("Celery rate_limit + retry", "requests-ratelimiter + retry"):
        with Installation() as installation:
            installation.redis()
            lines.append(_theirs(installation, who, count))
    return lines


def faulty(vendor: Simulator) -> None:
    """Make every fifth answer fail in one of five ways."""
    for name, share, options in FAULTS:
        vendor.fault(name, times=None, share=share, **options)


def _ours(installation: Installation, count: int) -> Line:
    vendor = installation.vendor(LIMIT)
    installation.configure(
        OPSWAT_TIMEOUT=(1.0, 2.0),
        OPSWAT_MAX_DEVICES=50,
        ENGINE_RUN_SECONDS=2.0,
        ENGINE_GRACE_SECONDS=0.5,
        ENGINE_VERIFY_AFTER=0.5,
        ENGINE_URGENT_WAIT=0.1,
    )
    ids = setup.names("del-", count)
    setup.add_to_vendor(vendor, ids)
    setup.add_to_inventory(ids)
    installation.ticker()
    installation.configure(OPSWAT_MAX_DEVICES=1)
    workers = [installation.worker(), installation.worker()]
    setup.warm_up(vendor)
    faulty(vendor)
    action_request = setup.submit(ids, "delete", listed=True)
    _wait_with_kills(
        lambda: _decided(action_request), 140, installation, workers, installation.worker
    )
    clicks = _retries(action_request, installation, workers)
    reported = dict(
        DeviceCommand.objects.filter(target__in=ids).order_by("id").values_list("target", "status")
    )
    done = {name for name in ids if vendor.applied["delete", name]}
    wrong = sum((reported[name] in SUCCEEDED) != (name in done) for name in ids)
    twice, never = vendor_log.acted_twice(vendor.received), count - len(done)
    return Line(
        "this engine",
        f"twice {twice}, never {never}, misreported {wrong} ({_call_counts(vendor)}; retry was "
        f"pressed {clicks} times)",
        twice,
        "0 / 0",
        twice == never == wrong == 0,
    )


def _decided(action_request: ActionRequest) -> bool:
    """Return whether no command waits and no read-back is due."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return (
        setup.settled(action_request)
        and not rows.filter(status=CommandStatus.UNCONFIRMED, check_at__isnull=False).exists()
    )


def _retries(
    action_request: ActionRequest, installation: Installation, workers: list[Process]
) -> int:
    """Retry what was not done until nothing is left, as an operator does; return the count."""
    clicks = 0
    with suppress(Refused):
        while clicks < MAX_RETRIES:
            action_request = controls.retry(
                action_request, setup.operator(), statuses=UNDECIDED, reason="retry"
            ).requests[0]
            clicks += 1
            _wait_with_kills(
                partial(_decided, action_request), 60, installation, workers, installation.worker
            )
    return clicks


def _theirs(installation: Installation, who: str, count: int) -> Line:
    vendor = installation.vendor(LIMIT, token_counts=False)
    ids = setup.names("del-", count)
    setup.add_to_vendor(vendor, ids)
    alternative = Alternative(installation, vendor, LIMIT, "delete", retries=RETRIES)
    alternative.env["ALTERNATIVE_VISIBILITY"] = str(VISIBLE_AFTER)
    faulty(vendor)
    if who.startswith("Celery"):
        alternative.enqueue(ids)
        calls, window = LIMIT
        rate = f"{calls / window / 2:g}/s"

        def start() -> Process:
            return alternative.worker(rate=rate)

    else:
        turns = iter(range(10_000))

        def start() -> Process:
            half = next(turns) % 2
            todo = installation.folder / f"half{half}.txt"
            todo.write_text("\n".join(ids[half::2]))
            return alternative.script("ratelimiter", todo, todo.with_suffix(".done"))

    processes = [start(), start()]
    quiet = VISIBLE_AFTER + 4.0
    with suppress(TimeoutError):  # One that never ends is counted up to here.
        _wait_with_kills(lambda: _silent(vendor, quiet), 150, installation, processes, start)
    going = "" if _silent(vendor, quiet) else "; still calling after 150 s"
    done = {name for name in ids if vendor.applied["delete", name]}
    twice, never = vendor_log.acted_twice(vendor.received), count - len(done)
    return Line(who, f"twice {twice}, never {never} ({_call_counts(vendor)}{going})", twice)


def _silent(vendor: Simulator, seconds: float) -> bool:
    calls = vendor.received
    return bool(calls) and time.monotonic() - calls[-1].at > seconds


def _call_counts(vendor: Simulator) -> str:
    calls = [call for call in vendor.received if call.api == "action"]
    faults = sum(bool(call.fault) for call in calls)
    refused = sum(call.status == 429 for call in calls)
    return f"{len(calls)} calls, {faults} faulty, {refused} refused"


def _wait_with_kills(
    done: Callable[[], bool],
    seconds: float,
    installation: Installation,
    processes: list[Process],
    start: Callable[[], Process],
) -> None:
    """Wait until `done`; kill and replace a process every 8 s, three times at most."""
    begin = time.monotonic()
    kills = 0

    def killing() -> bool:
        nonlocal kills
        if kills < 3 and time.monotonic() > begin + 8.0 * (kills + 1):
            kills += 1
            replace(installation, processes, start)
        return done()

    until(killing, seconds, pause=0.1)
