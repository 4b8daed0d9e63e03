"""The audit pages: find who exempted a device, verify the trail, download an export."""

import zipfile
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Console, Open
from tests.browser.steps import choose_first, fill_exemption, review_and_send

REASON = "Scanner update on Sunday"


def exempt_one(page: Page) -> str:
    """Exempt the first device of the list and return its name."""
    choose_first(page, 1, "size=25")
    fill_exemption(page, REASON)
    review_and_send(page, "Exempt 1 device")
    expect(page.locator("#progress[data-finished]")).to_be_attached(timeout=30_000)
    return page.locator("tbody th bdi").first.inner_text()


def forget_first(console: Console) -> None:
    """Delete the first device of the list from the inventory."""
    first = "D.objects.filter(gone_at=None).order_by('name', 'id').first()"
    code = f"from actions.models import Device as D; {first}.delete()"
    console.manage("shell", "--no-imports", "-c", code)


def test_three_inputs_find_who_exempted_a_device_that_is_no_longer_in_the_inventory(
    console: Console, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("htmx:")  # Leaving the page aborts a running poll.
    name = exempt_one(open_page(console, "operator"))
    forget_first(console)
    today = datetime.now(UTC).date()
    page = open_page(console, "auditor")
    page.goto("/audit/")
    page.get_by_label("Device", exact=True).fill(name.upper())
    page.get_by_label("From").fill(str(today - timedelta(days=1)))
    page.get_by_label("Until").fill(str(today))
    page.wait_for_url(f"**until={today}*")
    row = page.get_by_role("row").filter(has_text="Request submitted").first
    expect(row).to_contain_text("operator")
    expect(row).to_contain_text("exempt for 24 h")
    expect(row).to_contain_text(REASON)
    expect(page.get_by_role("row").filter(has_text="Call answered").first).to_contain_text(
        "Accepted"
    )
    expect(page.get_by_role("row").filter(has_text="Person signed in")).to_have_count(0)
    page.reload()  # The URL holds the whole query.
    expect(row).to_contain_text(REASON)


def test_an_auditor_verifies_the_trail_and_downloads_an_export(
    console: Console, open_page: Open, complaints: Complaints
) -> None:
    complaints.expect("htmx:")  # Leaving the page aborts a running poll.
    page = open_page(console, "auditor")
    page.goto("/audit/?verb=person.signed_in")
    page.get_by_role("button", name="XLSX").click()
    page.get_by_role("button", name="Verify the audit trail").click()
    expect(page.get_by_text("Verified:")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").first.click()
    with zipfile.ZipFile(download.value.path()) as box:
        assert sorted(box.namelist()) == ["audit.xlsx", "manifest.json"]
    page.goto("/audit/?verb=audit.export_taken")
    page.get_by_role("region", name="Audit trail").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Event")
    expect(page.get_by_text("Signature", exact=True)).to_be_visible()
