"""Fixtures: a real Chromium, and a console that `manage.py up` starts in a new folder."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.ports import free_port
from tests.processes.databases import empty_database
from tests.processes.installation import (
    MANAGE,
    ROOT,
    bare_environment,
    processes_of,
    short_folder,
)

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-sandbox"),
]
QUICK = "10/3"
"""The rate limit in these tests: ten calls in three seconds instead of sixty."""

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")


@dataclass
class Console:
    """A running console: its URL, the passwords of its users, its folder and its log."""

    url: str
    passwords: dict[str, str]
    folder: Path
    log: Path
    env: dict[str, str] = field(repr=False)
    sessions: dict[str, Any] = field(default_factory=dict, repr=False)

    def manage(self, *arguments: str) -> None:
        """Run a command of manage.py on the same data."""
        subprocess.run([*MANAGE, *arguments], cwd=ROOT, env=self.env, check=True, timeout=60)


@contextmanager
def running_console(devices: int, **variables: str) -> Iterator[Console]:
    """Start everything with one command, and stop it with the signal of Ctrl-C."""
    with short_folder() as folder, empty_database(folder) as database:
        port = free_port()
        env = bare_environment(folder) | {
            "DATABASE_URL": database.url,
            "OPSWAT_RATE_LIMIT": QUICK,
            "AGENT_LOG_FIRST_POLL": "2",
            **variables,
        }
        log = folder / "up.log"
        command = [*MANAGE, "up", "--port", str(port), "--devices", str(devices)]
        command += ["--log-delay", "4"]
        command += ["--changes", "0"]  # No device changes while a test counts.
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
            )
        try:
            yield Console(f"http://localhost:{port}", _passwords(process, log), folder, log, env)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            finally:
                for left in processes_of(folder):
                    os.kill(left, signal.SIGKILL)


def _passwords(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    """Wait until `up` has printed the users, and return the passwords by user name."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        output = log.read_text(errors="replace")
        if "Press Ctrl-C to stop" in output:
            return dict(re.findall(r"^ +(viewer|helpdesk|operator|auditor) +(\S+)$", output, re.M))
        time.sleep(0.05)
    raise AssertionError(f"The console did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the browser. Without one, the tests are skipped, but in CI they fail."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path  # Playwright's own browser, if installed.
        program = next(filter(None, map(shutil.which, (*NAMES, own))), None)
        if program is None:
            if os.environ.get("CI"):
                pytest.fail("No Chromium in CI: the browser tests must run there.")
            pytest.skip("no Chromium on this machine")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def console(chromium: Browser) -> Iterator[Console]:
    """Start one console for all tests that do not break it."""
    with running_console(130) as running:
        yield running


@dataclass
class Complaints:
    """Errors that the browser reports, apart from those that a test expects."""

    found: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, *parts: str) -> None:
        """Ignore complaints that contain one of these texts."""
        self.expected += parts

    def check(self) -> None:
        """Fail if there are other complaints."""
        unknown = [each for each in self.found if not any(part in each for part in self.expected)]
        assert unknown == []


Open = Callable[..., Page]


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(chromium: Browser, complaints: Complaints) -> Iterator[Open]:
    """Open a page in a new session. Other hosts are blocked; all complaints are recorded."""
    contexts = []

    def opened(console: Console, who: str = "", **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"} | options
        options["storage_state"] = console.sessions.get(who)
        context = chromium.new_context(base_url=console.url, **options)
        contexts.append(context)
        context.route("**/*", lambda route: _block_other_hosts(route, console.url, complaints))
        page = context.new_page()
        _listen(page, complaints)
        if who and who not in console.sessions:
            sign_in(page, console, who)
            console.sessions[who] = context.storage_state()
        elif who:
            page.goto("/")
        return page

    yield opened
    for context in contexts:
        context.close()
    complaints.check()


def _block_other_hosts(route: Route, home: str, complaints: Complaints) -> None:
    if route.request.url.startswith((home + "/", "data:")):
        route.continue_()
        return
    complaints.found.append(f"asked another host: {route.request.url}")
    route.abort()


def _listen(page: Page, complaints: Complaints) -> None:
    found = complaints.found
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("response", lambda answer: _record_status(answer, found))
    page.on("dialog", lambda dialog: _dismiss(dialog, found))
    page.on("requestfailed", lambda request: _failed(request, found))


def _record_status(answer: Any, found: list[str]) -> None:
    if answer.status >= 400:
        found.append(f"{answer.status}: {answer.url}")


def _dismiss(dialog: Any, found: list[str]) -> None:
    found.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _failed(request: Any, found: list[str]) -> None:
    # Leaving a page aborts its stream and its requests; that is not a failure.
    if request.failure != "net::ERR_ABORTED":
        found.append(f"failed: {request.failure} {request.url}")


def sign_in(page: Page, console: Console, who: str) -> None:
    """Sign in through the form with the password that `up` printed."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(who)
    page.get_by_label("Password").fill(console.passwords[who])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(console.url + "/")


def wait_for_inventory(page: Page, view: str = "size=100") -> None:
    """Wait until the inventory has been read, and open the device list."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        page.goto(f"/devices/?{view}")
        # The link "Inventory reads" is always there.
        if page.get_by_text(re.compile(r"Inventory read\b")).count():
            page.reload()  # The list may be older than the last page of the inventory.
            return
        time.sleep(0.3)
    raise AssertionError("The inventory was not read.")
