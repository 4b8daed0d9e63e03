"""POST /o/api/v3/devices/status_changed: the devices changed or deleted recently.

Documented: the parameters, `age` up to a day, 406 for a larger page, 413 past the last page, and
some of the fields. The names of the two lists come from a client. Assumed: that a deletion is
listed by its ID, how both lists are paged, and that the latest change comes first.
"""

import time

from actions.simulator.account import Account
from actions.simulator.checks import Answer, Call, Json, Refusal, integer, json_object, page_limit
from actions.simulator.serializers import change_row

DAY = 86_400


def status_changed(account: Account, call: Call) -> Answer:
    """Return one page of both lists; raises Refusal with 400, 406 or 413."""
    body = json_object(call)
    age = integer(body.get("age", DAY), "age", 0, DAY)
    verbose = integer(body.get("verbose", 0), "verbose", 0, 1) == 1
    limit, page = page_limit(body, 20), integer(body.get("page", 1), "page", 1)
    with account.lock:
        changed, deleted = _since(account, time.time() - age, verbose)
    first, last = (page - 1) * limit, page * limit
    if account.assumptions.changes_paging == "together":
        rest = max(0, first - len(changed)), max(0, last - len(changed))
        found = changed[first:last], deleted[rest[0] : rest[1]]
    else:
        found = changed[first:last], deleted[first:last]
    if page > 1 and not any(found):
        raise Refusal(413, "page is beyond the last page")
    return Answer({"monitored_devices": found[0], "deleted_devices": found[1]})


def _since(account: Account, since: float, verbose: bool) -> tuple[list[Json], list[object]]:
    """Return the devices changed and deleted since that Unix time, the latest first."""
    now, assumed = time.time(), account.assumptions
    for device in account.devices.values():
        account.expire_exemption(device, now)
    changed = [device for device in account.devices.values() if device.changed_at >= since > 0]
    changed.sort(key=lambda device: device.changed_at, reverse=True)
    rows = [change_row(device, account.groups, assumed, verbose) for device in changed]
    deleted: list[object] = []
    for at, device_id, name in reversed(account.deleted):
        if at >= since and device_id not in account.devices:
            entry = {"device_id": device_id, "device_name": name}
            deleted.append(entry if assumed.deleted_entry == "object" else device_id)
    return rows, deleted
