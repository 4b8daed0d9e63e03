"""An agent log from the request to a line in a file, in a real browser."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Complaints, Console, Open
from tests.browser.steps import fetch_log


def test_a_log_is_fetched_searched_and_a_line_shared_by_link(
    console: Console, open_page: Open, complaints: Complaints
) -> None:
    page = open_page(console, "helpdesk")
    fetch_log(page)
    mark = page.locator("#request-devices .status", has_text="Log")
    expect(mark).to_contain_text("Log requested")
    expect(mark).to_contain_text("Log ready", timeout=40_000)

    mark.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Agent log of")
    page.get_by_role("link", name="service.log").click()
    page.get_by_label("Search in this file").fill("did not answer in time")
    page.get_by_role("button", name="Search").click()
    hit = page.locator(".log-hit").first
    expect(hit.locator("mark")).to_have_text("did not answer in time")
    line_text = hit.locator("code").inner_text()
    assert "ERROR" in line_text
    hit.locator(".log-number").click()
    expect(page.locator(".log-line:target code")).to_have_text(line_text)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link to line").click()
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"/logs/[0-9a-f-]{36}/\?file=\d+&line=\d+#L\d+$", link)

    other = open_page(console, "operator")
    other.goto(link)
    line = other.locator(".log-line:target")
    expect(line).to_be_in_viewport()
    expect(line.locator("code")).to_have_text(line_text)
