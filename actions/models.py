"""Index of all tables, so that Django finds them. Import a table from its own package."""

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.agent_logs.models import AgentLog
from actions.audit.models import AuditJob, AuditShipment
from actions.dispatch.models import PumpHeartbeat
from actions.inventory.models import (
    Device,
    DeviceAlias,
    DeviceGroup,
    DeviceLook,
    DeviceMac,
    DeviceRaw,
    InventorySync,
)
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.selections.models import PickedList, SelectedDevice, Selection
from actions.trail.models import AuditDevice, AuditEvent

__all__ = [
    "ActionRequest",
    "AgentLog",
    "AuditDevice",
    "AuditEvent",
    "AuditJob",
    "AuditShipment",
    "Device",
    "DeviceAlias",
    "DeviceCommand",
    "DeviceGroup",
    "DeviceLook",
    "DeviceMac",
    "DeviceRaw",
    "InventorySync",
    "PickedList",
    "PumpHeartbeat",
    "SelectedDevice",
    "Selection",
    "VendorAccount",
    "VendorCall",
]
