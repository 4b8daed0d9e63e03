"""What goes to the vendor and what comes back, as plain values.

The rest of the engine imports from here; the parts live in orders, receipts, devices, reports,
rates and macs.
"""

from actions.macs import normalise_mac
from actions.opswat.action_calls import ActionOrder
from actions.opswat.action_results import Receipt, ReceiptBook, read_receipts
from actions.opswat.agent_logs import ReportReply
from actions.opswat.devices import (
    ChangePage,
    DevicePage,
    DeviceRecord,
    GroupRecord,
    read_changes,
    read_device_list,
    read_device_page,
    read_groups,
)
from actions.opswat.rate_headers import RateWord, read_rate

__all__ = [
    "ActionOrder",
    "ChangePage",
    "DevicePage",
    "DeviceRecord",
    "GroupRecord",
    "RateWord",
    "Receipt",
    "ReceiptBook",
    "ReportReply",
    "normalise_mac",
    "read_changes",
    "read_device_list",
    "read_device_page",
    "read_groups",
    "read_rate",
    "read_receipts",
]
