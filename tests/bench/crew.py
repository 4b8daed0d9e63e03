"""People, devices and requests to measure with, made through the engine's own services."""

import time
from collections.abc import Iterable
from typing import Any

from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import WAITING
from actions.action_requests.submissions import Given, new_submission
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.inventory.models import Device
from actions.roles import Role
from actions.simulator import Simulator
from dashboard.models import User
from tests.bench.stage import until


def operator() -> Actor:
    """A person who may send everything."""
    person, _ = User.objects.get_or_create(username="oscar", role=Role.OPERATOR)
    return Actor(name=person.username, role=Role.OPERATOR, source="page", user_id=person.pk)


def names(prefix: str, count: int) -> list[str]:
    """So many device ids."""
    return [f"{prefix}{number:06}" for number in range(count)]


def enrol(vendor: Simulator, device_ids: Iterable[str]) -> None:
    """Devices that the vendor has and the inventory has not."""
    for device_id in device_ids:
        vendor.add_device(device_id=device_id)


def know(device_ids: list[str]) -> None:
    """Devices in the inventory, with the fields that a request copies."""
    moment = now()
    Device.objects.bulk_create(
        (
            Device(
                vendor_id=name,
                name=f"host-{name}",
                status="compliant",
                group_name="Default",
                mac=":".join(f"{place:012x}"[at : at + 2].upper() for at in range(0, 12, 2)),
                search_text=f"host-{name}",
                read_at=moment,
            )
            for place, name in enumerate(device_ids)
        ),
        batch_size=2000,
    )


def submit(
    device_ids: list[str], kind: str, *, listed: bool = False, **action_requests: Any
) -> ActionRequest:
    """Check and store a request as a form does."""
    if kind == "exempt":
        action_requests.setdefault("hours", "24")
    submission = new_submission(
        Given(
            kind=kind,
            version="v3.1",
            addressing="ids",
            targets=device_ids,
            reason="because a measurement says so",
            allow_unlisted=not listed,
            **action_requests,
        )
    )
    return submit_action(submission, operator())


def settled(*action_requests: ActionRequest) -> bool:
    """Whether nothing of these requests waits any more."""
    rows = DeviceCommand.objects.filter(request__in=action_requests, status__in=list(WAITING))
    return not rows.exists()


def warm_up(vendor: Simulator) -> None:
    """Have a token fetched and one good answer given, and the slots of both free again.

    After that the vendor's log and what it has applied are empty.
    """
    vendor.add_device(device_id="warm-up")
    action_request = submit(["warm-up"], "dhcprenew")
    until(lambda: settled(action_request), 60)
    time.sleep(0.2)
