"""Steps on the pages that several tests share."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for_inventory

TRIES = 150


def choose_first(page: Page, count: int, view: str = "size=100") -> None:
    """Select the first devices of the list with a click and a Shift-click, and open the form."""
    wait_for_inventory(page, view)
    boxes = page.locator("[data-select-row]")
    boxes.first.click()
    if count > 1:
        boxes.nth(count - 1).click(modifiers=["Shift"])
    expect(page.locator("[data-selection]")).to_contain_text(f"{count} selected")
    page.get_by_role("button", name="Choose an action").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{count} device")
    page.wait_for_load_state()  # Wait for the deferred scripts.


def fill_exemption(page: Page, reason: str) -> None:
    """Fill in an exemption of one day with the button for usual durations."""
    page.get_by_role("radio", name="Exempt Allow").check()
    page.get_by_role("button", name="1 day").click()
    expect(page.get_by_label("Hours", exact=True)).to_have_value("24")
    page.get_by_label("Reason", exact=True).fill(reason)


def review_and_send(page: Page, verb: str) -> None:
    """Review, then press the button that repeats the action and the number of devices."""
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="What will be sent")).to_be_visible()
    page.locator("button[value=send]", has_text=verb).click()
    page.wait_for_url("**/requests/*-*/")


def outcomes(page: Page) -> dict[str, int]:
    """Return the counts of the legend by status."""
    found = {}
    for item in page.locator(".legend li").all():
        number, word = item.inner_text().strip().split(maxsplit=1)
        found[word] = int(number.replace(",", ""))
    return found


def mark(page: Page) -> None:
    """Mark this load of the page; a reload removes the mark."""
    page.evaluate("window.stillHere = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.stillHere === true"))


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until that element has the focus."""
    for _ in range(TRIES):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}.")


def fetch_log(page: Page) -> None:
    """Request the log of a device that supports it; the page of the request opens."""
    wait_for_inventory(page)
    able = re.compile(r"Windows.*7\.6\.[3-9]\d\d", re.DOTALL)
    row = page.locator("tbody tr", has_text=able).filter(has_text="Compliant").first
    row.locator("[data-select-row]").check()
    page.get_by_role("button", name="Choose an action").click()
    page.get_by_role("radio", name="Fetch agent log").check()
    page.get_by_label("Reason", exact=True).fill("the caller says the agent hangs")
    review_and_send(page, "Fetch agent log 1 device")
