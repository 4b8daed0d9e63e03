"""Shared helpers of the tests of actions.opswat."""

import io
from collections.abc import Callable
from typing import Any

from actions.opswat.client import Slot, VendorClient, VendorConfig
from actions.opswat.payloads import ActionCall

TOKEN = "canary-token-0f3c+/=7b51"
SECRET = "canary-secret-9d2e&%4a60"
SLOT = Slot(call_id=1)
ACTION_CALL = ActionCall("unexempt", "ids", ("d1", "d2"))


def make_client(url: str, **changes: Any) -> VendorClient:
    values: dict[str, Any] = {"connect_timeout": 2.0, "read_timeout": 5.0}
    return VendorClient(VendorConfig(url, "client-id", SECRET, **(values | changes)))


METHODS: dict[str, Callable[[VendorClient], Any]] = {
    "fetch_token": lambda client: client.fetch_token(SLOT),
    "device_action": lambda client: client.device_action(SLOT, TOKEN, ACTION_CALL),
    "list_devices": lambda client: client.list_devices(SLOT, TOKEN, "page-2"),
    "device_details": lambda client: client.device_details(SLOT, TOKEN, ["d1"]),
    "list_groups": lambda client: client.list_groups(SLOT, TOKEN, 1),
    "status_changes": lambda client: client.status_changes(SLOT, TOKEN, 300, 1),
    "get_report": lambda client: client.get_report(SLOT, TOKEN, "c1", io.BytesIO()),
}
"""The calls of the client by method name."""
