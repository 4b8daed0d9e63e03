"""Index of all tables, so that Django finds them. Import a table from its own package."""

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.agent_logs.models import AgentLog
from actions.audit.models import AuditJob, AuditStream
from actions.budgets.models import PersonBudget
from actions.dispatch.models import DispatcherHeartbeat
from actions.inventory.models import (
    Device,
    DeviceAlias,
    DeviceGroup,
    DeviceMac,
    DeviceRefresh,
    DeviceSnapshot,
    InventorySync,
)
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.retention.models import RetentionCount, RetentionLease, StorageDay
from actions.selections.models import SelectedDevice, Selection, UploadedList
from actions.trail.models import AuditDevice, AuditEvent, AuditMark, Fingerprint, RefusalCount

__all__ = [
    "ActionRequest",
    "AgentLog",
    "AuditDevice",
    "AuditEvent",
    "AuditJob",
    "AuditMark",
    "AuditStream",
    "Device",
    "DeviceAlias",
    "DeviceCommand",
    "DeviceGroup",
    "DeviceMac",
    "DeviceRefresh",
    "DeviceSnapshot",
    "DispatcherHeartbeat",
    "Fingerprint",
    "InventorySync",
    "PersonBudget",
    "RefusalCount",
    "RetentionCount",
    "RetentionLease",
    "SelectedDevice",
    "Selection",
    "StorageDay",
    "UploadedList",
    "VendorAccount",
    "VendorCall",
]
