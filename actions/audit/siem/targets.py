"""Targets of the stream: the addresses in AUDIT_STREAM_TO, parsed and checked."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PORTS = {"syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514, "https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """The scheme, host and port of a target, and the path of a webhook."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    def __str__(self) -> str:
        return (
            f"{self.scheme}://{self.host}:{self.port}{self.path if 'http' in self.scheme else ''}"
        )

    @property
    def is_plain_syslog(self) -> bool:
        """Whether lines leave this machine unencrypted."""
        return self.scheme in {"syslog+udp", "syslog+tcp"} and self.host not in LOOPBACK


def parse_target(text: str) -> Target:
    """Parse an address; raises ValueError for one that is not allowed."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS:
        raise ValueError(f"an address starts with one of {', '.join(f'{p}://' for p in PORTS)}")
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise ValueError(
            "an address has a scheme, a host and optionally a port, but no user and no #"
        )
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", parts.hostname):
        raise ValueError("the host name is invalid")
    if parts.scheme.startswith("syslog") and (parts.path not in {"", "/"} or parts.query):
        raise ValueError("an address of syslog has no path and no ?")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("http is allowed only to this machine")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], path)
