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
from actions.inventory.names import name_key
from actions.roles import Role
from actions.simulator import Simulator
from dashboard.models import User
from tests.bench.installation import until


def operator() -> Actor:
    """Return an operator, who may submit every kind."""
    person, _ = User.objects.get_or_create(username="oscar", role=Role.OPERATOR)
    return Actor(name=person.username, role=Role.OPERATOR, source="page", user_id=person.pk)


def names(prefix: str, count: int) -> list[str]:
    """Return `count` device ids."""
    return [f"{prefix}{number:06}" for number in range(count)]


def add_to_vendor(vendor: Simulator, device_ids: Iterable[str]) -> None:
    """Add devices to the vendor but not to the inventory."""
    for device_id in device_ids:
        vendor.add_device(device_id=device_id)


def add_to_inventory(device_ids: list[str]) -> None:
    """Add devices to the inventory, with the fields that a request copies."""
    read_at = now()
    Device.objects.bulk_create(
        (
            Device(
                vendor_id=name,
                name=f"host-{name}",
                status="compliant",
                group_name="Default",
                mac=":".join(f"{place:012x}"[at : at + 2].upper() for at in range(0, 12, 2)),
                search_text=f"host-{name}",
                name_key=name_key(f"host-{name}"),
                read_at=read_at,
            )
            for place, name in enumerate(device_ids)
        ),
        batch_size=2000,
    )


def submit(
    device_ids: list[str], kind: str, *, listed: bool = False, **values: Any
) -> ActionRequest:
    """Check and store a request as a form does."""
    if kind == "exempt":
        values.setdefault("hours", "24")
    submission = new_submission(
        Given(
            kind=kind,
            version="v3.1",
            addressing="ids",
            targets=device_ids,
            reason="because a measurement says so",
            allow_unlisted=not listed,
            **values,
        )
    )
    return submit_action(submission, operator())


def settled(*action_requests: ActionRequest) -> bool:
    """Return whether no command of these requests is waiting."""
    rows = DeviceCommand.objects.filter(request__in=action_requests, status__in=list(WAITING))
    return not rows.exists()


def warm_up(vendor: Simulator) -> None:
    """Send one request, so that a token is stored and the workers run.

    Its two calls stay in the vendor's log and hold their slots for a window.
    """
    vendor.add_device(device_id="warm-up")
    action_request = submit(["warm-up"], "dhcprenew")
    until(lambda: settled(action_request), 60)
    time.sleep(0.2)
