"""The pages of agent logs: list, files, search, links, downloads, and rights."""

import hashlib
import io
import re
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from actions.agent_logs.models import AgentLog
from actions.ratelimit.states import Lane
from actions.trail.models import AuditEvent
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db

SERVICE = "".join(
    f"2026-01-01 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02} "
    f"{'ERROR' if n % 500 == 499 else 'INFO'} event {n}\n"
    for n in range(2_000)
)
FILES = {
    "logs/service.log": SERVICE.encode(),
    "logs/odd.log": b"<script>alert(1)</script>\x1b[31m\x00 red\tcell\n",
    "inner.zip": b"never",
}


def archive(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


def store(log: AgentLog, files: dict[str, bytes]) -> AgentLog:
    """Store a log as if it had been fetched."""
    data = archive(files)
    name = storages["agent_logs"].save(f"{log.uuid.hex}.zip", ContentFile(data))
    sums = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    AgentLog.objects.filter(pk=log.pk).update(
        status="ready", open=False, stored_as=name, stored_at=timezone.now(), **sums
    )
    log.refresh_from_db()
    return log


@pytest.fixture
def logs(operator) -> list[AgentLog]:
    know_devices("kiosk", "till")
    return accept_fetches(make_request(operator, "kiosk", "till", kind="fetch_agent_log"))


@pytest.fixture
def log(logs) -> AgentLog:
    return store(logs[0], FILES)


def url(log: AgentLog, view: str = "") -> str:
    return f"/logs/{log.uuid}/{view}"


def lines(html: str) -> dict[int, str]:
    """The lines on the page, by number."""
    found = re.findall(r'class="log-number" href="[^"]*">(\d+)</a><code>(.*?)</code>', html, re.S)
    return {int(number): text for number, text in found}


def test_a_log_not_yet_fetched_shows_its_state_and_a_fetch_button(page, logs):
    parsed = Parsed(page.get(url(logs[0])).content.decode())
    assert "Requested The vendor accepted the fetch." in parsed.text.replace("Log requested ", "")
    assert "Fetch now" in parsed.text
    logs[0].refresh_from_db()
    assert logs[0].viewed_until


def test_the_live_part_reloads_the_page_when_the_log_arrives(page, logs):
    headers = {"HX-Request": "true", "HX-Target": "log-state"}
    waits = page.get(url(logs[0]), headers=headers)
    assert 'hx-trigger="every 3s"' in waits.content.decode()
    assert "HX-Refresh" not in waits
    store(logs[0], FILES)
    assert page.get(url(logs[0]), headers=headers)["HX-Refresh"] == "true"


def test_the_tree_lists_all_files_and_why_one_cannot_be_opened(page, log):
    parsed = Parsed(page.get(url(log)).content.decode())
    assert "logs/ odd.log" in parsed.text
    assert "inner.zip An archive inside the archive is not opened." in parsed.text


def test_lines_are_paged_and_each_has_a_link(page, log):
    first = page.get(url(log, "?file=0")).content.decode()
    assert list(lines(first)) == list(range(1, 301))
    linked = page.get(url(log, "?file=0&line=1234")).content.decode()
    assert list(lines(linked)) == list(range(1201, 1501))
    assert 'id="L1234"' in linked
    assert 'href="?file=0&amp;line=1234#L1234"' in linked
    assert list(lines(page.get(url(log, "?file=0&line=999999")).content.decode())) == []


def test_lines_are_filtered_by_level_and_found_by_time(page, log):
    errors = page.get(url(log, "?file=0&level=4")).content.decode()
    assert list(lines(errors)) == [500, 1000, 1500, 2000]
    jumped = page.get(url(log, "?file=0&at=2026-01-01 00:20:00")).content.decode()
    assert re.search(r'log-hit"\s+id="L1201"', jumped)
    wrong = page.get(url(log, "?file=0&at=yesterday")).content.decode()
    assert "Write the time as" in wrong


def test_search_hits_are_marked_in_context_with_a_link(page, log):
    html = page.get(url(log, "?file=0&q=EVENT 1499")).content.decode()
    found = lines(html)
    assert list(found) == [1498, 1499, 1500, 1501, 1502]
    assert "<mark>event 1499</mark>" in found[1500]


def test_the_content_of_a_log_is_escaped_and_printable(page, log):
    html = page.get(url(log, "?file=1")).content.decode()
    (text,) = lines(html).values()
    assert text == "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+001B⟩[31m⟨U+0000⟩ red\tcell"
    assert "not a text file, shown as text" in html


def test_a_refused_file_is_not_shown_by_its_url(page, log):
    html = page.get(url(log, "?file=2")).content.decode()
    assert "An archive inside the archive is not opened." in html
    assert "never" not in lines(html).values()
    assert page.get(url(log, "download/?file=2")).status_code == 404


def test_downloads_are_attachments_with_a_sandbox_policy(page, log):
    whole = page.get(url(log, "download/"))
    assert zipfile.ZipFile(io.BytesIO(b"".join(whole.streaming_content))).namelist() == list(FILES)
    one = page.get(url(log, "download/?file=0"))
    assert b"".join(one.streaming_content) == SERVICE.encode()
    for answer in (whole, one):
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Disposition"].startswith('attachment; filename="agent-log-kiosk-')


def test_opening_a_file_is_recorded_once_however_many_pages_are_read(page, log):
    for view in ("?file=0", "?file=0&line=900", "?file=0&q=event", "download/?file=0", "download/"):
        page.get(url(log, view), headers={"Sec-Fetch-Site": "same-origin"})
    events = AuditEvent.objects.filter(subject=str(log.uuid)).order_by("id")
    recorded = [(event.verb, event.data.get("file", ""), event.actor) for event in events]
    assert recorded == [
        ("log.opened", "logs/service.log", "operator"),
        ("log.searched", "logs/service.log", "operator"),
        ("log.downloaded", "logs/service.log", "operator"),
        ("log.downloaded", "", "operator"),
    ]


def test_a_phrase_is_searched_in_all_logs_of_a_request(page, logs):
    store(logs[0], FILES)
    store(logs[1], {"other.log": b"event 77 of another\nlast\n"})
    html = page.get(f"/requests/{logs[0].request.uuid}/logs/?q=event 77").content.decode()
    assert "2 logs searched" in html
    assert [text for text in lines(html).values() if "<mark>" in text][-1].endswith("of another")
    assert f"/logs/{logs[1].uuid}/?file=0&amp;line=1#L1" in html
    assert AuditEvent.objects.get(verb="logs.searched").data["logs"] == 2


def test_logs_are_filtered_by_status_device_and_person(page, log, logs):
    def found(view: str) -> list[str]:
        html = page.get(f"/logs/{view}").content.decode()
        return re.findall(r'<th scope="row" class="cell-main"><a [^>]*><bdi>(\w+)', html)

    assert found("") == ["till", "kiosk"]
    assert found("?status=ready") == ["kiosk"]
    assert found("?device=TIL") == ["till"]
    assert found("?person=oscar&status=requested") == ["till"]
    assert found("?person=nobody") == []
    assert found(f"?before={logs[1].pk}") == ["kiosk"]


def test_a_request_links_its_logs_for_roles_that_read_logs(visit: Visitor, log):
    where = f"/requests/{log.request.uuid}/"
    for role, may in (("helpdesk", True), ("viewer", False)):
        html = visit(role).get(where).content.decode()
        assert "Log ready" in html
        assert (f'href="/logs/{log.uuid}/"' in html) == may
        assert ("Search all logs" in html) == may
    assert "every 4s" in html  # The other one is still asked for.


def test_the_buttons_fetch_a_log_and_stop_fetching(page, logs):
    page.post(url(logs[0], "control/"), {"verb": "ask"})
    logs[0].refresh_from_db()
    assert logs[0].lane == Lane.NORMAL
    assert (
        "“Fetch now” waits for its turn in the normal lane."
        in page.get(url(logs[0])).content.decode()
    )
    page.post(url(logs[0], "control/"), {"verb": "stop"})
    logs[0].refresh_from_db()
    assert logs[0].status == "stopped"


def test_a_file_missing_from_the_storage_shows_an_error(page, log):
    storages["agent_logs"].delete(log.stored_as)
    assert "not in the storage any more" in page.get(url(log)).content.decode()
    assert page.get(url(log, "download/")).status_code == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_low_a_link_from_elsewhere_puts_no_words_into_a_persons_mouth(page, log, site):
    headers = {"Sec-Fetch-Site": site} if site else {}
    for where in (url(log), f"/requests/{log.request.uuid}/logs/"):
        html = page.get(f"{where}?file=0&q=event 1499", headers=headers).content.decode()
        assert "<mark>event 1499</mark>" in html
    events = AuditEvent.objects.filter(verb__startswith="log").order_by("id")
    assert [(event.verb, event.data.get("search", "")) for event in events] == [
        ("log.opened", ""),
        ("logs.searched", ""),
    ]
    assert "not recorded" in events[1].detail
    assert not any("1499" in str(event.data) + event.detail for event in events)


def test_low_an_altered_file_is_told_audited_once_and_not_shown(page, log, logs):
    """Stored agent log was never compared with its SHA-256."""
    assert page.get(url(log)).status_code == 200
    storages["agent_logs"].delete(log.stored_as)
    storages["agent_logs"].save(log.stored_as, ContentFile(archive({"a.log": b"planted\n"})))
    for view in ("", "?file=0&q=planted", "download/", "download/?file=0"):
        answer = page.get(url(log, view))
        html = answer.content.decode()
        assert "its SHA-256 is not the one of the vendor's file" in html.replace("&#x27;", "'")
        assert "planted\n" not in html
        assert answer.status_code == (409 if "download" in view else 200)
    html = page.get(f"/requests/{log.request.uuid}/logs/?q=planted").content.decode()
    assert "its SHA-256 is not the one" in html
    assert "<mark>" not in html
    event = AuditEvent.objects.get(verb="log.check_failed")
    assert (event.actor, event.data["sha256"]) == ("engine", log.sha256)


def test_an_unreadable_file_is_offered_for_download_with_the_true_reason(page, log):
    reason = "The vendor's file cannot be opened: it is cut off."
    AgentLog.objects.filter(pk=log.pk).update(status="unreadable", message=reason)
    html = page.get(url(log)).content.decode()
    assert reason in html.replace("&#x27;", "'")
    assert "This file can only be downloaded" in html
    assert "Fetch again" not in html
    assert page.get(url(log, "download/")).status_code == 200
    assert page.get(url(log, "download/?file=0")).status_code == 404
