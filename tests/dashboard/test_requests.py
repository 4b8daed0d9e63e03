"""The page of a request, the list of requests, the overview and the vendor calls."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.action_requests import recording
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.inventory.models import Device
from actions.ratelimit.models import VendorAccount
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import actor_for, enrol, know_devices, make_person, make_request

pytestmark = pytest.mark.django_db


def part(name):
    return {"HX-Request": "true", "HX-Target": name}


def text_of(answer):
    return Parsed(answer.content.decode()).text


@pytest.fixture
def sent(operator, vendor, send_due):
    """A request whose six devices have three outcomes."""
    enrol(vendor, *(f"good-{number}" for number in range(4)))
    enrol(vendor, "odd", agent_type="ondemand")
    know_devices("elsewhere")
    vendor.refused_ids.add("elsewhere")
    targets = [*(f"good-{number}" for number in range(4)), "odd", "elsewhere"]
    action_request = make_request(operator, *targets, kind="dhcprenew", ticket="CHG-7")
    send_due()
    return action_request


def test_the_counts_are_those_of_the_rows(page, sent):
    answer = page.get(f"/requests/{sent.uuid}/")

    shares = {share.status: share.count for share in answer.context["progress"].shares}
    rows = list(DeviceCommand.objects.filter(request=sent).values_list("status", flat=True))
    assert shares == {status: rows.count(status) for status in set(rows)}
    assert sum(shares.values()) == 6
    assert shares[S.ACCEPTED] == 4
    text = text_of(answer)
    for status, count in shares.items():
        assert f"{count} {S(status).label.lower()}" in text
    for target in ("good-0", "good-3", "odd", "elsewhere"):
        assert target in text
    assert "because a test says so" in text
    assert "CHG-7" in text


def test_outcomes_that_need_attention_come_first(page, sent):
    commands = page.get(f"/requests/{sent.uuid}/").context["commands"]
    assert commands[0].status == S.FAILED
    assert commands[-1].status == S.ACCEPTED


def test_devices_are_filtered_by_outcome(page, sent):
    answer = page.get(f"/requests/{sent.uuid}/", {"status": "accepted"})
    assert {command.status for command in answer.context["commands"]} == {S.ACCEPTED}
    assert len(answer.context["commands"]) == 4
    none = page.get(f"/requests/{sent.uuid}/", {"status": "cancelled"})
    assert "No device with this outcome" in text_of(none)


def test_devices_are_listed_in_pages_of_a_hundred(page, operator):
    many = [f"device-{number:03}" for number in range(230)]
    know_devices(*many)
    where = f"/requests/{make_request(operator, *many).uuid}/"
    pages = [page.get(where, {"page": number}).context for number in (1, 2, 3)]
    assert [len(context["commands"]) for context in pages] == [100, 100, 30]
    assert [command.target for context in pages for command in context["commands"]] == many
    assert pages[0]["next_url"] == "?page=2"
    assert pages[2]["next_url"] == ""
    assert pages[1]["range"] == "101 to 200"


@pytest.mark.parametrize(
    "view", [{"page": "-1"}, {"page": "x"}, {"page": "99999"}, {"status": "x\x00"}, {"v": "x"}]
)
def test_invalid_parameters_are_no_error(page, sent, view):
    assert page.get(f"/requests/{sent.uuid}/", view).status_code == 200


def test_each_part_is_served_under_the_url_of_the_page(page, sent):
    for name in ("request-devices", "request-record"):
        answer = page.get(f"/requests/{sent.uuid}/", headers=part(name))
        html = answer.content.decode()
        assert "<html" not in html
        assert Parsed(html).elements[0][1]["id"] == name
    answer = page.get(f"/requests/{sent.uuid}/", headers=part("progress-live"))
    assert Parsed(answer.content.decode()).elements[0][1]["id"] == "progress"
    assert answer["HX-Trigger"] == "progressed"


def test_responses_vary_on_the_htmx_headers(page, sent):
    for name in ("", "progress-live", "request-devices"):
        answer = page.get(f"/requests/{sent.uuid}/", headers=part(name) if name else None)
        assert {"HX-Request", "HX-Target"} <= {each.strip() for each in answer["Vary"].split(",")}


def test_a_poll_with_the_latest_version_gets_204(page, sent):
    sent.refresh_from_db()
    where, headers = f"/requests/{sent.uuid}/", part("progress-live")
    unchanged = page.get(where, {"v": sent.version}, headers=headers)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    recording.bump_version([sent.pk])
    assert page.get(where, {"v": sent.version}, headers=headers).status_code == 200


def test_a_finished_request_opens_no_stream(page, sent, operator):
    html = page.get(f"/requests/{sent.uuid}/").content.decode()
    assert "data-finished" in html
    assert "sse-connect" not in html
    know_devices("late")
    waiting = page.get(f"/requests/{make_request(operator, 'late').uuid}/").content.decode()
    assert "data-finished" not in waiting
    assert "sse-connect" in waiting


def test_an_unknown_request_answers_404_with_the_request_id(page):
    answer = page.get(f"/requests/{uuid4()}/")
    assert answer.status_code == 404
    assert "There is no such request." in text_of(answer)
    assert answer["X-Request-ID"] in text_of(answer)
    assert page.get("/requests/no-uuid/").status_code == 404


def test_the_page_of_a_large_request_makes_few_queries(page, operator):
    def queries(*targets):
        know_devices(*targets)
        where = f"/requests/{make_request(operator, *targets).uuid}/"
        page.get(where)
        with CaptureQueriesContext(connection) as found:
            assert page.get(where).status_code == 200
        return len(found)

    assert queries("one") == queries(*(f"device-{number}" for number in range(500))) <= 24


def test_the_list_shows_the_requests_of_all_or_of_one_user(page, sent):
    hanna = actor_for(make_person("hanna", "helpdesk"))
    know_devices("caller")
    hers = make_request(hanna, "caller")
    assert len(page.get("/requests/").context["rows"]) == 2
    assert "No requests yet" in text_of(page.get("/requests/", {"whose": "mine"}))
    of_kind = page.get("/requests/", {"kind": hers.kind_name}).context["rows"]
    assert [action_request.pk for action_request, _ in of_kind] == [hers.pk]
    assert page.get("/requests/", {"kind": "nonsense", "before": "x"}).status_code == 200


def test_the_next_page_of_requests_has_older_ones(page, operator):
    know_devices("kiosk")
    made = [make_request(operator, "kiosk").pk for _ in range(53)]
    first = page.get("/requests/").context
    second = page.get("/requests/" + first["next_url"]).context
    assert [action_request.pk for action_request, _ in first["rows"] + second["rows"]] == made[::-1]
    assert second["next_url"] == ""


def test_lists_make_the_same_queries_for_many_requests(page, operator):
    def queries(where):
        with CaptureQueriesContext(connection) as found:
            assert page.get(where).status_code == 200
        return len(found)

    know_devices("kiosk")
    make_request(operator, "kiosk")
    few = {where: queries(where) for where in ("/", "/requests/", "/vendor-calls/")}
    for _ in range(40):
        make_request(operator, "kiosk")
    assert {where: queries(where) for where in few} == few
    assert max(few.values()) <= 23


def test_the_overview_shows_requests_that_need_attention(page, operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="exempt")
    vendor.fault("cut_after")
    send_due()
    answer = page.get("/")
    assert f"/requests/{action_request.uuid}/?status=unconfirmed" in answer.content.decode()
    assert "Check these devices before you retry" in text_of(answer)


def test_overview_and_vendor_calls_poll_their_live_part(page, sent):
    for where, name in (("/", "overview-live"), ("/vendor-calls/", "calls-live")):
        answer = page.get(where, headers=part(name))
        html = answer.content.decode()
        assert "<html" not in html
        assert Parsed(html).elements[0][1]["id"] == name
        assert "HX-Target" in answer["Vary"]


def test_each_call_is_listed_with_its_request(page, sent):
    text = text_of(page.get("/vendor-calls/"))
    assert sent.short_id in text
    assert "token" in text
    assert "The queue is empty." in text


def test_a_freeze_shows_a_notice_on_every_page(page, sent):
    VendorAccount.objects.update(frozen=True, frozen_reason="The credentials were refused.")
    for where in ("/", "/devices/", "/requests/", f"/requests/{sent.uuid}/", "/audit/"):
        assert "Sending is frozen. The credentials were refused." in text_of(page.get(where))


def test_a_request_is_kept_when_its_devices_are_deleted(page, sent):
    Device.objects.all().delete()
    assert "good-0" in text_of(page.get(f"/requests/{sent.uuid}/"))


def test_every_role_sees_requests_and_their_outcomes(visit: Visitor, sent):
    for role in ("viewer", "helpdesk", "auditor"):
        assert "4 accepted" in text_of(visit(role).get(f"/requests/{sent.uuid}/"))


def test_h1_a_repeated_undo_says_that_it_was_asked_already(page, sent, send_due):
    form = {"verb": "retry", "only": ["unsupported"], "reason": "again"}
    first = page.post(f"/requests/{sent.uuid}/control/", form)
    assert "Sent again for 1 device." in text_of(page.get(first["Location"]))
    second = page.post(f"/requests/{sent.uuid}/control/", form)
    assert second["Location"] == first["Location"]
    assert "The same retry was asked already" in text_of(page.get(second["Location"]))


def test_a1_the_table_of_devices_has_its_classes(page, sent):
    """Without a blank between two classes the table has neither, and looks like plain text."""
    html = page.get(f"/requests/{sent.uuid}/").content.decode()
    classes = [set(each.get("class", "").split()) for _, each in Parsed(html).elements]
    assert any({"table", "table-fixed", "table-cards"} <= each for each in classes)
    assert any({"card", "card-flush", "card-sized"} <= each for each in classes)


def test_the_form_of_a_retry_suggests_a_reason_and_keeps_what_was_typed(page, sent):
    url = f"/requests/{sent.uuid}/"
    html = page.get(url, {"panel": "retry"}).content.decode()
    assert f'value="Retry of {sent.short_id}: because a test says so"' in html
    answer = page.post(f"{url}control/", {"verb": "retry", "reason": "Typed & kept"})
    assert answer.status_code == 422
    assert 'value="Typed &amp; kept"' in answer.content.decode()
