"""The host that a request names: a foreign one is refused before Django reads anything."""

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from dashboard.server import seldom
from dashboard.server.refusals import Refused, Scope

_TEXT = "The console has no page under this host name. Use the address that you were given."


def check_host(scope: Scope) -> None:
    """Raise Refused if the Host header names no allowed host.

    It is no error of the console, so the log has one line a minute, without the name.
    """
    given = dict(scope["headers"]).get(b"host", b"").decode("latin1")
    domain, _ = split_domain_port(given)
    if given and not (domain and validate_host(domain, _allowed())):
        seldom.warn("A request named a host that is not in ALLOWED_HOSTS: answered with 400.")
        raise Refused(400, _TEXT)


def _allowed() -> list[str]:
    local = [".localhost", "127.0.0.1", "[::1]"]
    return settings.ALLOWED_HOSTS or (local if settings.DEBUG else [])
