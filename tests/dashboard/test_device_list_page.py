"""The page around the device list: invalid parameters, fragments, counts, queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.dispatch import heartbeats
from actions.ratelimit import accounts
from actions.ratelimit.models import VendorAccount
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import know_devices

pytestmark = pytest.mark.django_db


PART = {"HX-Request": "true", "HX-Target": "device-list"}


@pytest.mark.parametrize(
    "view",
    [
        *({"page": "-1"}, {"page": "abc"}, {"size": "abc"}, {"size": "7"}, {"size": "-50"}),
        *({"after": "x"}, {"before": "9" * 40}, {"after": "1:"}, {"after": "²:x"}),
        *({"after": "5:x", "sort": "seen"}, {"after": "5", "sort": "name"}, {"sort": "mood"}),
        *({"after": "5:2026-99-99T00:00:00Z", "sort": "seen"}, {"sort": "--name"}),
        *({"q": "x" * 5000}, {"q": "a\x00b"}, {"q": "\x00"}, {"q": "' OR 1=1 --"}),
        *(
            {"q": '"'},
            {"q": '" OR "kiosk'},
            {"q": "NEAR(a b)"},
            {"q": "a*"},
            {"q": "kio^sk -laptop"},
        ),
        *({"q": "\ud800".encode("utf-8", "surrogatepass")}, {"q": "ı İ ß 🚀🚀🚀"}),
        *({"status": "a\x00b"}, {"status": "nonsense"}, {"nobody": "asked"}),
    ],
    ids=repr,
)
def test_invalid_parameters_are_no_error(page, fleet, view):
    assert page.get("/devices/", view).status_code == 200
    assert page.get("/devices/count/", view).status_code == 200


def test_a_page_past_the_end_links_to_the_first(page, fleet):
    html = page.get("/devices/", {"after": "9:ZZZ"}).content.decode()
    assert "The list ends before this page" in html


def test_an_empty_inventory_names_the_command_that_fills_it(page):
    assert "Start full read" in page.get("/devices/").content.decode()


def test_htmx_gets_only_the_list_under_the_same_url(page, fleet):
    part = page.get("/devices/", {"q": "kiosk", "status": ""}, headers=PART)
    html = part.content.decode()
    assert "<html" not in html
    assert Parsed(html).elements[0][1]["id"] == "device-list"
    assert {"HX-Request", "HX-Target"} <= {word.strip() for word in part["Vary"].split(",")}
    assert part["HX-Push-Url"] == "/devices/?q=kiosk"


def test_the_page_carries_its_query_for_counting_selecting_and_exporting(page, fleet):
    html = page.get("/devices/", {"q": "kiosk", "status": "compliant"}).content.decode()
    query = "q=kiosk&amp;status=compliant"
    assert f'hx-get="/devices/count/?{query}"' in html
    assert f'data-query="{query}"' in html
    assert f'name="device_query" value="{query}"' in html
    assert f'name="query" value="{query}"' in html


def test_the_count_is_exact_and_has_its_own_url(page, mixed):
    assert 'data-total="30"' in page.get("/devices/count/", {"status": "exempted"}).content.decode()
    assert "<b>60</b> devices" in page.get("/devices/count/").content.decode()


def test_the_list_makes_the_same_queries_for_ten_and_five_hundred_devices(page, operator):
    def queries(**view):
        with CaptureQueriesContext(connection) as found:
            assert page.get("/devices/", {"size": 250} | view).status_code == 200
        return len(found)

    accounts.lock()
    heartbeats.beat()
    heartbeats.beat_of_ticker("")
    VendorAccount.objects.get_or_create(pk=1)
    know_devices(*(f"device-{number:03}" for number in range(10)))
    page.get("/devices/")
    few = queries()
    know_devices(*(f"device-{number:03}" for number in range(10, 500)))
    everything = {"q": "device 0", "status": "compliant", "acted": "7d", "gone": "all"}
    assert queries() == few <= 10
    assert queries(**everything) <= 10
    assert queries(sort="seen", page="last") <= 10


@pytest.mark.parametrize(("role", "is_shown"), [("helpdesk", True), ("operator", False)])
def test_the_limit_of_a_role_is_shown_while_selecting(role, is_shown, visit: Visitor, fleet):
    html = visit(role).get("/devices/").content.decode()
    assert ("at most 10 devices per request" in html) is is_shown
