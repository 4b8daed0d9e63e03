"""The main path: sign in, select devices, submit, and see the outcome of each device."""

import re

from playwright.sync_api import Page, expect

from dashboard.standalone.redis_server import own_redis
from tests.browser.conftest import Complaints, Console, Open, running_console, wait_for_inventory
from tests.browser.steps import (
    choose_first,
    fill_exemption,
    is_marked,
    mark,
    outcomes,
    review_and_send,
    tab_to,
)
from tests.processes.installation import short_folder


def finish(page: Page) -> None:
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)


def test_sixty_devices_are_exempted_and_all_outcomes_arrive_without_a_reload(
    console: Console, open_page: Open
) -> None:
    page = open_page(console, "operator")
    choose_first(page, 60)
    fill_exemption(page, "Windows update weekend")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Exempt 60 devices?")
    expect(page.get_by_text("and 52 more")).to_be_visible()
    page.locator("button[value=send]").click()
    page.wait_for_url("**/requests/*-*/")
    mark(page)

    finish(page)

    assert is_marked(page)
    found = outcomes(page)
    assert sum(found.values()) == 60
    assert set(found) <= {"accepted", "unsupported"}
    assert found["accepted"] > 0
    rows = page.locator("#request-devices tbody tr")
    expect(rows).to_have_count(60)
    for word, count in found.items():
        expect(rows.locator(f".status-{word}")).to_have_count(count)
    record = page.locator("#request-record")
    expect(record).to_contain_text("Request submitted")
    expect(record.get_by_text("Call answered")).to_have_count(2)


def test_a_submitted_selection_is_cleared(console: Console, open_page: Open) -> None:
    page = open_page(console, "operator")
    choose_first(page, 2)
    page.get_by_role("radio", name="Renew DHCP").check()
    page.get_by_label("Reason", exact=True).fill("no address")
    review_and_send(page, "Renew DHCP 2 devices")

    page.goto("/devices/")

    expect(page.locator("[data-selection]")).to_be_hidden()


def test_a_selection_survives_paging(console: Console, open_page: Open) -> None:
    page = open_page(console, "operator")
    wait_for_inventory(page)
    page.goto("/devices/?size=25")
    page.get_by_label("Select all on this page").check()
    page.get_by_role("link", name="Next").click()
    expect(page.locator("[data-selection]")).to_contain_text("25 on other pages")
    page.locator("[data-select-row]").first.check()
    expect(page.locator("[data-selection]")).to_contain_text("26 selected")
    expect(page.locator("[data-selection]")).to_contain_text("25 on other pages")

    page.get_by_role("button", name="Choose an action").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("26 devices")


def test_helpdesk_sees_its_limit_in_the_form_and_keeps_its_input(
    console: Console, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("422")
    page = open_page(console, "helpdesk")
    choose_first(page, 11)
    expect(page.get_by_role("radio", name="Delete")).to_be_disabled()
    fill_exemption(page, "one caller")

    page.get_by_role("button", name="Review").click()

    expect(page.locator(".form-errors")).to_contain_text("at most 10 devices")
    expect(page.get_by_label("Reason", exact=True)).to_have_value("one caller")


def test_the_keyboard_only_finds_selects_and_sends(console: Console, open_page: Open) -> None:
    page = open_page(console, "operator")
    wait_for_inventory(page)
    name = page.locator("tbody tr .cell-main bdi").nth(7).inner_text()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/devices/")
    page.keyboard.press("/")
    page.keyboard.type(name)
    expect(page.locator("[data-select-row]")).to_have_count(1)

    tab_to(page, "[data-select-row]")
    page.keyboard.press("Space")
    tab_to(page, "[data-selection] button[value=choose]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new/?selection=*")
    tab_to(page, "input[name=kind]")
    while page.evaluate("document.activeElement.value") != "unexempt":
        page.keyboard.press("ArrowDown")
    tab_to(page, "[name=reason]")
    page.keyboard.type("by keyboard")
    tab_to(page, "button[value=review]")
    page.keyboard.press("Enter")
    expect(page.locator("button[value=change]")).to_be_focused()
    tab_to(page, "button[value=send]")
    page.keyboard.press("Enter")

    page.wait_for_url("**/requests/*-*/")
    finish(page)
    assert sum(outcomes(page).values()) == 1


def test_without_redis_the_page_polls_and_the_outcomes_still_arrive(
    chromium: object, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("503", "console: [object Event]")  # htmx logs a refused stream.
    with (
        short_folder() as folder,
        own_redis(folder / "redis.sock") as redis,
        running_console(60, REDIS_URL=f"unix://{folder}/redis.sock") as console,
    ):
        page = open_page(console, "operator")
        choose_first(page, 60)
        fill_exemption(page, "Redis is down")
        redis.kill()
        review_and_send(page, "Exempt 60 devices")
        mark(page)
        expect(page.locator("[data-live-state]")).to_have_class(re.compile("live-polling"))

        console.manage("dispatch", "--seconds", "20")

        finish(page)
        assert is_marked(page)
        assert sum(outcomes(page).values()) == 60
        expect(page.locator("#request-devices .status-queued")).to_have_count(0)
