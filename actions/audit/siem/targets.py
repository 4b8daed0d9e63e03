"""Targets of the stream: the addresses in AUDIT_STREAM_TO, parsed and checked.

The path and query of a webhook often hold its token, so they are never shown. A keyed digest stands
for them, which tells two webhooks of one host apart and shows that a token has changed.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PORTS = {"syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514, "https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """The scheme, host and port of a target, and the path of a webhook, which may be secret."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @property
    def base(self) -> str:
        """The address without its path."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def __str__(self) -> str:
        if self.path == "/" or "http" not in self.scheme:
            return self.base
        return f"{self.base} ({_digest(self.path)})"

    __repr__ = __str__

    @property
    def names(self) -> list[str]:
        """The target as it is shown with SECRET_KEY, and as it was with each of its fallbacks."""
        if str(self) == self.base:
            return [self.base]
        secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return [f"{self.base} ({_digest(self.path, secret)})" for secret in secrets]

    @property
    def is_plain_syslog(self) -> bool:
        """Whether lines leave this machine unencrypted."""
        return self.scheme in {"syslog+udp", "syslog+tcp"} and self.host not in LOOPBACK


def shown(text: str) -> str:
    """Return an address of AUDIT_STREAM_TO as it may be shown; one that is shown stays as it is."""
    if text.endswith(")"):
        return text
    try:
        return str(parse_target(text))
    except ValueError:
        return f"an invalid address ({_digest(text)})"


def _digest(text: str, secret: str | None = None) -> str:
    return salted_hmac("audit-stream", text, secret=secret).hexdigest()[:8]


def parse_target(text: str) -> Target:
    """Parse an address; raises ValueError for one that is not allowed."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("the address or its port is invalid") from None
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
    return Target(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)
