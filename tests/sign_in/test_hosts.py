"""The Host header: one form for all that read it."""

import itertools

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from dashboard.middleware import CanonicalHostMiddleware

pytestmark = pytest.mark.django_db

NAMES = ("localhost", "LOCALHOST", "LocalHost", "localhost.")
PORTS = {"": 200, ":80": 200, ":443": 200, ":8000": 200, ":81": 421, ":0": 421, ":99999": 421}
ODD = (
    ":080",
    ":",
    ":8000 ",
    ":80:80",
    ":-80",
    ":８０",
    "/",
    "@evil.example",
    "",
    ":1e3",
    "#",
    ":" + "9" * 5000,
)


def host_seen(host: str) -> tuple[int, str]:
    """Return the status, and the host that a view reads."""
    seen: list[str] = []

    def view(request):
        seen.append(request.get_host())
        return HttpResponse()

    request = RequestFactory(headers={"Host": host}).get("/", SERVER_PORT="8000")
    status = CanonicalHostMiddleware(view)(request).status_code
    return status, (seen or [""])[0]


@pytest.mark.parametrize(("name", "port"), list(itertools.product(NAMES, PORTS)))
def test_h3_the_ports_that_are_accepted_are_few_and_each_has_one_form(name, port, rf):
    status, host = host_seen(name + port)
    assert status == PORTS[port]
    canonical = "localhost" if port in {"", ":80"} else f"localhost{port}"
    assert host == (canonical if status == 200 else "")


@pytest.mark.parametrize("odd", ODD)
def test_h3_no_odd_host_reaches_a_view(odd):
    answer = Client(headers={"Host": f"localhost{odd}"}).get("/accounts/login/")
    assert answer.status_code in ({200} if odd == "" else {400, 421})
    assert "Content-Security-Policy" in answer
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_port_of_the_settings_is_accepted(settings):
    assert host_seen("localhost:9000")[0] == 421
    settings.ALLOWED_PORTS = ["9000"]
    assert host_seen("localhost:9000") == (200, "localhost:9000")


def test_low_a_refused_host_has_the_security_headers(settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(headers={"Host": "evil.example"}).get("/")
    assert answer.status_code == 400
    for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"):
        assert name in answer


def test_a_wrong_port_is_told_with_what_to_do():
    answer = Client(headers={"Host": "localhost:4711"}).get("/")
    assert answer.status_code == 421
    assert "ALLOWED_PORTS" in answer.content.decode()
    assert answer["X-Request-ID"] in answer.content.decode()
