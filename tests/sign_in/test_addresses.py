"""The address of a client, and which headers of a proxy are believed."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from django.conf import settings as console
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from actions.trail.models import AuditEvent
from dashboard.addresses import client_address
from tests.factories import make_person
from tests.sign_in.conftest import sign_in

pytestmark = pytest.mark.django_db

FORGED = (
    "198.51.100.77",
    "ceo-workstation",
    "unknown",
    "",
    "127.0.0.1, 198.51.100.77",
    "::1",
    "a" * 500,
)


@pytest.mark.parametrize("forged", FORGED)
def test_case_63_an_address_in_a_header_is_not_believed(person, forged):
    headers = {"X-Forwarded-For": forged, "X-Real-IP": forged, "Forwarded": f"for={forged}"}
    assert sign_in(Client(), headers=headers, REMOTE_ADDR="127.0.0.1").status_code == 302
    assert AuditEvent.objects.get(verb="person.signed_in").address == "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        (0, "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        (1, "127.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (1, "127.0.0.1", "6.6.6.6,127.0.0.1", "127.0.0.1"),
        (2, "127.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "127.0.0.1", "10.0.0.2", "unknown"),
        (1, "127.0.0.1", "", "unknown"),
        (1, "127.0.0.1", "unknown", "unknown"),
        (1, "127.0.0.1", "ceo-workstation", "unknown"),
        (1, "127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        (1, "127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "::1", "2001:db8::1", "2001:db8::1"),
        (1, "", "203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.50", "6.6.6.6", "203.0.113.50"),
        (0, "", "203.0.113.9", "unknown"),
    ],
)
def test_m6_only_configured_proxies_are_believed(
    person, settings, proxies, peer, forwarded, address
):
    settings.BEHIND_PROXY = proxies
    answer = sign_in(Client(), headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR=peer)
    assert answer.status_code == 302
    assert AuditEvent.objects.get(verb="person.signed_in").address == address


def test_m6_the_networks_of_the_proxies_are_a_setting(settings):
    settings.BEHIND_PROXY, settings.PROXY_NETWORKS = 1, [ip_network("10.1.0.0/16")]
    assert client_address("10.1.2.3", "203.0.113.9") == "203.0.113.9"
    assert client_address("127.0.0.1", "203.0.113.9") == "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "peer", "status"),
    [(0, "127.0.0.1", 301), (1, "203.0.113.50", 301), (1, "127.0.0.1", 200)],
)
def test_m6_https_is_believed_only_from_a_configured_proxy(settings, proxies, peer, status):
    settings.BEHIND_PROXY, settings.SECURE_SSL_REDIRECT = proxies, True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    answer = Client(headers=headers).get("/accounts/login/", REMOTE_ADDR=peer)
    assert answer.status_code == status


def test_m6_the_address_of_a_submission_is_the_clients(settings):
    client = Client(headers={"X-Forwarded-For": "ceo-workstation"})
    client.force_login(make_person("vera", "viewer"))
    client.post("/requests/new/", REMOTE_ADDR="127.0.0.1")
    assert AuditEvent.objects.get(verb="page.refused").address == "127.0.0.1"


@hypothesis(deadline=None)
@given(
    peer=st.one_of(st.ip_addresses().map(str), st.text(max_size=20)),
    forwarded=st.one_of(st.text(max_size=60), st.lists(st.ip_addresses().map(str)).map(",".join)),
    proxies=st.integers(0, 3),
)
def test_any_header_gives_an_address_or_unknown(peer, forwarded, proxies):
    before, console.BEHIND_PROXY = console.BEHIND_PROXY, proxies
    try:
        found = client_address(peer, forwarded)
    finally:
        console.BEHIND_PROXY = before
    assert found == "unknown" or str(ip_address(found)) == found
    assert len(found) <= 45


def test_m6_every_start_of_the_web_server_turns_its_own_proxy_headers_off():
    for name in ("Procfile", "dashboard/management/commands/up.py"):
        text = Path(console.BASE_DIR, name).read_text()
        assert len(re.findall("--no-proxy-headers", text)) >= text.count(
            "dashboard.asgi:application"
        )
