"""The path of a webhook, which may hold its token, is shown nowhere; its change is still seen."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from actions.audit import settings_changes
from actions.audit.models import AuditStream
from actions.audit.siem import stream
from actions.audit.siem.targets import parse_target, shown
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from dashboard.models import User

pytestmark = pytest.mark.django_db

TOKEN = "T0ken-of-a-webhook"


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.status  # type: ignore[attr-defined]
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), _Receiver)
    server.paths, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url(receiver: Any, settings: Any) -> str:
    settings.AUDIT_STREAM_SECRET = "a secret for the webhook"
    return f"http://127.0.0.1:{receiver.server_port}"


def write(operator: Any, count: int) -> None:
    for number in range(count):
        trail.record(operator, Verb.DEVICES_EXPORTED, subject_kind="test", subject=str(number))


def test_m5_the_token_of_a_webhook_is_in_no_line_row_page_or_log(
    auditor, settings, url, receiver, caplog
):
    settings.AUDIT_STREAM_TO = [f"{url}/services/{TOKEN}?key={TOKEN}"]
    settings_changes.record_changes()
    stream.send_pending()
    assert receiver.paths == [f"/services/{TOKEN}?key={TOKEN}"]
    receiver.status = 500
    write(auditor, 1)
    stream.send_pending()

    assert "answered 500" in AuditStream.objects.get().last_error
    client = Client()
    client.force_login(User.objects.get(username=auditor.name))
    page = client.get("/audit/jobs/").content.decode()
    assert url in page
    rows = [*AuditStream.objects.values_list("target", "last_error")]
    lines = list(AuditEvent.objects.values_list("data", "search_text"))
    assert TOKEN not in json.dumps([page, rows, lines, caplog.text])


def test_m5_a_changed_token_is_one_line_and_sending_goes_on_where_it_was(
    operator, settings, url, receiver
):
    settings.AUDIT_STREAM_TO = [f"{url}/{TOKEN}"]
    settings_changes.record_changes()
    write(operator, 3)
    assert stream.send_pending() == 4
    settings.AUDIT_STREAM_TO = [f"{url}/another"]
    assert settings_changes.record_changes()
    assert not settings_changes.record_changes()

    line = AuditEvent.objects.latest("pk")
    assert set(line.data["after"]) == {"AUDIT_STREAM_TO"}
    assert line.data["before"] != line.data["after"]
    assert stream.send_pending() == 1
    assert AuditStream.objects.count() == 1


def test_a_line_of_an_earlier_version_with_a_token_is_not_repeated(operator, settings, url):
    settings.AUDIT_STREAM_TO = [f"{url}/{TOKEN}"]
    settings_changes.record_changes()
    whole = {**AuditEvent.objects.get().data["whole"], "AUDIT_STREAM_TO": [f"{url}/{TOKEN}"]}
    trail.record(
        operator, Verb.SETTINGS_CHANGED, subject_kind="settings", subject="console", whole=whole
    )
    assert not settings_changes.record_changes()
    settings.AUDIT_STREAM_TO = []
    assert settings_changes.record_changes()
    assert TOKEN not in json.dumps(AuditEvent.objects.latest("pk").data)


def test_two_webhooks_of_one_host_are_two_streams(operator, settings, url, receiver):
    settings.AUDIT_STREAM_TO = [f"{url}/one", f"{url}/two"]
    write(operator, 2)
    assert stream.send_pending() == 4
    assert receiver.paths == ["/one", "/two"]
    assert AuditStream.objects.count() == 2
    assert stream.send_pending() == 0


def test_a_row_of_an_earlier_version_goes_on_where_it_was(operator, settings, url, receiver):
    write(operator, 3)
    AuditStream.objects.create(target=f"{url} (former 1)", last_id=2)
    settings.AUDIT_STREAM_TO = [f"{url}/{TOKEN}"]
    assert stream.send_pending() == 1


SECRET_PART = st.text(alphabet="abcXYZ0189-_.~%=&+", min_size=8, max_size=60)


@given(SECRET_PART, SECRET_PART)
def test_no_part_of_a_path_or_query_is_in_the_text_of_a_target(path, query):
    target = parse_target(f"https://hooks.example/{path}?{query}")
    for text in (str(target), repr(target), f"{target}", shown(f"https://hooks.example/{path}")):
        assert path not in text
        assert query not in text


@pytest.mark.parametrize("address", ["ftp://me:T0ken@host/T0ken", "https://me:T0ken@h", "T0ken"])
def test_an_invalid_address_is_not_shown_either(address):
    assert "T0ken" not in shown(address)
    with pytest.raises(ValueError, match=r"^[^T]*$"):
        parse_target(address)


def test_h7_two_webhooks_of_one_host_go_on_where_each_was_when_secret_key_is_rotated(
    operator, settings, url, receiver
):
    settings.AUDIT_STREAM_TO = [f"{url}/first", f"{url}/second"]
    write(operator, 3)
    stream.send_pending()
    AuditStream.objects.filter(target=str(parse_target(f"{url}/second"))).update(last_id=1)
    receiver.paths.clear()

    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 9
    settings.AUDIT_STREAM_TO.reverse()
    stream.send_pending()

    assert set(receiver.paths) == {"/second"}
    assert len(set(AuditStream.objects.values_list("target", flat=True))) == 2
    assert set(AuditStream.objects.values_list("last_id", flat=True)) == {3}
