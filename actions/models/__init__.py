"""The rows: the truth of the engine."""

from actions.models.action_request import ActionRequest
from actions.models.audit_event import AuditEvent
from actions.models.device import Device, DeviceGroup, DeviceMac
from actions.models.device_command import DeviceCommand
from actions.models.inventory_sync import InventorySync
from actions.models.vendor_account import PumpHeartbeat, VendorAccount
from actions.models.vendor_call import VendorCall

__all__ = [
    "ActionRequest",
    "AuditEvent",
    "Device",
    "DeviceCommand",
    "DeviceGroup",
    "DeviceMac",
    "InventorySync",
    "PumpHeartbeat",
    "VendorAccount",
    "VendorCall",
]
