"""The table of paths, and one function for each of the vendor's other APIs.

Checks of a call, in this order: path 404, method 405, token 401, media type 415, values 400.
"""

import base64
import binascii
import hmac
import json
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from actions.simulator.account import Account, Command
from actions.simulator.action_api import device_action
from actions.simulator.agent_log import build_report, report_name
from actions.simulator.checks import (
    Answer,
    Call,
    Json,
    Refusal,
    integer,
    json_object,
    media_type,
    page_limit,
    string,
    strings,
)
from actions.simulator.older_apis import device_information, list_devices_by_page
from actions.simulator.serializers import detail_row, group_row, list_row
from actions.simulator.status_changes import status_changed

GROUP_SORTS: dict[str, str] = {
    "group_name": "group_name",
    "domain_name": "domain_name",
    "policy_name": "policy_name",
    "number_of_devices": "number_of_devices",
    "last_update": "group_id",  # Groups never change here, so any order is valid.
}
REPORT_KINDS = {
    "agent_log": "fetch_agent_log",
    "scan_threats_log": "scan_threats",
    "scan_threat_log": "scan_threats",  # The documentation has both spellings.
}
CSV_REPORTS = frozenset({"os_patch_summary", "device_missing_os_patch", "missing_os_patch"})


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a path; `api` is its name in the log and in faults."""

    api: str
    methods: frozenset[str]
    handle: Callable[[Account, Call], Answer]
    version: tuple[int, int] = (3, 0)


def issue_token(account: Account, call: Call) -> Answer:
    """POST (form) or GET /o/oauth/token: the client_credentials grant."""
    form = call.query
    if call.method == "POST":
        if media_type(call.content_type) != "application/x-www-form-urlencoded":
            raise Refusal(415, "the content type must be application/x-www-form-urlencoded")
        form = dict(parse_qsl((call.raw or b"").decode("utf-8", "replace")))
    given = f"{form.get('client_id')}\n{form.get('client_secret')}".encode()
    expected = f"{account.client_id}\n{account.client_secret}".encode()
    # The shape of an OAuth error is assumed (U6): the documentation is incomplete there.
    if not hmac.compare_digest(given, expected):
        payload = {"error": "invalid_client", "error_description": "Bad client credentials"}
        raise Refusal(401, "Bad client credentials", payload)
    if form.get("grant_type") != "client_credentials":
        payload = {"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}
        raise Refusal(400, "Unsupported grant type", payload)
    token, seconds = account.issue_token()
    reply: Json = {"access_token": token, "expires_in": seconds}
    if account.assumptions.grant_reply == "full":
        reply |= {"token_type": "bearer", "scope": "read"}
    return Answer(reply)


def list_devices(account: Account, call: Call) -> Answer:
    """POST /o/api/v3.7/devices: pages by cursor over all devices, by enrollment time."""
    body = json_object(call)
    limit = page_limit(body, 20, account.assumptions.big_page)
    sent = string(body["token"], "token") if "token" in body else None
    with account.lock:
        now, ordered = time.time(), account.enrollment_order()
        start = bisect_right(ordered, _position(sent)) if sent else 0
        keys = ordered[start : start + limit]
        rows = []
        for _, device_id in keys:
            device = account.devices.get(device_id)
            if device is not None:
                account.expire_exemption(device, now)
                rows.append(list_row(device, account.groups, account.assumptions))
    cursor = _cursor(keys[-1]) if keys else sent
    at_end = start + limit >= len(ordered)
    return Answer(_device_page(rows, cursor, sent, at_end, account.assumptions.end_mark))


def _device_page(
    rows: list[Json], cursor: str | None, sent: str | None, at_end: bool, mark: str
) -> Json:
    """Build a page with `next_token`, or with the assumed end mark (U11)."""
    page: Json = {"devices": rows}
    if not at_end:
        page["next_token"] = cursor
    elif mark == "repeated":
        page["next_token"] = sent or cursor
    elif mark == "empty_page":
        page["next_token"] = cursor
    elif mark != "missing":
        page["next_token"] = None if mark == "null" else ""
    return page


def _cursor(key: tuple[float, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _position(token: str) -> tuple[float, str]:
    try:
        enrolled_at, device_id = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(enrolled_at), str(device_id)
    except (ValueError, TypeError, binascii.Error) as problem:
        raise Refusal(400, "token is invalid") from problem


def device_details(account: Account, call: Call) -> Answer:
    """POST /o/api/v3.8/devices/detail: up to 50 devices; unknown ones are omitted (assumed)."""
    body = json_object(call)
    linked = integer(body.get("opt", 0), "opt", 0, 1) == 1
    ids = strings(body.get("ids"), "ids")
    if len(ids) > 50:
        raise Refusal(400, "more than 50 ids")
    verbose = body.get("verbose", {})
    if not isinstance(verbose, dict):
        raise Refusal(400, "verbose must be an object")
    included = {name: integer(value, name, 0, 1) for name, value in verbose.items()}
    rows = []
    with account.lock:
        now = time.time()
        for name in () if linked else dict.fromkeys(ids):
            device = account.devices.get(name) or account.device_by_mac(name)
            if device is not None:
                account.expire_exemption(device, now)
                assumed, info = account.assumptions, included.get("system_info", 1) == 1
                rows.append(detail_row(device, account.groups, assumed, info))
    return Answer({"devices": rows} if account.assumptions.detail_shape == "object" else rows)


def list_groups(account: Account, call: Call) -> Answer:
    """POST /o/api/v3/groups: pages of groups; a page past the last is a 413."""
    body = json_object(call)
    limit, page = page_limit(body, 10), integer(body.get("page", 1), "page", 1)
    search, sort = body.get("search", ""), body.get("sort", {})
    if not isinstance(search, str) or not isinstance(sort, dict):
        raise Refusal(400, "search must be a string and sort an object")
    field = GROUP_SORTS.get(str(sort.get("field", "group_name")))
    direction = sort.get("order", "asc")
    if field is None or direction not in {"asc", "desc"}:
        raise Refusal(400, "sort is invalid")
    with account.lock:
        sizes = Counter(device.group_id for device in account.devices.values())
        rows = [group_row(group, sizes[key]) for key, group in account.groups.items()]
    needle = search.casefold()
    rows = [r for r in rows if needle in f"{r['group_name']}\n{r['policy_name']}".casefold()]
    if field == "number_of_devices":
        rows.sort(key=lambda row: int(str(row["number_of_devices"])), reverse=direction == "desc")
    else:
        rows.sort(key=lambda row: str(row[field]).casefold(), reverse=direction == "desc")
    found = rows[(page - 1) * limit : page * limit]
    if not found and page > 1:
        raise Refusal(413, "page is beyond the last page")
    return Answer(found)


def get_report(account: Account, call: Call) -> Answer:
    """GET /o/api/{v3,v3.1}/get_reports: the file of a command_id, once the agent has sent it."""
    report_type = call.query.get("type", "")
    if report_type in CSV_REPORTS:
        raise Refusal(404, "the patch reports are not simulated")
    kind = REPORT_KINDS.get(report_type)
    if kind is None or (kind == "scan_threats" and call.version < (3, 1)):
        raise Refusal(400, "type is invalid")
    command_id = call.query.get("command_id", "")
    if not command_id:
        raise Refusal(400, "command_id is required")
    command = account.commands.get(command_id)
    now = time.monotonic()
    if command is None or command.kind != kind or _is_expired(account, command, now):
        raise Refusal(404, "command_id is unknown", {"status": -1, "message": "Not found"})
    if now < command.ready_at:
        # Code, status and message before the log is ready are assumed (U4).
        waiting = {"status": 0, "message": "The report is not ready yet"}
        code = int(account.assumptions.log_not_ready)
        return Answer(waiting, code=code)
    requested_at = time.time() - (now - command.requested_at)
    packed = build_report(command, requested_at, account.assumptions.report_megabytes)
    headers = {"Content-Disposition": f'attachment; filename="{report_name(command)}"'}
    return Answer(packed, "application/zip", headers)


def _is_expired(account: Account, command: Command, now: float) -> bool:
    lifetime = account.assumptions.command_lifetime
    return lifetime is not None and now - command.requested_at > lifetime


_POST, _GET = frozenset({"POST"}), frozenset({"GET"})
ROUTES: dict[str, Route] = {
    "/o/oauth/token": Route("token", _POST | _GET, issue_token),
    "/o/api/v3.7/devices": Route("devices", _POST, list_devices, (3, 7)),
    "/o/api/v3.8/devices/detail": Route("detail", _POST, device_details, (3, 8)),
    "/o/api/v3/groups": Route("groups", _POST, list_groups),
    "/o/api/v3/devices/status_changed": Route("changes", _POST, status_changed),
}
# Paths of other public clients; only those whose form is known.
for _minor in (2, 3):
    _list = Route("devices", _POST, list_devices_by_page, (3, _minor))
    ROUTES[f"/o/api/v3.{_minor}/devices"] = _list
for _minor in (3, 4):
    _detail = Route("detail", _POST, device_details, (3, _minor))
    ROUTES[f"/o/api/v3.{_minor}/devices/detail"] = _detail
ROUTES["/o/api/v3/device_info"] = Route("detail", _POST, device_information)
for _minor in (0, 1, 2, 3):
    _name = f"v3.{_minor}" if _minor else "v3"  # The vendor writes v3, not v3.0.
    ROUTES[f"/o/api/{_name}/devices/action"] = Route("action", _POST, device_action, (3, _minor))
for _minor in (0, 1):
    _name = f"v3.{_minor}" if _minor else "v3"
    ROUTES[f"/o/api/{_name}/get_reports"] = Route("reports", _GET, get_report, (3, _minor))
