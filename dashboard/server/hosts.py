"""The host that a request names: a foreign one is refused before Django reads anything."""

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from dashboard.server import seldom
from dashboard.server.refusals import Refused, Scope

HEALTH_CHECKS = frozenset({"/healthz/live", "/healthz/ready", "/alive"})
"""Addresses that a load balancer asks by the host's number, so any host name is right for them."""

_TEXT = "The console has no page under this host name. Use the address that you were given."


def check_host(scope: Scope) -> None:
    """Raise Refused unless the request names one host, and that one is allowed.

    The health checks accept any. It is no error of the console, so the log has one line a minute,
    without the name.
    """
    if scope["path"].rstrip("/") in HEALTH_CHECKS:
        return
    given = [value.decode("latin1") for name, value in scope["headers"] if name == b"host"]
    if not given and scope.get("server"):
        given = [str(scope["server"][0])]  # HTTP/1.0; Django takes the server's address, too.
    domain = split_domain_port(given[0])[0] if len(given) == 1 else ""
    if not (domain and validate_host(domain, _allowed())):
        seldom.warn("A request named a host that is not in ALLOWED_HOSTS: answered with 400.")
        raise Refused(400, _TEXT)


def _allowed() -> list[str]:
    local = [".localhost", "127.0.0.1", "[::1]"]
    return settings.ALLOWED_HOSTS or (local if settings.DEBUG else [])
