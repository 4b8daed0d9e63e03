"""The preview of a request in a real browser."""

from playwright.sync_api import expect

from tests.browser.conftest import Console, Open
from tests.browser.steps import choose_first


def test_the_preview_follows_the_action_and_one_click_excludes_unsupported_devices(
    console: Console, open_page: Open
) -> None:
    page = open_page(console, "operator")
    choose_first(page, 60)
    expect(page.locator("#preview")).to_contain_text("Choose an action")
    page.get_by_role("radio", name="Exempt Allow").check()
    page.get_by_role("button", name="1 day").click()
    page.get_by_label("Ticket", exact=True).fill("CHG-7")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Not supported")
    expect(preview).to_contain_text("Not for status ignored or out of license usage or unknown.")
    button = preview.get_by_role("button", name="Exclude").first
    excluded = int(button.inner_text().split()[1])

    button.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{60 - excluded} devices")
    expect(page.locator("#preview")).not_to_contain_text("Not supported")
    expect(page.get_by_label("Ticket", exact=True)).to_have_value("CHG-7")
    expect(page.get_by_label("Hours", exact=True)).to_have_value("24")
    page.get_by_label("Reason", exact=True).fill("the rest of them")
    page.get_by_label("Ticket", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="What will be sent")).to_be_visible()
