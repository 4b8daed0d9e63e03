"""Reads addresses from a device's network adapters (`network_info[]`), where "N/A" is common."""

import ipaddress
import re

from actions.macs import normalise_mac
from actions.opswat.sanitize import MAX_TEXT, read_text

_MAX_ADAPTERS = 64
_NO_MAC = frozenset({"00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF"})


def read_ip(value: object) -> str:
    """Return an IP address in its usual spelling; other text, such as <private>, as it is."""
    text = read_text(value)
    try:
        return str(ipaddress.ip_address(text))[:MAX_TEXT]
    except ValueError:
        return "" if text.upper() in ("N/A", "NA", "-") else text


def first_ip(adapters: object) -> str:
    """Return the first usable IPv4 address, or "".

    Loopback, link-local and unspecified addresses do not locate a device.
    """
    for adapter in _adapters(adapters):
        for part in _split(adapter.get("ipv4")):
            try:
                address = ipaddress.IPv4Address(part)
            except ValueError:
                continue
            if not (address.is_unspecified or address.is_loopback or address.is_link_local):
                return str(address)
    return ""


def read_macs(adapters: object) -> tuple[str, ...]:
    """Return the adapters' MAC addresses, normalized, each once, in the vendor's order."""
    found = (normalise_mac(read_text(adapter.get("mac"))) for adapter in _adapters(adapters))
    return tuple(dict.fromkeys(mac for mac in found if mac and mac not in _NO_MAC))


def _adapters(value: object) -> list[dict[str, object]]:
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows[:_MAX_ADAPTERS] if isinstance(row, dict)]


def _split(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [
        part for item in values[:_MAX_ADAPTERS] for part in re.split(r"[,;\s]+", read_text(item))
    ]
