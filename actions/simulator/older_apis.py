"""The paged device lists of older versions, which other public clients use.

Documented: POST with `page` and `limit`, a missing limit means one device (v3.0), 406 for a limit
over 50, 413 past the last page. From two clients: the answer is a bare array. Filters are refused,
because they are not simulated.
"""

import time

from actions.simulator.account import Account
from actions.simulator.checks import (
    Answer,
    Call,
    Refusal,
    integer,
    json_object,
    page_limit,
    strings,
)
from actions.simulator.serializers import list_row


def list_devices_by_page(account: Account, call: Call) -> Answer:
    """POST /o/api/{v3.2,v3.3}/devices: one page of all devices, oldest enrollment first."""
    body = json_object(call)
    limit, page = page_limit(body, 1), integer(body.get("page", 1), "page", 1)
    if body.get("filter"):
        raise Refusal(400, "filter is not simulated")
    with account.lock:
        now, ordered = time.time(), account.enrollment_order()
        found = [account.devices[key] for _, key in ordered[(page - 1) * limit : page * limit]]
        for device in found:
            account.expire_exemption(device, now)
        rows = [list_row(device, account.groups, account.assumptions) for device in found]
    if not rows and page > 1:
        raise Refusal(413, "page is beyond the last page")
    return Answer(rows)


def device_information(account: Account, call: Call) -> Answer:
    """POST /o/api/v3/device_info: the documented fields; unknown ids are omitted (*assumed*)."""
    body = json_object(call)
    integer(body.get("opt", 0), "opt", 0, 1)
    rows = []
    with account.lock:
        for name in dict.fromkeys(strings(body.get("ids"), "ids")):
            device = account.devices.get(name) or account.device_by_mac(name)
            if device is not None:
                account.expire_exemption(device, time.time())
                row = {"device_id": device.device_id, "status": device.status}
                rows.append(row | {"severity": device.severity, "device_name": device.device_name})
    return Answer([row | {"categories": []} for row in rows])
