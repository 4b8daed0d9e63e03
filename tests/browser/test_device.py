"""The device page as helpdesk uses it: find one device, refresh it, act."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    Complaints,
    Console,
    Open,
    running_console,
    wait_for_inventory,
)
from tests.browser.steps import is_marked, mark


def any_mac(page: Page) -> str:
    """Return the MAC address of a device with an agent, as the list shows it."""
    wait_for_inventory(page, "size=100&q=-LT-")
    return (
        page.locator("#device-list").get_by_text(re.compile("([0-9A-F]{2}:){5}")).first.inner_text()
    )


def test_helpdesk_finds_a_device_by_mac_refreshes_it_and_sees_the_allowed_actions(
    console: Console, open_page: Open
) -> None:
    page = open_page(console, "helpdesk")
    mac = any_mac(page)
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type(mac.replace(":", "").lower())
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/devices/\d+/$"))
    expect(page.get_by_text(mac)).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    expect(page.get_by_text("The role Helpdesk cannot send Delete.")).to_be_visible()
    mark(page)

    page.get_by_role("button", name="Refresh now").click()

    expect(page.get_by_text("Refreshing")).to_have_count(0)
    expect(page.locator(".facts")).to_contain_text("Persistent")
    expect(page.locator("#choice-dhcprenew")).not_to_contain_text("Uncertain")
    assert is_marked(page)
    page.get_by_role("link", name="Raw record").click()
    expect(page.locator("pre")).to_contain_text("oesis_version")
    page.get_by_role("button", name="Renew DHCP").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 device")


def test_on_a_phone_the_device_name_opens_its_page(console: Console, open_page: Open) -> None:
    page = open_page(console, "helpdesk")
    page.set_viewport_size({"width": 360, "height": 740})
    wait_for_inventory(page, "size=25")

    page.locator("tbody .cell-main a").first.click(position={"x": 4, "y": 8}, timeout=5_000)

    page.wait_for_url(re.compile(r"/devices/\d+/$"))


def test_h5_a_refresh_over_the_limit_says_why_and_how_long(
    open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("429")
    with running_console(20, BUDGETS_PER_MINUTE='{"refreshes": 1}') as own:
        page = open_page(own, "helpdesk")
        wait_for_inventory(page, "size=25")
        names = page.locator("tbody .cell-main a")
        first, second = (names.nth(place).get_attribute("href") for place in (0, 1))
        page.goto(str(first))
        with page.expect_response("**/refresh/**"):
            page.get_by_role("button", name="Refresh now").click()
        page.goto(str(second))
        mark(page)

        page.get_by_role("button", name="Refresh now").click()

        toast = page.locator(".toast-error")
        expect(toast).to_have_count(1)
        expect(toast).to_contain_text("limit of 1 refreshes a minute")
        expect(toast).to_contain_text(re.compile(r"Try again in \d+ s"))
        assert is_marked(page)
        page.context.close()
