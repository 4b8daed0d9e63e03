"""Sign-in and the end of a session in a real browser."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Console
from tests.browser.steps import choose_first, mark

LISTED = "KIOSK-1\nKIOSK-2 & more"


@pytest.fixture
def tab(chromium: Browser, console: Console) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page in a browser of its own."""
    contexts = []

    def opened(**options: object) -> Page:
        contexts.append(chromium.new_context(base_url=console.url, **options))  # type: ignore[arg-type]
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def sign_in(page: Page, console: Console, name: str = "operator", at: str = "") -> None:
    if at:
        page.goto(at)
    expect(page.locator("[data-sign-in]")).to_be_visible()
    page.wait_for_load_state("load")  # Its script marks the form that led here.
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(console.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("body[data-person]")).to_be_attached()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("[data-sign-in]")).to_be_visible()


def end_session(page: Page, *, polls: bool = False) -> None:
    """End the session; unless `polls`, what the page requests by itself does not find out first."""
    if not polls:
        page.wait_for_load_state("networkidle")
        page.route("**/*", _without_polls)
    page.context.clear_cookies(name="session")


def _without_polls(route: Route) -> None:
    if "x-unattended" in route.request.headers:
        route.abort()
    else:
        route.continue_()


def wait_until_forgotten(page: Page, text: str) -> None:
    """Wait until the browser keeps nothing with this text; no script may poll in the page (CSP)."""
    end = time.monotonic() + 30
    while text in page.evaluate("JSON.stringify(sessionStorage)"):
        assert time.monotonic() < end, f"{text} is still stored."
        page.wait_for_timeout(50)


def test_a4_a_form_whose_session_ended_is_filled_in_again(console, tab):
    page = tab()
    sign_in(page, console, at="/accounts/login/")
    choose_first(page, 3)
    page.get_by_role("radio", name="Renew DHCP").check()
    page.get_by_label("Reason", exact=True).fill("no address")
    page.get_by_label("Ticket").fill("INC-7")
    end_session(page)
    page.get_by_role("button", name="Review").click()
    sign_in(page, console)

    expect(page.get_by_role("heading", level=1)).to_contain_text("3 devices")
    expect(page.get_by_role("radio", name="Renew DHCP")).to_be_checked()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("no address")
    expect(page.get_by_label("Ticket")).to_have_value("INC-7")
    expect(page.get_by_role("status").filter(has_text="nothing was sent")).to_be_visible()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Renew DHCP 3 devices?")

    # From the review, too, where the address does not name the devices.
    end_session(page)
    page.locator("button[value=send]").click()
    sign_in(page, console)
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 devices")
    expect(page.get_by_label("Reason", exact=True)).to_have_value("no address")


def test_a4_another_person_finds_nothing_of_the_form(console, tab):
    page = tab()
    sign_in(page, console, at="/devices/lists/")
    page.locator("textarea[name=lines]").fill(LISTED)
    end_session(page)
    page.get_by_role("button", name="Look up devices").click()
    sign_in(page, console, "helpdesk")
    wait_until_forgotten(page, "KIOSK")
    expect(page.locator("textarea[name=lines]")).to_have_value("")


def test_case_60_the_list_is_still_there_after_a_new_sign_in_in_another_tab(console, tab):
    first = tab()
    sign_in(first, console, at="/devices/lists/")
    first.locator("textarea[name=lines]").fill(LISTED)
    second = first.context.new_page()
    second.goto("/")
    second.get_by_role("button", name="Sign out").click()
    sign_in(second, console)

    first.get_by_role("button", name="Look up devices").click()

    expect(first.get_by_role("heading", name="This form is no longer valid")).to_be_visible()
    expect(first.locator("textarea[name=lines]")).to_have_value(LISTED)
    first.get_by_role("button", name="Send again").click()
    first.wait_for_url("**/devices/lists/*-*/")


def test_case_61_a_search_after_the_end_of_the_session_leads_back_to_it(console, tab):
    page = tab()
    sign_in(page, console, at="/devices/?q=PC-00")
    end_session(page)
    page.locator("#q").fill("PC-01")
    expect(page.locator("[data-sign-in]")).to_be_visible()
    sign_in(page, console)
    page.wait_for_url("**/devices/?q=PC-01*")


def test_case_61_a_page_that_polls_leads_back_to_itself(console, tab):
    page = tab()
    sign_in(page, console, at="/inventory/?x=1")
    mark(page)
    end_session(page, polls=True)
    expect(page.locator("[data-sign-in]")).to_be_visible(timeout=30_000)
    sign_in(page, console)
    page.wait_for_url("**/inventory/?x=1")


def test_m2_back_after_sign_out_shows_nothing(console, tab):
    page = tab()
    sign_in(page, console, at="/audit/")
    page.goto("/requests/")
    sign_out(page)
    for _ in range(2):
        page.go_back()
        expect(page.locator("[data-sign-in]")).to_be_visible()
        assert "Person signed in" not in page.content()


def test_m2_the_next_person_finds_no_chosen_devices(console, tab):
    page = tab()
    sign_in(page, console, at="/devices/")
    page.evaluate("sessionStorage.setItem('selection:devices', '{\"ids\":[\"1\"]}')")
    end_session(page)
    page.goto("/devices/")
    sign_in(page, console, "helpdesk")
    wait_until_forgotten(page, "selection:")


def test_m2_requests_that_a_page_makes_by_itself_say_so(console, tab):
    page = tab()
    sign_in(page, console, at="/inventory/")
    with page.expect_request(lambda request: "hx-request" in request.headers) as seen:
        pass
    assert seen.value.headers["x-unattended"] == "1"
    page.goto("/devices/")
    with page.expect_request(lambda request: "q=PC" in request.url) as seen:
        page.locator("#q").fill("PC")
    assert "x-unattended" not in seen.value.headers


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_sign_in_fit_and_look_like_the_console(console, tab, width, scheme):
    page = tab(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto("/accounts/login/")
    name = f"nobody-{width}-{scheme}"
    for _ in range(6):
        page.goto("/accounts/login/?next=/devices/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state()
    expect(page.get_by_role("heading", name="Too many failed sign-ins")).to_be_visible()
    expect(page.locator("time[data-countdown]")).to_contain_text(" s")
    page.get_by_role("link", name="Back to sign-in").click()
    expect(page).to_have_url(f"{console.url}/accounts/login/?next=%2Fdevices%2F")
    for path in ("/accounts/login/", "/no/such/page/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
