"""Every page, wide and narrow, light and dark: accessible, error-free, and fits the screen.

SHOTS=folder also saves a screenshot of each; SHOTS=docs saves only the one in the README.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Console, Open, wait_for_inventory
from tests.browser.steps import choose_first, fetch_log, fill_exemption, review_and_send
from tests.processes.installation import ROOT
from tests.selections.workbooks import written

WIDE, NARROW = (1440, 900), (360, 740)
SHOTS = os.environ.get("SHOTS", "")
Rules = dict[str, Any]
ALL: Rules = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS: Rules = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules whose result can differ between light and dark."""

Visit = Callable[[Page], object]


def composing(page: Page) -> None:
    choose_first(page, 12)
    page.get_by_role("radio", name="Exempt Allow").check()


def with_errors(page: Page) -> None:
    composing(page)
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".form-errors")).to_be_visible()


def reviewing(page: Page) -> None:
    choose_first(page, 12)
    fill_exemption(page, "Windows update weekend")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="What will be sent")).to_be_visible()


def reviewing_delete(page: Page) -> None:
    choose_first(page, 3)
    page.get_by_role("radio", name="Delete").check()
    page.get_by_label("Reason", exact=True).fill("Laptops that were scrapped")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("This cannot be undone.").first).to_be_visible()


def finished(page: Page) -> None:
    choose_first(page, 60, "size=100&q=-0")
    fill_exemption(page, "Windows update weekend")
    page.get_by_label("Ticket", exact=True).fill("CHG-2041")
    review_and_send(page, "Exempt 60 devices")
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)
    page.reload()


def about_a_device(page: Page) -> None:
    page.goto("/devices/")
    name = page.locator("tbody th bdi").first.inner_text()
    page.goto(f"/audit/?device={name}&until=2100-01-01")


def checking(page: Page) -> None:
    page.goto("/audit/?verb=person.signed_in")
    page.get_by_role("button", name="CSV").click()
    page.get_by_role("button", name="Verify the audit trail").click()
    expect(page.get_by_text("Verified:")).to_be_visible()
    expect(page.get_by_role("button", name="Download").first).to_be_visible()


def storage_measured(page: Page) -> None:
    """Open the page of storage once the first run of retention has measured."""
    page.goto("/storage/")
    while not page.get_by_text("Measured on").count():
        page.reload()


def log_requested(page: Page) -> None:
    fetch_log(page)
    page.get_by_role("link", name="Log requested").click()
    expect(page.get_by_role("heading", name="Requested")).to_be_visible()


def log_stored(page: Page) -> None:
    """Open a stored log, and fetch one if there is none."""
    page.goto("/logs/?status=ready")
    if not page.locator("tbody a").count():
        fetch_log(page)
        link = page.get_by_role("link", name="Log ready")
        expect(link).to_be_visible(timeout=40_000)
        page.goto("/logs/?status=ready")
    page.locator("tbody .cell-main a").first.click()
    expect(page.locator(".log-line").first).to_be_visible()


def log_searched(page: Page) -> None:
    log_stored(page)
    page.goto(page.url.split("?")[0] + "?q=did+not+answer")


def logs_searched(page: Page) -> None:
    log_stored(page)
    request = page.locator("dd a[href^='/requests/']").get_attribute("href")
    page.goto(f"{request}logs/?q=ERROR")


def listing(page: Page) -> None:
    wait_for_inventory(page, "size=25")


def selecting(page: Page) -> None:
    listing(page)
    page.locator("[data-select-row]").nth(2).check()


def first_device(page: Page, tab: str = "commands") -> None:
    listing(page)
    page.goto(str(page.locator("tbody .cell-main a").first.get_attribute("href")) + f"?tab={tab}")


def list_uploaded(page: Page) -> None:
    wait_for_inventory(page)
    name = page.locator("tbody tr .cell-main bdi").nth(7).inner_text()
    page.goto("/devices/lists/")
    lost = [f"lost-{number}" for number in range(30)]
    page.get_by_label("Paste a list").fill("\n".join([name, name, "02:00:00", *lost]))
    page.get_by_role("button", name="Look up devices").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 device in 33 lines")


def workbook_uploaded(page: Page) -> None:
    """Upload a filtered workbook with hidden sheets, so that every note is shown."""
    wait_for_inventory(page)
    page.goto("/devices/lists/")
    cells = [(row, 0, text, "General") for row, text in enumerate(("Device name", "a", "b"))]
    data = written([*cells, (3, 0, 7, "#,##0"), (1, 1, "x", "0")], hidden_rows=[2])
    file: Any = {"name": "filtered.xlsx", "mimeType": "application/zip", "buffer": data}
    page.get_by_label("Or upload a file").set_input_files(file)
    page.get_by_role("button", name="Look up devices").click()
    expect(page.get_by_text("1 hidden row")).to_be_visible()
    expect(page.get_by_text("A number with a format")).to_be_visible()


def filtering(page: Page) -> None:
    page.goto("/devices/?status=compliant&seen=24h&version_from=latest")
    expect(page.get_by_text("Some filters are invalid")).to_be_visible()
    page.locator("#more-filters summary").click()
    page.get_by_label("Agent version from").focus()


def arranging(page: Page) -> None:
    listing(page)
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Save view as").fill("Kiosks")


def menu(page: Page) -> None:
    page.goto("/")
    button = page.get_by_role("button", name="Menu")
    if button.is_visible():
        button.click()


PAGES: dict[str, tuple[str, Visit]] = {
    "sign-in": ("", lambda page: page.goto("/accounts/login/")),
    "overview": ("operator", lambda page: page.goto("/")),
    "devices": ("operator", listing),
    "devices-selected": ("operator", selecting),
    "devices-filters": ("operator", filtering),
    "devices-views": ("operator", arranging),
    "devices-none": ("operator", lambda page: page.goto("/devices/?q=nothing-is-called-so")),
    "devices-viewer": ("viewer", listing),
    "device": ("operator", first_device),
    "device-audit": ("auditor", lambda page: first_device(page, "audit")),
    "inventory": ("operator", lambda page: page.goto("/inventory/")),
    "list": ("operator", lambda page: page.goto("/devices/lists/")),
    "list-result": ("operator", list_uploaded),
    "list-workbook": ("operator", workbook_uploaded),
    "compose": ("operator", composing),
    "compose-helpdesk": ("helpdesk", composing),
    "compose-errors": ("operator", with_errors),
    "compose-empty": ("operator", lambda page: page.goto("/requests/new/")),
    "review": ("operator", reviewing),
    "review-delete": ("operator", reviewing_delete),
    "request": ("operator", finished),
    "requests": ("operator", lambda page: page.goto("/requests/")),
    "requests-none": ("auditor", lambda page: page.goto("/requests/?whose=mine")),
    "agent-log-none": ("operator", lambda page: page.goto("/logs/?device=nothing-is-called-so")),
    "agent-log-requested": ("helpdesk", log_requested),
    "agent-log": ("helpdesk", log_stored),
    "agent-log-hits": ("operator", log_searched),
    "agent-logs": ("operator", lambda page: page.goto("/logs/")),
    "agent-logs-searched": ("operator", logs_searched),
    "vendor-calls": ("operator", lambda page: page.goto("/vendor-calls/")),
    "storage": ("auditor", storage_measured),
    "audit": ("auditor", lambda page: page.goto("/audit/")),
    "audit-device": ("auditor", about_a_device),
    "audit-event": ("auditor", lambda page: page.goto("/audit/2/")),
    "audit-jobs": ("auditor", checking),
    "audit-none": ("auditor", lambda page: page.goto("/audit/?q=nothing-is-called-so")),
    "forbidden": ("viewer", lambda page: page.goto("/audit/")),
    "not-found": ("operator", lambda page: page.goto("/requests/no-such-page/")),
}
if SHOTS:
    PAGES["menu"] = ("operator", menu)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_wide_and_narrow_light_and_dark(
    name: str, console: Console, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("403", "404", "422")
    if name == "audit-jobs":
        complaints.expect("htmx:")  # Leaving the page aborts a running poll.
    who, visit = PAGES[name]
    page = open_page(console, who)
    visit(page)
    page.evaluate(Axe().axe_script)
    problems = []
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        for scheme, rules in (("light", ALL), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            problems += [f"{size[0]} {scheme}: {each}" for each in violations(page, rules)]
            if is_too_wide(page):
                problems.append(f"{size[0]} {scheme}: the page scrolls sideways")
            save(page, name, size[0], scheme)
    assert problems == []


def violations(page: Page, rules: Rules) -> list[str]:
    """Return what axe finds, once the style sheets have loaded."""
    page.wait_for_load_state("load")
    options = {"resultTypes": ["violations"], "runOnly": rules}
    found = page.evaluate("async options => (await axe.run(options)).violations", options)
    return [f"{each['id']}: {[_place(node) for node in each['nodes']][:3]}" for each in found]


def _place(node: dict[str, Any]) -> str:
    return f"{node['html'][:160]} {node['failureSummary']}"


def is_too_wide(page: Page) -> bool:
    wide = "document.scrollingElement.scrollWidth > document.documentElement.clientWidth"
    return bool(page.evaluate(wide))


def save(page: Page, name: str, width: int, scheme: str) -> None:
    """Save a screenshot if SHOTS asks for it."""
    if SHOTS == "docs":
        if (name, width, scheme) == ("request", 1440, "light"):
            page.screenshot(path=ROOT / "docs" / "screenshot.png")
    elif SHOTS:
        tall = page.evaluate("document.documentElement.scrollHeight")
        clip: Any = {"x": 0, "y": 0, "width": width, "height": min(tall, 1600)}
        picture = Path(SHOTS) / f"{name}-{width}-{scheme}.png"
        page.screenshot(path=picture, full_page=True, clip=clip)
