"""Create users, devices and requests for tests, through the services of the console."""

from dataclasses import replace
from typing import Any

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submissions import Given, Submission, new_submission
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.agent_logs.expect import expect_logs
from actions.agent_logs.models import AgentLog
from actions.catalog import KINDS
from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.opswat.payloads import DeviceRecord
from actions.roles import Role
from actions.simulator import Simulator
from dashboard.models import User

PASSWORD = "correct horse battery"


def make_person(name: str, role: str) -> User:
    person = User(username=name, role=role)
    person.set_password(PASSWORD)
    person.save()
    return person


def actor_for(person: User) -> Actor:
    return Actor(name=person.username, role=Role(person.role), source="page", user_id=person.pk)


def make_record(vendor_id: str, **fields: Any) -> DeviceRecord:
    blank: dict[str, Any] = {
        name: "" for name in DeviceRecord.__dataclass_fields__ if name != "vendor_id"
    }
    blank |= {"name": vendor_id, "status": "compliant", "macs": ()}
    blank |= dict.fromkeys(("enrolled_at", "last_seen", "last_reboot", "reported", "raw"))
    return DeviceRecord(vendor_id=vendor_id, **(blank | fields))


def know_devices(*vendor_ids: str, **fields: Any) -> list[Device]:
    """Store devices in the inventory, whether the vendor has them or not."""
    store_records([make_record(vendor_id, **fields) for vendor_id in vendor_ids])
    return list(Device.objects.filter(vendor_id__in=vendor_ids).order_by("vendor_id"))


def enrol(vendor: Simulator, *vendor_ids: str, **fields: Any) -> list[Device]:
    """Add devices to the vendor and to the inventory."""
    for vendor_id in vendor_ids:
        vendor.add_device(device_id=vendor_id, **fields)
    return know_devices(*vendor_ids)


def make_submission(*targets: str, kind: str = "unexempt", **fields: Any) -> Submission:
    fields.setdefault("reason", "because a test says so")
    if kind == "exempt":
        fields.setdefault("hours", "24")
    fields.setdefault("addressing", "ids")
    times = {name: fields.pop(name, None) for name in ("start_at", "give_up_at")}
    checked = new_submission(Given(kind=kind, version="v3.1", targets=list(targets), **fields))
    return replace(checked, **times)


def make_request(
    actor: Actor, *targets: str, kind: str = "unexempt", **fields: Any
) -> ActionRequest:
    assert kind in KINDS
    return submit_action(make_submission(*targets, kind=kind, **fields), actor)


def accept_fetches(action_request: ActionRequest) -> list[AgentLog]:
    """Mark all commands of a request accepted, with command IDs, and return its agent logs."""
    rows = DeviceCommand.objects.filter(request=action_request)
    rows.move(CommandStatus.QUEUED, CommandStatus.SENDING)
    rows.move(CommandStatus.SENDING, CommandStatus.ACCEPTED)
    for row in rows:
        rows.filter(pk=row.pk).update(command_id=f"command-{row.pk}")
    expect_logs(rows.select_related("request"))
    return list(AgentLog.objects.filter(request=action_request).order_by("id"))


def statuses(action_request: ActionRequest) -> dict[str, CommandStatus]:
    """Return the status of each target."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return {
        target: CommandStatus(status) for target, status in rows.values_list("target", "status")
    }
