"""The page of a request: its table keeps inside its card, and it lives until nothing can change."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, Open, running_console, wait_for_inventory
from tests.browser.steps import (
    choose_first,
    fill_exemption,
    is_marked,
    mark,
    outcomes,
    review_and_send,
)
from tests.browser.test_pages import save

WIDTHS = (320, 360, 480, 640, 768, 900, 960, 1024, 1180, 1280, 1366, 1440, 1680, 1920, 2560)

OVERLAPS = """(mayScroll) => {
  const found = [];
  const shown = (e) => e.getClientRects().length && !e.closest('.sr-only, .toasts, [hidden]');
  const scrolls = (inner, card) => {
    for (let e = inner.parentElement; e && e !== card; e = e.parentElement)
      if (getComputedStyle(e).overflowX !== 'visible') return true;
    return false;
  };
  const cards = [...document.querySelectorAll('main .card')].filter(shown);
  const boxes = cards.map((card) => card.getBoundingClientRect());
  cards.forEach((card, n) => {
    for (const inner of card.querySelectorAll('*')) {
      const box = inner.getBoundingClientRect();
      if (!shown(inner) || !box.width || inner.closest('svg')) continue;
      if (mayScroll && scrolls(inner, card)) continue;
      if (box.right > boxes[n].right + 1 || box.left < boxes[n].left - 1)
        found.push(`${inner.tagName}.${inner.className} leaves #${card.id} by ` +
          `${Math.round(box.right - boxes[n].right)}`);
    }
    for (let m = n + 1; m < cards.length; m++) {
      const [a, b] = [boxes[n], boxes[m]];
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 &&
          b.top < a.bottom - 1) found.push(`card ${card.id} lies over card ${cards[m].id}`);
    }
  });
  for (const box of document.querySelectorAll('.table-box'))
    if (!mayScroll && box.scrollWidth > box.clientWidth + 1) found.push('a column is clipped');
  for (const row of document.querySelectorAll('#request-devices tr')) {
    const cells = [...row.children].map((cell) => cell.getBoundingClientRect());
    cells.forEach((a, n) => cells.slice(n + 1).forEach((b) => {
      if (a.width && b.width && a.left < b.right - 1 && b.left < a.right - 1 &&
          a.top < b.bottom - 1 && b.top < a.bottom - 1) found.push('cells overlap');
    }));
  }
  for (const cell of document.querySelectorAll('#request-devices :is(td, th)'))
    if (cell.scrollWidth > cell.clientWidth + 1)
      found.push(`text leaves ${cell.textContent.trim()}`);
  if (document.scrollingElement.scrollWidth > document.documentElement.clientWidth)
    found.push('the page scrolls sideways');
  return [...new Set(found)].slice(0, 5);
}"""

STATES = """
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus as S
from django.utils.timezone import now
word, path = "W" * 200, "POST /o/api/v3.1/devices/action: "
texts = {
    "held": "", "queued": "Sent again.", "sending": "", "confirmed": "Read back: yes.",
    "accepted": "", "not_seen": "Read back: no.", "unsupported": "", "failed": "",
    "unconfirmed": path + "sent, but no usable answer came (the connection broke off).",
    "cancelled": "Cancelled by " + word, "expired": word,
}
request = ActionRequest.objects.latest("id")
rows = list(DeviceCommand.objects.filter(request=request).order_by("id"))
rows_of = DeviceCommand.objects.filter
for place, row in enumerate(rows):
    status = S.values[place % len(S.values)]
    values = {"status": status, "detail": texts[status], "check_at": now(), "call": None}
    values |= {"device_name": (word, "PC 1", "\\u0645" * 150)[place % 3]}
    values |= {"vendor_status": {"failed": -1, "unsupported": 0}.get(status)}
    if place >= len(S.values):
        values |= {"detail": path + word, "http_status": 503, "command_id": "c" * 255}
    rows_of(pk=row.pk).update(coalesced=True, **values)
ActionRequest.objects.filter(pk=request.pk).update(reason=word + " " + path, ticket="T" * 100)
"""


@pytest.fixture(scope="module")
def quick(chromium: object) -> Iterator[Console]:
    """A console that reads a device back three seconds after an action."""
    with running_console(60, ENGINE_VERIFY_AFTER="3") as console:
        yield console


def fault(console: Console, **given: object) -> None:
    """Inject a fault into the console's simulator."""
    known = json.loads((console.folder / "simulator.json").read_text())
    url, headers = known["base_url"], {"Authorization": f"Bearer {known['client_secret']}"}
    answer = requests.post(f"{url}/_simulator/faults", json=given, headers=headers, timeout=10)
    answer.raise_for_status()


def running(page: Page) -> str:
    return str(page.locator("#running-requests").text_content())


def exempt_one(page: Page, view: str = "size=25") -> None:
    choose_first(page, 1, view)
    fill_exemption(page, "a caller")
    review_and_send(page, "Exempt 1 device")
    mark(page)


def test_a2_the_page_shows_the_confirmation_without_a_reload(quick: Console, open_page: Open):
    page = open_page(quick, "operator")
    before = running(page)
    exempt_one(page, "size=25&status=compliant")
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)

    expect(page.locator("#progress[data-final]")).to_be_attached(timeout=60_000)

    assert outcomes(page) == {"confirmed": 1}
    expect(page.locator("#request-devices .status-confirmed")).to_have_count(1)
    expect(page.locator("[data-live-word]")).to_have_text("finished")
    expect(page.locator("#running-requests")).to_have_text(before)
    assert is_marked(page)


def test_a2_an_unconfirmed_device_gets_its_outcome_without_a_reload(
    quick: Console, open_page: Open
):
    page = open_page(quick, "operator")
    fault(quick, name="cut_after")
    exempt_one(page, "size=25&status=non_compliant")

    expect(page.locator("[data-live-word]")).to_have_text("finished", timeout=60_000)

    expect(page.locator("#request-record")).to_contain_text("Call unconfirmed")
    assert outcomes(page) == {"accepted": 1}
    expect(page.locator("#request-devices .status-accepted")).to_have_count(1)
    assert is_marked(page)


def test_a5_cancelling_asks_with_verb_and_number(quick: Console, open_page: Open):
    page = open_page(quick, "operator")
    choose_first(page, 3)
    fill_exemption(page, "later")
    page.locator("summary", has_text="Schedule").click()
    page.get_by_label("Start at (UTC)").fill(f"{now() + timedelta(days=2):%Y-%m-%dT%H:%M}")
    review_and_send(page, "Exempt 3 devices")

    page.get_by_role("link", name="Cancel 3 queued devices…").click()
    expect(page.get_by_role("heading", name="Cancel 3 queued devices?")).to_be_visible()
    expect(page.get_by_role("link", name="Back", exact=True)).to_be_focused()
    expect(page.locator("#request-devices .status-held")).to_have_count(3)
    page.get_by_role("link", name="Back", exact=True).click()
    page.get_by_role("link", name="Cancel 3 queued devices…").click()
    page.get_by_role("button", name="Cancel 3 devices").click()

    expect(page.locator("#request-devices .status-cancelled")).to_have_count(3)


def test_a6_cancel_returns_to_the_list_with_its_page_and_selection(quick: Console, open_page: Open):
    page = open_page(quick, "operator")
    wait_for_inventory(page, "size=25&sort=-name")
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**after=*")
    page.locator("[data-select-row]").first.check()
    where = page.url
    for leave in ("Cancel", "Change selection"):
        page.get_by_role("button", name="Choose an action").click()
        page.wait_for_url("**/requests/new/*")
        page.get_by_role("link", name=leave, exact=True).click()
        page.wait_for_url("**/devices/?*")
        assert sorted(page.url.partition("?")[2].split("&")) == sorted(
            where.partition("?")[2].split("&")
        )
        expect(page.locator("[data-selection]")).to_contain_text("1 selected")
        expect(page.locator("[data-select-row]").first).to_be_checked()


def submit_states(console: Console, page: Page) -> None:
    """Submit a request and give its devices all states, with words that have no space."""
    choose_first(page, 22, "size=100")
    page.get_by_role("radio", name="Renew DHCP").check()
    page.get_by_label("Reason", exact=True).fill("states")
    review_and_send(page, "Renew DHCP 22 devices")
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)
    console.manage("shell", "--no-imports", "-c", STATES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a1_no_box_lies_over_another_at_any_width(quick: Console, open_page: Open, scheme: str):
    page = open_page(quick, "operator", color_scheme=scheme)
    submit_states(quick, page)
    problems = {}
    for view in ("", "?panel=cancel", "?status=unconfirmed", "?status=accepted"):
        page.goto(page.url.partition("?")[0] + view)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if found := page.evaluate(OVERLAPS):
                problems[view, width] = found
            save(page, f"request-states{view[1:7]}", width, scheme)
    assert problems == {}


def test_a1_no_card_of_another_page_is_covered(quick: Console, open_page: Open):
    page = open_page(quick, "operator")
    submit_states(quick, page)
    problems = {}
    for path in ("/", "/devices/", "/requests/", "/vendor-calls/", "/inventory/"):
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if found := page.evaluate(OVERLAPS, True):
                problems[path, width] = found
    assert problems == {}
