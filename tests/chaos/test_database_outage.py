"""A short database outage loses no vendor answer, and pages answer 503 instead of 500."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.urls import path

from dashboard.urls import urlpatterns as pages
from tests.chaos.event_log import EventLog
from tests.chaos.fault_injector import FaultInjector, FaultProfile
from tests.chaos.installation import open_installation


@pytest.mark.processes
def test_an_answer_is_stored_although_the_database_was_cut_off_during_the_call() -> None:
    with open_installation(1) as installation:
        installation.vendor.add_device(device_id="struck")
        installation.vendor.fault("slow", seconds=1.2)
        injector = FaultInjector(installation, EventLog(), 1, FaultProfile((0, 0), (1.5, 1.5)))
        installation.submit("delete", "struck")
        dispatcher = installation.spawn_manage("dispatch", "--seconds", "6")
        installation.wait_until(lambda: installation.vendor.applied["delete", "struck"])

        injector.disrupt_database()

        installation.wait_until(lambda: installation.statuses()["struck"] != "sending", 20)
        assert installation.rows(
            "SELECT vendor_status, http_status FROM actions_devicecommand"
        ) == [(1, 200)], installation.output()
        assert dispatcher.wait(20) == 0, installation.output()


@login_not_required
def cut_off(request: HttpRequest) -> NoReturn:
    raise OperationalError("server closed the connection unexpectedly")


@login_not_required
def closed(request: HttpRequest) -> NoReturn:
    raise InterfaceError("connection already closed")


@login_not_required
def failing(request: HttpRequest) -> NoReturn:
    raise ValueError("an error of our own")


urlpatterns = [
    *pages,
    path("cut-off", cut_off),
    path("closed", closed),
    path("failing", failing),
]
handler500 = "dashboard.views.errors.server_error"

PAGES = [("/cut-off", 503), ("/closed", 503), ("/failing", 500)]


@pytest.mark.parametrize(("url", "status"), PAGES)
def test_a_page_answers_503_with_retry_after_while_its_database_is_unavailable(
    settings: Any, url: str, status: int
) -> None:
    settings.ROOT_URLCONF = "tests.chaos.test_database_outage"

    response = Client(raise_request_exception=False).get(url)
    with ThreadPoolExecutor(1) as thread:  # Playwright's event loop keeps running in this thread.
        visit = AsyncClient(raise_request_exception=False).get(url)
        with_asgi = thread.submit(asyncio.run, visit).result()

    assert (response.status_code, with_asgi.status_code) == (status, status)
    assert response.get("Retry-After") == ("2" if status == 503 else None)
