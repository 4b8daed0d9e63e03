"""The client calls only the vendor's hosts, the allowed hosts and this machine."""

import pytest

from actions.opswat.base_url import VENDOR_HOSTS
from actions.opswat.client import check_base_url


@pytest.mark.parametrize("host", sorted(VENDOR_HOSTS))
def test_the_vendors_hosts_are_allowed(host):
    assert check_base_url(f"https://{host}") == f"https://{host}"
    assert check_base_url(f"HTTPS://{host.upper()}:443/") == f"https://{host}"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost/", "http://localhost"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("https://localhost:8443", "https://localhost:8443"),
    ],
)
def test_this_machine_is_allowed_with_any_port_and_without_tls(url, origin):
    assert check_base_url(url) == origin


def test_another_host_is_allowed_only_by_its_exact_name():
    allowed = ["Gears-EU.example.com "]
    assert check_base_url("https://gears-eu.example.com", allowed) == "https://gears-eu.example.com"
    for host in ("eu.gears-eu.example.com", "gears-eu.example.com.evil.org", "example.com"):
        with pytest.raises(ValueError, match="not among"):
            check_base_url(f"https://{host}", allowed)
    with pytest.raises(ValueError, match="must begin with https"):
        check_base_url("http://gears-eu.example.com", allowed)


HOSTILE = [
    "https://gears.opswat.com@evil.org",
    "https://user:password@gears.opswat.com",
    "https://evil.org#@gears.opswat.com",
    "https://evil.org\\@gears.opswat.com",
    "https://gears.opswat.com\\@evil.org",
    "https://evil.org?@gears.opswat.com",
    "https://gears.opswat.com.evil.org",
    "https://gears.opswat.com.",
    "https://evilgears.opswat.com",
    "https://gears.opswat.com:8443",
    "https://gears.opswat.com:0443x",
    "https://gears.opswat.com:",
    "https://gears.opswat.com/o/api",
    "https://gears.opswat.com//",
    "https://gears.opswat.com?x=1",
    "https://gears.opswat.com#x",
    "https://gears.opswat.com/\n",
    "https://gears.opswat.com\t",
    " https://gears.opswat.com",
    "https://gears\u3002opswat\u3002com",
    "https://ge\u0430rs.opswat.com",
    "https://gear\u017f.opswat.com",
    "https://gears%2eopswat.com",
    "https:///gears.opswat.com",
    "https:gears.opswat.com",
    "//gears.opswat.com",
    "gears.opswat.com",
    "",
    "http://gears.opswat.com",
    "ftp://gears.opswat.com",
    "file:///etc/passwd",
    "http://127.1",
    "http://0",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://127.0.0.2:8000",
    "http://[::ffff:127.0.0.1]",
    "http://[::]",
    "http://[0:0:0:0:0:0:0:1]",
    "http://127.0.0.1:0",
    "http://127.0.0.1:65536",
    "http://127.0.0.1.evil.org",
    "http://localhost.evil.org",
    "http://169.254.169.254",
    "https://169.254.169.254",
    "https://metadata.google.internal",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_the_refusal_of_an_address_does_not_repeat_it(url):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        check_base_url(url)
    assert "password" not in str(caught.value)
    assert len(str(caught.value)) < 200
