"""The preview of an action: rules, cost in calls, times, and changed matches."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest
from actions.action_requests.submissions import lane_for
from actions.devices.query import with_excluded
from actions.dispatch import forecast
from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.selections import choose as selections
from actions.selections.models import SelectedDevice, Selection
from dashboard.models import User
from tests.dashboard.conftest import Visitor, form_token
from tests.dashboard.walk import Parsed
from tests.factories import actor_for, know_devices, make_record, make_request

pytestmark = pytest.mark.django_db

NEW = "/requests/new/"
AGENT = {"agent_type": "persistent", "os_family": "windows", "agent_version": "7.6.711.0"}


@pytest.fixture
def fleet(page):
    store_records(
        [
            *(make_record(f"good-{number}", **AGENT) for number in range(4)),
            *(make_record(f"odd-{number}", **AGENT, status="unknown") for number in range(2)),
            make_record("silent"),
            make_record("phone", **AGENT | {"agent_type": "mobile", "os_family": "ios"}),
        ]
    )


@pytest.fixture
def me(page):
    return actor_for(User.objects.get(username="operator"))


def choose(me, query="", unticked=(), **which):
    devices = Device.objects.filter(**which).exclude(pk__in=unticked)
    query = with_excluded(query, unticked) if query else ""
    return selections.choose_devices(devices, me, query=query)


def fragment(page, chosen, kind):
    headers = {"HX-Request": "true", "HX-Target": "preview"}
    return page.get(NEW, {"selection": chosen.uuid, "kind": kind}, headers=headers)


def test_each_rule_is_counted_and_nothing_is_sent(page, fleet, me):
    preview = fragment(page, choose(me), "exempt").context["preview"]
    assert (preview.allowed_count, preview.refused_count, preview.uncertain_count) == (6, 2, 0)
    answer = fragment(page, choose(me), "fetch_agent_log")
    preview = answer.context["preview"]
    assert [(each.verdict.rule, each.count) for each in preview.refused] == [("agent", 1)]
    assert [(each.verdict.rule, each.count) for each in preview.uncertain] == [("no-agent", 1)]
    text = Parsed(answer.content.decode()).text
    assert "1 Only with the persistent agent. Exclude 1" in text
    assert "The vendor gave no agent type." in text
    assert "What to do with" not in text
    assert not VendorCall.objects.exists()


def test_data_older_than_the_setting_is_uncertain(page, fleet, me, settings):
    Device.objects.filter(vendor_id="odd-0").update(read_at=now() - timedelta(hours=25))
    preview = fragment(page, choose(me), "exempt").context["preview"]
    assert (preview.refused_count, preview.uncertain_count) == (1, 1)
    settings.INVENTORY_FRESH_HOURS = 48
    assert fragment(page, choose(me), "exempt").context["preview"].refused_count == 2


def test_excluding_rejected_devices_keeps_the_input(page, fleet, me):
    whole = choose(me)
    form = {"selection": str(whole.uuid), "kind": "exempt", "reason": "so far", "ticket": "CHG-7"}
    form |= {"form_token": form_token(page), "exempt_hours": "24"}

    answer = page.post(NEW, form | {"drop": "status"})

    part = Selection.objects.get(origin="part")
    assert (part.device_count, whole.chosen.count()) == (6, 8)
    assert "odd-0" not in selections.targets_of(part)
    html = answer.content.decode()
    assert str(part.uuid) in html
    assert "so far" in html
    assert 'value="CHG-7"' in html
    assert form["form_token"] in html
    assert answer.context["preview"].refused_count == 0
    page.post(NEW, form | {"selection": str(part.uuid), "step": "send"})
    sent = ActionRequest.objects.get().commands.values_list("target", flat=True)
    assert set(sent) == set(selections.targets_of(part))


def test_several_rules_are_excluded_at_once_until_no_device_remains(page, fleet, me):
    form = {"selection": str(choose(me).uuid), "kind": "fetch_agent_log"}
    page.post(NEW, form | {"drop": "agent no-agent "})
    assert Selection.objects.get(origin="part").device_count == 6
    odd = {"selection": str(choose(me, status="unknown").uuid), "kind": "exempt"}
    answer = page.post(NEW, odd | {"drop": "status"})
    assert "No devices selected" in answer.content.decode()


def test_gone_devices_are_counted_and_can_be_excluded(page, fleet, me):
    chosen = choose(me)
    Device.objects.filter(vendor_id="good-0").update(gone_at=now())
    Device.objects.filter(vendor_id="good-1").delete()
    refused = fragment(page, chosen, "delete").context["preview"].refused
    assert [(each.verdict.rule, each.count) for each in refused] == [("unlisted", 2)]
    page.post(NEW, {"selection": str(chosen.uuid), "kind": "delete", "drop": "unlisted"})
    assert Selection.objects.get(origin="part").device_count == 6


def test_no_device_is_excluded_automatically(page, fleet, me):
    form = {"selection": str(choose(me).uuid), "kind": "exempt", "exempt_hours": "1"}
    page.post(NEW, form | {"reason": "all", "form_token": form_token(page), "step": "send"})
    assert ActionRequest.objects.get().commands.count() == 8


def test_changed_matches_are_shown_with_a_link_to_select_again(page, fleet, me):
    unticked = [Device.objects.get(vendor_id="good-3").pk]
    chosen = choose(me, "status=compliant", unticked, status="compliant")
    where = f"{NEW}?selection={chosen.uuid}"
    assert "The list has changed" not in page.get(where).content.decode()

    know_devices("new-1", "new-2", **AGENT)
    Device.objects.filter(vendor_id="good-0").update(status="non_compliant")
    html = page.get(where).content.decode()

    text = Parsed(html).text
    assert "2 devices newly match; 1 no longer matches." in text
    assert 'href="/devices/?status=compliant"' in html
    assert chosen.chosen.count() == 5


def test_excluded_devices_do_not_count_as_new_matches(page, fleet, me):
    chosen = choose(me, "q=o", search_text__contains="o")
    form = {"selection": str(chosen.uuid), "kind": "exempt", "drop": "status"}
    assert "The list has changed" not in page.post(NEW, form).content.decode()
    know_devices("oscar")
    part = Selection.objects.get(origin="part")
    text = Parsed(page.get(NEW, {"selection": part.uuid}).content.decode()).text
    assert "1 device newly matches." in text


def test_the_cost_shows_calls_and_the_first_and_last_start(fleet, me, operator, settings):
    settings.OPSWAT_RATE_LIMIT = (10, 60.0)
    free = forecast.estimate(120, lane_for(120))
    assert free.calls == 3
    assert free.first_at is not None
    assert free.last_at is not None
    assert free.first_at <= free.last_at < now() + timedelta(seconds=60)

    devices = know_devices(*(f"queued-{number}" for number in range(1000)))
    make_request(operator, *(device.vendor_id for device in devices))
    behind = forecast.estimate(600, lane_for(600))
    assert behind.calls == 12
    assert behind.last_at is not None
    assert behind.last_at > now() + timedelta(seconds=110)
    endless = forecast.estimate(60_000, lane_for(60_000))
    assert endless.calls == 1200
    assert endless.last_at is not None
    assert endless.last_at > now() + timedelta(hours=1)

    until = now() + timedelta(seconds=90)
    VendorAccount.objects.update_or_create(pk=1, defaults={"open_until": until})
    assert forecast.estimate(1, lane_for(1)).first_at == until


def test_the_cost_shows_no_time_while_sending_is_frozen(page, fleet, me):
    VendorAccount.objects.update_or_create(pk=1, defaults={"frozen": True})
    answer = fragment(page, choose(me), "exempt")
    assert "Sending is frozen" in answer.content.decode()
    assert answer.context["cost"].first_at is None


@pytest.mark.parametrize("token", ["", "x", "0b9e5a34-3bd6-4d9c-a6b1-8f1f2f4f9d11", "\x00"])
def test_an_unknown_selection_shows_what_to_do(page, token):
    answer = page.get(NEW, {"selection": token})
    assert answer.status_code == (404 if token else 200)
    text = "Select the devices again." if token else "No devices selected"
    assert text in answer.content.decode()


def test_a_selection_is_usable_by_its_owner_only(fleet, me, visit: Visitor):
    chosen = choose(me)
    helpdesk = visit("helpdesk")
    form = {"selection": str(chosen.uuid), "kind": "exempt", "drop": "status"}
    assert helpdesk.get(NEW, {"selection": chosen.uuid}).status_code == 404
    assert helpdesk.post(NEW, form).status_code == 404
    assert Selection.objects.count() == 1


@pytest.mark.parametrize("drop", ["", "no-such-rule", "status " * 50])
def test_an_unknown_rule_or_kind_is_ignored(page, fleet, me, drop):
    form = {"selection": str(choose(me).uuid), "drop": drop}
    for kind in ("exempt", "reboot", ""):
        assert page.post(NEW, form | {"kind": kind}).status_code == 200


def test_the_preview_makes_the_same_queries_for_few_and_many_devices(page, me):
    def queries():
        chosen = choose(me)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            fragment(page, chosen, "exempt")
        return len(asked), chosen.device_count

    know_devices("one")
    few, _ = queries()
    know_devices(*(f"device-{number}" for number in range(300)), agent_type="persistent")
    many, count = queries()
    assert (many, count) == (few, 301)
    assert many <= 12  # Eight of them read the queue for the forecast.
    assert SelectedDevice.objects.count() == 302


def test_a_name_with_special_characters_is_shown_unchanged(page, me):
    know_devices("plain", name="O'Brien & <b>Söhne</b>")
    text = Parsed(page.get(NEW, {"selection": choose(me).uuid}).content.decode()).text
    assert "O'Brien & <b>Söhne</b>" in text
