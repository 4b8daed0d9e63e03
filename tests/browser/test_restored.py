"""After a restore: the notice leads to what is in doubt, and a person resumes below that list."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints, Console, Open, running_console, wait_for_inventory
from tests.browser.test_pages import ALL, COLOURS, NARROW, WIDE, is_too_wide, save, violations

RESTORE = """
from actions.dispatch import claims
from actions.models import Device, VendorAccount
from dashboard.models import User
from tests.factories import actor_for, make_request
claims.freeze_restored("nothing is sent meanwhile")
VendorAccount.objects.update(restored_at=None)
ids = list(Device.objects.filter(status="compliant").values_list("vendor_id", flat=True)[:60])
person = actor_for(User.objects.get(username="operator"))
make_request(person, *ids, kind="exempt")
make_request(person, *ids[:2], kind="dhcprenew")
claims.freeze_restored("A backup of 2026-11-28 10:00 UTC was restored.")
"""


@pytest.fixture
def restored(chromium: Browser) -> Iterator[Console]:
    """A console of its own, because the others must go on sending."""
    with running_console(130) as console:
        yield console


def problems_of(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page, wide and narrow, light and dark."""
    page.evaluate(Axe().axe_script)
    found = []
    for width, height in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": height})
        for scheme, rules in (("light", ALL), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            found += [f"{width} {scheme}: {each}" for each in violations(page, rules)]
            if is_too_wide(page):
                found.append(f"{width} {scheme}: the page scrolls sideways")
            save(page, name, width, scheme)
    return found


def test_h1_a_person_reads_what_is_in_doubt_and_resumes(
    restored: Console, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("htmx:")  # Leaving the page aborts a running poll.
    page = open_page(restored, "operator")
    wait_for_inventory(page)
    restored.manage("shell", "--no-imports", "-c", RESTORE)

    page.goto("/")
    page.get_by_role("link", name="Show what is in doubt").click()
    expect(page.get_by_role("heading", name="Sending is frozen: the database")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Read back")
    expect(row).to_contain_text("Exempt")
    expect(row).to_contain_text("60")
    assert problems_of(page, "vendor-calls-restored") == []

    row.get_by_role("link", name="Exempt").click()
    expect(page.get_by_role("heading", name="Devices in doubt")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(50)
    assert problems_of(page, "in-doubt") == []
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(10)

    page.get_by_role("link", name="Vendor calls").last.click()
    page.get_by_label("Reason", exact=True).fill("Compared with the vendor's event log")
    page.get_by_role("button", name="Resume sending").click()
    expect(page.get_by_text("Sending is resumed.")).to_be_visible()
    expect(page.locator(".banner").filter(has_text="Sending is frozen")).to_have_count(0)
