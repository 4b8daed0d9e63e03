"""How long a job takes, against the shortest time that the vendor's limit allows."""

import time
from functools import partial

import time_machine

from tests.bench import setup, vendor_log
from tests.bench.installation import Installation, until
from tests.bench.result import Line, spread
from tests.bench.virtual import START, World, unsynced_database

SEED = 2
MAX_RATIO = 1.04


def virtual(*, quick: bool) -> list[Line]:
    """From the first to the last call of one job ÷ the time that so many calls take at the limit.

    In virtual time: the real claims and settling on SQLite, calls of 50 devices, each under way
    and answered with random delays (0.15 to 0.9 s). The limit's own time is calls * 60 s / 10;
    the call for the token counts. If all ten slots of the first minute were taken at once, a
    job would end up to 50 s earlier, and an urgent request would then wait for a minute: that
    shortest time is shown as well. The read-back of what was accepted costs calls too: it has
    the lowest priority but is never starved; with it the job's own calls are compared with the
    limit's time for those calls alone. Seed 2.
    """
    jobs = [(1_000, 0.0), (5_000, 0.0), (5_000, 60.0)] + ([] if quick else [(100_000, 0.0)])
    return [_virtual_job(devices, confirm) for devices, confirm in jobs]


def _virtual_job(devices: int, confirm_after: float) -> Line:
    with Installation() as installation, unsynced_database():
        installation.configure(ENGINE_VERIFY_AFTER=confirm_after)
        _empty_database()
        world = World(SEED)
        with time_machine.travel(START, tick=False):
            setup.submit(setup.names(f"m{devices}-", devices), "exempt")
        world.wake(0.0)
        world.run()
    jobs = [call for call in world.arrivals if call.api in ("action", "token")]
    span = jobs[-1].at - world.arrivals[0].at
    ratio = span / _at_the_limit(len(jobs), *world.limit)
    burst = vendor_log.least_seconds(len(jobs), *world.limit)
    refused = sum(not call.allowed for call in world.arrivals)
    how = "read-back on" if confirm_after else "read-back off"
    return Line(
        f"{devices:,} devices, {how}",
        f"{ratio:.3f} ({len(jobs)} calls in {span / 60:.1f} min; all at once where possible "
        f"{burst / 60:.1f} min; {refused} refused)",
        ratio,
        "" if confirm_after else f"≤ {MAX_RATIO}",
        None if confirm_after else ratio <= MAX_RATIO and not refused,
    )


def _at_the_limit(calls: int, limit: int, window: float) -> float:
    return calls * window / limit


def _empty_database() -> None:
    """Empty the database, so that each job starts with all slots free."""
    from django.db import connection

    from actions.action_requests.models import ActionRequest, DeviceCommand
    from actions.inventory.models import Device
    from actions.ratelimit.models import VendorAccount, VendorCall
    from actions.trail import guards
    from actions.trail.models import AuditDevice, AuditEvent

    DeviceCommand.objects.all().delete()
    for call in (VendorCall.action_requests.through, VendorCall, ActionRequest):
        call.objects.all().delete()
    with guards.triggers_suspended(connection):
        AuditDevice.objects.all().delete()
        AuditEvent.objects.all().delete()
    Device.objects.all().delete()
    VendorAccount.objects.all().delete()


def real(*, quick: bool) -> list[Line]:
    """1,000 devices (20 calls) with a real worker, Redis, ticker and vendor.

    Time runs twenty times faster: the limit is 10 calls in 3 s instead of 60 s. From the first
    to the last arrival at the vendor ÷ the time that so many calls take at the limit; median of
    five runs (three when quick), each after a pause in which all slots free. What does not scale
    counts in full: the vendor's 5-30 ms and the wake-up of workers.
    """
    limit, runs = (10, 3.0), 3 if quick else 5
    ratios = []
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(limit)
        installation.configure(ENGINE_VERIFY_AFTER=0, ENGINE_URGENT_WAIT=0.5, ENGINE_RUN_SECONDS=10)
        vendor.fault("slow", times=None, api=None, seconds=0.005, jitter=0.025)
        installation.worker()
        installation.ticker()
        setup.warm_up(vendor)
        for run in range(runs):
            time.sleep(limit[1] + 1)
            seen = len(vendor.received)
            ids = setup.names(f"r{run}-", 1_000)
            setup.add_to_vendor(vendor, ids)
            until(partial(setup.settled, setup.submit(ids, "exempt")), 60)
            times = [call.at for call in vendor.received[seen:]]
            ratios.append((times[-1] - times[0]) / _at_the_limit(len(times), *limit))
        refused = vendor_log.refused(vendor)
    ratio = spread(ratios)
    text = f"{ratio.median:.3f} (worst {ratio.longest:.3f} of {runs} runs; {refused} refused)"
    return [Line("1,000 devices, time ÷ 20", text, ratio.median)]
