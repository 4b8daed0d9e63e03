"""Find and select many devices, with the mouse and with the keyboard only."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, Open, running_console, wait_for_inventory
from tests.browser.steps import outcomes, tab_to
from tests.browser.test_pages import ALL, violations
from tests.processes.installation import ROOT

FLEET = [sys.executable, "-m", "tests.browser.fleet"]


def run_fleet(console: Console, verb: str) -> str:
    """Run a verb of tests.browser.fleet on the console's database and return its output."""
    done = subprocess.run(
        [*FLEET, verb], cwd=ROOT, env=console.env, check=True, timeout=60, capture_output=True
    )
    return done.stdout.decode()


@contextmanager
def changing(console: Console) -> Iterator[None]:
    """Change devices continuously, as inventory reads do."""
    process = subprocess.Popen(
        [*FLEET, "change"], cwd=ROOT, env=console.env, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"changing\n"
        yield
        (console.folder / "STOP").touch()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def total(page: Page) -> int:
    expect(page.locator("#device-count[data-total]")).to_be_attached()
    return int(page.locator("#device-count").get_attribute("data-total") or 0)


def test_all_matching_devices_except_two_are_frozen_while_a_read_changes_devices(
    chromium: object, open_page: Open
) -> None:
    with running_console(10) as console:
        page = open_page(console, "operator")
        wait_for_inventory(page)
        run_fleet(console, "seed")
        page.goto("/devices/?q=corp.example")
        assert total(page) == 20_000
        with changing(console):
            page.goto("/devices/?status=exempted&size=25")
            count = total(page)
            assert 6_000 < count < 7_500
            page.get_by_label("Select all on this page").check()
            expect(page.locator("[data-selection]")).to_contain_text("25 selected")
            page.get_by_role("button", name=f"Select all {count:,} matching").click()
            page.locator("[data-select-row]").nth(3).uncheck()
            page.get_by_role("link", name="Next").click()
            expect(page.locator("[data-select-row]:checked")).to_have_count(25)
            page.locator("[data-select-row]").nth(4).uncheck()
            bar = page.locator("[data-selection]")
            expect(bar).to_contain_text(f"{count - 2:,} selected")
            expect(bar).to_contain_text("all matching, 2 excluded")
            page.get_by_role("button", name="Choose an action").click()
            heading = page.get_by_role("heading", level=1)
            expect(heading).to_contain_text(f"{count - 2:,} devices")
        run_fleet(console, "spoil")
        rows, kept, still_exempted = map(int, run_fleet(console, "frozen").split())
        assert rows == kept == count - 2
        assert still_exempted < rows


def search_and_filter(page: Page) -> int:
    """Search and filter the device list with the keyboard; return how many devices match."""
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/devices/")
    page.keyboard.press("/")
    page.keyboard.type("fin")
    page.wait_for_url("**/devices/?q=fin")
    before = total(page)
    tab_to(page, ".menu:has([name=system]) > summary")
    page.keyboard.press("Enter")
    tab_to(page, "input[name=system][value=windows]")
    page.keyboard.press("Space")
    page.wait_for_url("**/devices/?q=fin&system=windows")
    page.keyboard.press("Escape")
    expect(page.locator("details[open]")).to_have_count(0)
    expect(page.locator(".chip")).to_have_count(2)
    count = total(page)
    assert 2 < count < before
    return count


def select_all(page: Page, count: int) -> None:
    """Select all that match with the keyboard, and open the form for them."""
    tab_to(page, "[data-select-matching]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-selection]")).to_contain_text(f"{count} selected")
    page.evaluate(Axe().axe_script)
    assert violations(page, ALL) == []

    tab_to(page, "[data-select-row]")
    page.keyboard.press("Space")
    expect(page.locator("[data-selection]")).to_contain_text(f"{count - 1} selected")
    page.keyboard.press("Space")
    tab_to(page, "button[value=choose]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new/?selection=*")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{count} device")


def exclude_unsupported(page: Page, count: int) -> int:
    """Choose unexempt with the keyboard and exclude the unsupported; return how many are left."""
    tab_to(page, "input[name=kind]")
    while page.evaluate("document.activeElement.value") != "unexempt":
        page.keyboard.press("ArrowDown")
    tab_to(page, "[name=reason]")
    page.keyboard.type("all of them, by keyboard")

    expect(page.locator("#preview")).to_contain_text("Not supported")
    page.evaluate(Axe().axe_script)
    assert violations(page, ALL) == []
    tab_to(page, "button[name=drop]")
    dropped = int(page.evaluate("document.activeElement.textContent").split()[1])
    page.keyboard.press("Enter")
    left = count - dropped
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(rf"\b{left} device"))
    expect(page.locator("#preview")).not_to_contain_text("Not supported")
    expect(page.get_by_label("Reason", exact=True)).to_have_value("all of them, by keyboard")
    return left


def test_the_keyboard_only_searches_filters_selects_all_excludes_unsupported_and_sends(
    console: Console, open_page: Open
) -> None:
    # Unexempt does not support ignored devices, and no other test changes that status.
    page = open_page(console, "operator")
    wait_for_inventory(page)
    count = search_and_filter(page)
    select_all(page, count)
    left = exclude_unsupported(page, count)

    tab_to(page, "button[value=review]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(rf"\b{left} device"))
    expect(page.get_by_role("button", name="Back")).to_be_focused()
    tab_to(page, "button[value=send]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/*-*/")
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)
    assert sum(outcomes(page).values()) == left
