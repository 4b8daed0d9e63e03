"""Where the trail is sent: one address of the settings, read once and checked."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PORTS = {"syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514, "https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """Host and port, how to speak to it, and for a webhook its path."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    def __str__(self) -> str:
        return (
            f"{self.scheme}://{self.host}:{self.port}{self.path if 'http' in self.scheme else ''}"
        )


def read_target(text: str) -> Target:
    """A target from its address; raises ValueError for one that is not allowed."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS:
        raise ValueError(f"an address begins with one of {', '.join(f'{p}://' for p in PORTS)}")
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise ValueError("an address is a scheme, a host and perhaps a port, without user or #")
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", parts.hostname):
        raise ValueError("the host is no host's name")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("only this machine may be reached without https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], path)
