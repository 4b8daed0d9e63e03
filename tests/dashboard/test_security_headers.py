"""Security headers, and the markup that the Content-Security-Policy permits."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import find
from django.test import Client

from tests.dashboard.conftest import Visitor
from tests.dashboard.test_every_url import GET
from tests.dashboard.walk import Parsed, address
from tests.factories import know_devices, make_request

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
VENDOR = Path(settings.BASE_DIR, "static", "vendor")


def check_headers(answer):
    policy = {part.strip() for part in answer["Content-Security-Policy"].split(";")}
    assert policy == POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-ID"])


def check_page(html: str):
    for tag, attributes in Parsed(html).elements:
        assert tag != "style"
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
        if tag in {"script", "link", "img", "use", "iframe"}:
            source = attributes.get("src") or attributes.get("href") or ""
            assert re.match("/(?!/)", source), f"<{tag}> loads {source!r}"


@pytest.mark.parametrize("role", ["", "viewer", "helpdesk", "operator", "auditor"])
def test_every_response_has_the_headers_and_nothing_inline(role, visit: Visitor, operator):
    know_devices("kiosk")
    token = make_request(operator, "kiosk").uuid
    client = visit(role)
    for name in GET:
        for answer in (client.get(address(name, token)), client.post(address(name, token))):
            check_headers(answer)
            check_page(answer.content.decode())
        client = visit(role)  # The last one has signed out.


def test_error_pages_have_the_headers_and_quote_the_request_id(visit: Visitor, settings):
    answers = {
        400: Client(headers={"Host": "elsewhere.example"}).get("/"),
        403: visit("viewer").get("/audit/"),
        404: Client().get("/no/such/page"),
    }
    settings.OPSWAT_RATE_LIMIT = None  # Every page that shows the minute fails now.
    answers[500] = visit("operator", raise_request_exception=False).get("/vendor-calls/")
    for status, answer in answers.items():
        assert answer.status_code == status
        check_headers(answer)
        check_page(answer.content.decode())
        assert answer["X-Request-ID"] in answer.content.decode()


def test_a_refusal_shows_its_reason(visit: Visitor):
    assert "Your role cannot read the audit trail." in visit("viewer").get("/audit/").text
    assert "Your role cannot submit actions." in visit("auditor").get("/requests/new/").text


def test_static_files_have_the_headers(settings):
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    answer = Client().get("/static/js/page.js")
    assert answer.status_code == 200
    check_headers(answer)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_nothing_inline_and_name_no_other_host(path):
    source = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"https?://", source)
    assert not re.search(r"\|safe\b|autoescape off|mark_safe", source)


def test_vendored_files_equal_their_checksums():
    sums = dict(
        line.split()[::-1] for line in (VENDOR / "CHECKSUMS.sha384").read_text().splitlines()
    )
    files = {path.name: path.read_bytes() for path in VENDOR.glob("*.js")}
    shipped = {name: find(name) for name in sums if name.startswith("django_htmx/")}
    files |= {name: Path(str(path)).read_bytes() for name, path in shipped.items()}
    found = {
        name: base64.b64encode(hashlib.sha384(content).digest()).decode()
        for name, content in files.items()
    }
    assert found == sums


def test_our_scripts_build_no_markup_and_evaluate_no_text():
    for path in Path(settings.BASE_DIR, "static", "js").glob("*.js"):
        forbidden = (
            r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
        )
        assert not re.search(forbidden, path.read_text()), path.name
