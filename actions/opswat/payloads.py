"""The values that go to the vendor and come back.

Other packages import from here; the parts live in action_calls, action_results, devices,
agent_logs and rate_headers.
"""

from actions.macs import normalise_mac
from actions.opswat.action_calls import ActionCall
from actions.opswat.action_results import ActionResult, DeviceResult, parse_results
from actions.opswat.agent_logs import ReportReply
from actions.opswat.devices import (
    ChangePage,
    DevicePage,
    DeviceRecord,
    GroupPage,
    GroupRecord,
    read_changes,
    read_device_list,
    read_device_page,
    read_groups,
)
from actions.opswat.rate_headers import RateLimitStatus, read_rate

__all__ = [
    "ActionCall",
    "ActionResult",
    "ChangePage",
    "DevicePage",
    "DeviceRecord",
    "DeviceResult",
    "GroupPage",
    "GroupRecord",
    "RateLimitStatus",
    "ReportReply",
    "normalise_mac",
    "parse_results",
    "read_changes",
    "read_device_list",
    "read_device_page",
    "read_groups",
    "read_rate",
]
