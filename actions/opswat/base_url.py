"""Checks which addresses may be called: the vendor's, those of a setting, and this machine.

An address that an attacker chose would receive the client secret. So the check accepts only texts
of one strict form; it does not parse an arbitrary address and inspect its host.
"""

import re
from collections.abc import Iterable

VENDOR_HOSTS = frozenset(
    {
        "gears.opswat.com",
        "product.my.us.opswat.com",
        "console.metaaccess-b.opswat.com",
        "gears-beta.opswat.com",
    }
)
"""Hosts named in the vendor's pages (the first two) and in public clients of its API."""

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""This machine, where the simulator listens: the only host for plain HTTP and other ports."""

_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[::1\]|[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)


def check_base_url(url: str, allowed_hosts: Iterable[str] = ()) -> str:
    """Return the address as "scheme://host[:port]" in lower case, without a slash at the end.

    `allowed_hosts` are exact host names in addition to the vendor's. Raises ValueError with a
    sentence for the operator; the sentence never repeats the address, which may hold a password.
    """
    origin = _check_form(url)
    host = _host_of(origin)
    extra = {name.strip().lower() for name in allowed_hosts}
    if host not in VENDOR_HOSTS | LOOPBACK_HOSTS | extra:
        raise ValueError(
            f"The host {host} is not among the vendor's known hosts. If it is correct, add it to "
            "the allowed hosts."
        )
    return origin


def _check_form(url: str) -> str:
    """Check the form of an address, not its host; return it normalized.

    Raises ValueError with a sentence for the operator.
    """
    match = _FORM.fullmatch(url)
    if match is None:
        raise ValueError(
            "The vendor's address must be https:// and a host name: no user name, path, query, "
            "fragment, blank or special character."
        )
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    if host in LOOPBACK_HOSTS:
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError("The port of the vendor's address must be from 1 to 65535.")
        return f"{scheme}://{host}" + (f":{int(port)}" if port else "")
    if scheme != "https":
        raise ValueError("The vendor's address must begin with https://.")
    if port not in (None, "443"):
        raise ValueError("The vendor's address must use port 443.")
    return f"https://{host}"


def _host_of(origin: str) -> str:
    rest = origin.partition("://")[2]
    return rest if rest in LOOPBACK_HOSTS else re.sub(r":[0-9]+$", "", rest)
