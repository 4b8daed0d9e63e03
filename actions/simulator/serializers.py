"""The JSON rows of the read APIs.

The field names in `_documented` come from the vendor's Get Devices 3.7 page, which is incomplete;
the others are those that real clients of earlier versions read (U11).
"""

from datetime import UTC, datetime

from actions.simulator.assumptions import Assumptions
from actions.simulator.fleet import SimDevice, SimGroup
from actions.simulator.names import SITE_BY_CODE, SITES

Row = dict[str, object]
ISSUE_KEYS = {
    "long": ("total_issue", "total_critical_issue", "total_warning_issue"),
    "short": ("total_issue", "total_critical", "total_warning"),
    "plural": ("total_issues", "total_critical_issues", "total_warning_issues"),
}
OS_VENDORS = {
    "windows": "Microsoft Corporation",
    "mac": "Apple Inc.",
    "ios": "Apple Inc.",
    "android": "Google LLC",
}


def timestamp(seconds: float) -> str:
    """Format Unix time as in the vendor's examples: RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def list_row(device: SimDevice, groups: dict[str, SimGroup], assumptions: Assumptions) -> Row:
    """Return one entry of `devices` in POST /o/api/v3.7/devices."""
    row = _documented(device)
    row["nickname"] = device.nickname
    if assumptions.list_fields == "full":
        row |= _seen_by_clients(device, groups)
        row["issue"] = _issue(device, assumptions.issue_in_list)
        row["os_info"] = _os_info(device)
        row["network_info"] = _network_info(device)
    if assumptions.agent_type_in_list:
        row["agent_type"] = device.agent_type
    return row


def detail_row(
    device: SimDevice, groups: dict[str, SimGroup], assumptions: Assumptions, system_info: bool
) -> Row:
    """Return one device of POST /o/api/v3.8/devices/detail, where clients read nick_name."""
    row = _documented(device) | _seen_by_clients(device, groups)
    row["nick_name"] = device.nickname
    row["linked_id"] = ""
    row["status_detail"] = ""
    row["agent_type"] = device.agent_type
    row["oesis_version"] = "4.3.4521.0" if device.agent_version else ""
    row["issue"] = _issue(device, assumptions.issue_in_detail)
    row["country"] = SITE_BY_CODE.get(device.site, SITES[0]).country
    if assumptions.detail_spelling == "hyphen":
        row["status"] = device.status.replace("_", "-")
    if system_info:
        row["os_info"] = _os_info(device)
        row["network_info"] = _network_info(device)
    return row


def change_row(
    device: SimDevice, groups: dict[str, SimGroup], assumptions: Assumptions, verbose: bool
) -> Row:
    """Return one device of POST /o/api/v3/devices/status_changed.

    Documented: `status_detail` is an object (what it holds is not: *assumed* empty), and `verbose`
    is about issue details only.
    """
    group = groups.get(device.group_id)
    row: Row = {"device_id": device.device_id, "status": device.status, "status_detail": {}}
    row["severity"] = device.severity
    row["device_name"] = device.device_name
    row["group_name"] = group.name if group else ""
    row["last_seen"] = timestamp(device.last_seen)
    if verbose:
        row["issue"] = _issue(device, "plural")
    if assumptions.detail_spelling == "hyphen":
        row["status"] = device.status.replace("_", "-")
    return row


def group_row(group: SimGroup, number_of_devices: int) -> Row:
    """Return one group of POST /o/api/v3/groups."""
    return {
        "group_id": group.group_id,
        "group_name": group.name,
        "domain_name": group.domain_name,
        "auto_join": False,
        "policy_id": group.policy_id,
        "policy_name": group.policy_name,
        "number_of_devices": number_of_devices,
        "description": group.description,
    }


def _documented(device: SimDevice) -> Row:
    return {
        "device_id": device.device_id,
        "severity": device.severity,
        "enrolled_at": timestamp(device.enrolled_at),
        "status": device.status,
        "device_name": device.device_name,
        "host_name": device.host_name,
        "public_ip": device.public_ip,
        "device_type": device.device_type,
        "last_seen": timestamp(device.last_seen),
        "last_reboot": timestamp(device.last_reboot),
    }


def _seen_by_clients(device: SimDevice, groups: dict[str, SimGroup]) -> Row:
    group = groups.get(device.group_id)
    site = SITE_BY_CODE.get(device.site, SITES[0])
    return {
        "agent_version": device.agent_version,
        "group_name": group.name if group else "",
        "remediation_link": f"https://gears.opswat.com/r/{device.device_id[:12]}",
        "cves": {"total": device.critical_issues * 3},
        "geo_info": {
            "country": site.country_code,
            "country_code": site.country_code,
            "country_name": site.country,
            "city": site.city,
            "region_name": site.region,
            "region_code": site.region_code,
        },
        "user_info": {"username": device.user_name, "domain": device.domain},
        "link_user": {"username": "", "group": ""},
    }


def _issue(device: SimDevice, spelling: str) -> Row:
    counts = (device.critical_issues, device.warning_issues)
    return dict(zip(ISSUE_KEYS[spelling], (sum(counts), *counts), strict=True))


def _os_info(device: SimDevice) -> Row:
    return {
        "family": device.os_family,
        "name": device.os_name,
        "version": device.os_version,
        "vendor": OS_VENDORS.get(device.os_family, ""),
        "type": "server" if device.device_type == "server" else "workstation",
        "architecture": "64-bit",
        "service_pack_version": "",
        "os_language": "English",
        "user_password_set": True,
    }


def _network_info(device: SimDevice) -> list[Row]:
    """Return a row for each adapter; only the first has an address, the others have N/A."""
    rows: list[Row] = []
    for index, mac in enumerate(device.macs):
        up = index == 0
        rows.append(
            {
                "mac": mac,
                "ipv4": device.ipv4 if up else "N/A",
                "ipv6": "N/A",
                "description": "Ethernet" if up else "Wireless",
                "subnet_mask": "255.255.255.0" if up else "N/A",
                "default_gateway": device.ipv4.rpartition(".")[0] + ".254" if up else "N/A",
                "dns_addresses": "10.0.0.53" if up else "N/A",
                "dhcp_enabled": True,
                "dhcp_server": "10.0.0.67" if up else "N/A",
                "media_state": "connected" if up else "disconnected",
                "adapter_enabled": True,
            }
        )
    return rows
