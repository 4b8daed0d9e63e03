"""What destroys something asks first, on a page that works without JavaScript; Cancel goes back."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from actions.action_requests.models import DeviceCommand
from actions.devices.query import MAX_QUERY_LENGTH
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync
from dashboard.device_list.state import PAGE_KEYS, read_list_query
from dashboard.models import SavedView
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db

DESTROYS = {"cancel", "drop", "stop"}


def buttons(html: str) -> set[str]:
    """Return the verbs of the buttons of a page."""
    elements = Parsed(html).elements
    return {
        a.get("value", "") for tag, a in elements if tag == "button" and a.get("name") == "verb"
    }


def links(html: str, part: str) -> list[str]:
    """Return the addresses of the links of a page that contain a text."""
    found = [a.get("href", "") for tag, a in Parsed(html).elements if tag == "a"]
    return [address for address in found if part in address]


def test_a5_cancelling_a_request_asks_with_verb_and_number(page: Any, operator: Any) -> None:
    know_devices("kiosk", "laptop", "tablet")
    action_request = make_request(operator, "kiosk", "laptop", "tablet")
    where = f"/requests/{action_request.uuid}/"
    html = page.get(where).content.decode()
    assert not buttons(html) & DESTROYS
    assert len(links(html, "panel=cancel")) == 4  # All devices, and each one.

    one = page.get(where + links(html, "target=")[0].replace("&amp;", "&")).content.decode()
    assert "Cancel 1 queued device?" in Parsed(one).text
    everything = page.get(f"{where}?panel=cancel").content.decode()
    assert "Cancel 3 queued devices?" in Parsed(everything).text
    assert buttons(everything) & DESTROYS == {"cancel"}
    assert DeviceCommand.objects.filter(status="queued").count() == 3

    page.post(f"{where}control/", {"verb": "cancel"})
    assert DeviceCommand.objects.filter(status="cancelled").count() == 3
    assert "Nothing to cancel" in page.get(f"{where}?panel=cancel").content.decode()


def test_a5_who_may_not_control_is_not_asked(visit: Visitor, operator: Any) -> None:
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    where = f"/requests/{action_request.uuid}/?panel=cancel"
    html = visit("viewer").get(where).content.decode()
    assert not buttons(html)
    assert not links(html, "panel=cancel")


def test_a5_deleting_a_view_asks(page: Any, visit: Visitor) -> None:
    page.post("/devices/views/", {"name": "Kiosks", "query": "q=kiosk", "shared": "1"})
    view = SavedView.objects.get()
    html = page.get("/devices/").content.decode()
    assert not buttons(html) & DESTROYS
    (where,) = links(html, "/change/")

    asked = page.get(where)

    assert buttons(asked.content.decode()) & DESTROYS == {"drop"}
    assert "stops working for all users" in Parsed(asked.content.decode()).text
    assert SavedView.objects.count() == 1
    assert visit("viewer").get(where).status_code == 403
    text = page.post(where, {"verb": "drop"}, follow=True).content.decode()
    assert f"The view “{view.name}” is deleted." in text
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("form", ["page", "part"])
def test_a5_stopping_the_fetch_of_a_log_asks(
    page: Any, visit: Visitor, operator: Any, form: str
) -> None:
    know_devices("kiosk")
    (log,) = accept_fetches(make_request(operator, "kiosk", kind="fetch_agent_log"))
    where = f"/logs/{log.uuid}/"
    headers = {"HX-Request": "true", "HX-Target": "log-state"} if form == "part" else {}
    html = page.get(where, headers=headers).content.decode()
    assert not buttons(html) & DESTROYS
    (link,) = links(html, "panel=stop")
    link = link.partition("#")[0]

    asked = page.get(where + link).content.decode()

    assert "Stop fetching 1 agent log?" in Parsed(asked).text
    assert buttons(asked) & DESTROYS == {"stop"}
    log.refresh_from_db()
    assert log.open
    other = visit("helpdesk").get(where + link).content.decode()
    assert not buttons(other) & DESTROYS
    assert not links(other, "panel=stop")
    assert "You may not stop this fetch" in Parsed(other).text
    page.post(f"{where}control/", {"verb": "stop"})
    log.refresh_from_db()
    assert log.status == "stopped"
    late = page.get(where + link).content.decode()
    assert not buttons(late) & DESTROYS
    assert "Nothing to stop" in Parsed(late).text


@pytest.mark.parametrize("form", ["page", "part"])
def test_a5_stopping_a_read_of_the_inventory_asks(
    page: Any, visit: Visitor, operator: Any, form: str
) -> None:
    sync, _ = start_sync(operator)
    headers = {"HX-Request": "true", "HX-Target": "inventory-live"} if form == "part" else {}
    html = page.get("/inventory/", headers=headers).content.decode()
    stops = reverse("stop_inventory_read", args=[sync.pk])
    assert not [a for tag, a in Parsed(html).elements if tag == "form" and a["action"] == stops]
    (link,) = links(html, "stop=")
    link = link.partition("#")[0]

    asked = page.get(link).content.decode()

    assert "Stop 1 read of the inventory?" in Parsed(asked).text
    assert buttons(asked) & DESTROYS == {"stop"}
    assert InventorySync.objects.get().running
    auditor = visit("auditor").get(link).content.decode()
    assert not buttons(auditor) & DESTROYS
    assert "Your role cannot stop a read" in Parsed(auditor).text
    page.post(stops, {"verb": "stop"})
    assert not InventorySync.objects.get().running
    late = page.get(link).content.decode()
    assert not buttons(late) & DESTROYS
    assert "The read has ended already" in Parsed(late).text


VIEW = "q=kiosk&status=compliant&sort=-name&size=25&after=7:kiosk"


def test_a6_every_step_of_the_form_goes_back_to_the_same_page_of_the_list(page: Any) -> None:
    (device,) = know_devices("kiosk")
    html = page.get(f"/devices/?{VIEW}&page=").content.decode()
    fields = {a.get("name"): a.get("value") for tag, a in Parsed(html).elements if tag == "input"}
    assert parse_qs(fields["back"]) == parse_qs(VIEW)

    form = {"device": device.pk, "back": VIEW, "device_query": "q=kiosk"}
    composed = page.post(reverse("choose_devices"), form, follow=True)

    expected = parse_qs(VIEW)
    html = composed.content.decode()
    back = [urlsplit(address).query for address in links(html, "/devices/?")]
    assert [parse_qs(query) for query in back] == [expected] * 3  # Path, Cancel, Change selection.
    fields = composed.context["form"]
    answer = {"step": "review", "kind": "dhcprenew", "reason": "x", "back": VIEW}
    answer |= {name: str(fields[name].value()) for name in ("selection", "form_token")}
    reviewed = page.post(reverse("compose"), answer).content.decode()
    back = [urlsplit(address).query for address in links(reviewed, "/devices/?")]
    assert parse_qs(back[0]) == expected
    excluded = page.post(reverse("compose"), answer | {"drop": "status"}).content.decode()
    assert parse_qs(urlsplit(links(excluded, "/devices/?")[0]).query) == expected


@given(st.text(max_size=60))
def test_a6_any_text_goes_back_to_the_list_only(text: str) -> None:
    for given_text in (text, f"q={text}&next=//evil.example", f"//evil.example?{text}"):
        query = read_list_query(given_text)
        assert {key for key, _ in parse_qsl(query)} <= PAGE_KEYS
    assert read_list_query("q=" + "x" * MAX_QUERY_LENGTH) == ""
