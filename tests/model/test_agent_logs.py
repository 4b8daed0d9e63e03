"""Five hundred log fetches at once, in virtual time, with bulk and urgent requests."""

from random import Random

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus
from actions.ratelimit.states import Lane
from tests.factories import make_request
from tests.model.facts import check_all
from tests.model.test_long_run import know_fleet
from tests.model.vendor import WINDOW, ModelVendor
from tests.model.world import World

LOGS, BULK = 500, 1_010


def test_five_hundred_log_fetches_do_not_delay_urgent_requests(
    operator, helpdesk, virtual_time, settings
):
    chance = Random(5)
    names = [f"d{number:04}" for number in range(LOGS + BULK + 10)]
    vendor = ModelVendor(chance, names)
    vendor.log_ready = 0.5
    world = World(virtual_time, vendor, chance)
    know_fleet(vendor)
    world.sweep_repeatedly()
    make_request(operator, *names[:LOGS], kind="fetch_agent_log")
    world.run(200)
    assert AgentLog.objects.filter(open=True).count() > LOGS * 0.9
    settings.OPSWAT_MAX_DEVICES = 25
    make_request(operator, *names[LOGS : LOGS + BULK], kind="unexempt")
    waits: list[float] = []
    sent: list[float] = []
    bounds: list[float] = []
    for number in range(6):
        world.run(chance.uniform(10, 40))
        asked_at = virtual_time.elapsed
        # The k-th urgent call of a window waits at most k times ENGINE_URGENT_WAIT.
        place = 1 + sum(at > asked_at - WINDOW for at in sent)
        bounds.append(place * settings.ENGINE_URGENT_WAIT + 0.5)
        action_request = make_request(helpdesk, names[LOGS + BULK + number], kind="dhcprenew")
        row = DeviceCommand.objects.filter(request=action_request, call__isnull=False)
        assert row.count() == 0
        world.run(120, until=row.exists)
        sent.append(virtual_time.elapsed)
        waits.append(virtual_time.elapsed - asked_at)

    # The bounds include the check for free slots every fifth of a second.
    assert all(wait <= bound for wait, bound in zip(waits, bounds, strict=True)), (waits, bounds)
    lanes = {lane for _, lane, api in world.sends if api != "token"}
    assert {Lane.URGENT, Lane.BULK, Lane.REPORTS} <= lanes
    assert DeviceCommand.objects.filter(lane=Lane.BULK, status=CommandStatus.QUEUED).exists()
    assert AgentLog.objects.filter(status=LogStatus.READY).count() > 10
    check_all(world)
