"""The address of a client: from the connection, or from a proxy that is configured.

The trail, the sign-in guard and the logs all use this one function.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings

UNKNOWN = "unknown"


def is_proxy(peer: str) -> bool:
    """Return whether the connection comes from a configured proxy.

    A connection without an address comes by a Unix socket, which only a local proxy can open.
    """
    if not settings.BEHIND_PROXY:
        return False
    if not peer:
        return True
    found = _parsed(peer)
    return found != UNKNOWN and any(ip_address(found) in each for each in settings.PROXY_NETWORKS)


def client_address(peer: str, forwarded_for: str = "") -> str:
    """Return the client's address, or "unknown".

    `forwarded_for` is believed only if a configured proxy sent it. Each proxy appends one entry, so
    that the entries before those of our BEHIND_PROXY proxies are the client's own words.
    """
    if not is_proxy(peer):
        return _parsed(peer)
    entries = [each.strip() for each in forwarded_for.split(",") if each.strip()]
    if len(entries) < settings.BEHIND_PROXY:
        return UNKNOWN
    return _parsed(entries[-settings.BEHIND_PROXY])


def believe_proxies(meta: dict[str, Any]) -> None:
    """Set REMOTE_ADDR to the client's address, and drop what no configured proxy said."""
    peer = str(meta.get("REMOTE_ADDR") or "")
    meta["REMOTE_ADDR"] = client_address(peer, str(meta.get("HTTP_X_FORWARDED_FOR", "")))
    if not is_proxy(peer):
        for name in [
            each for each in meta if each.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED"))
        ]:
            del meta[name]


def address_of(meta: Mapping[str, Any]) -> str:
    """Return the address that `believe_proxies` found, or that a request without it came from."""
    return _parsed(str(meta.get("REMOTE_ADDR") or ""))


def _parsed(text: str) -> str:
    text = text.strip().strip('"')
    if text.startswith("["):  # [2001:db8::1]:4711
        text = text[1:].split("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:4711
        text = text.split(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return UNKNOWN
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found).split("%")[0]
