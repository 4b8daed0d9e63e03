"""A database that is cut off for a moment: no answer of the vendor is lost, no page is an error."""

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
from tests.chaos.chronicle import Chronicle
from tests.chaos.disturber import Disturber, Temper
from tests.chaos.place import opened_place


@pytest.mark.processes
def test_an_answer_outlives_a_database_that_was_cut_off_during_the_call() -> None:
    with opened_place(1) as place:
        place.vendor.add_device(device_id="struck")
        place.vendor.fault("slow", seconds=1.2)
        disturber = Disturber(place, Chronicle(), 1, Temper((0, 0), (1.5, 1.5)))
        place.submit("delete", "struck")
        pump = place.spawn_manage("dispatch", "--seconds", "6")
        place.until(lambda: place.vendor.applied["delete", "struck"])

        disturber.shake_database()

        place.until(lambda: place.statuses()["struck"] != "sending", 20)
        assert place.rows("SELECT vendor_status, http_status FROM actions_devicecommand") == [
            (1, 200)
        ], place.said()
        assert pump.wait(20) == 0, place.said()


@login_not_required
def cut_off(request: HttpRequest) -> NoReturn:
    raise OperationalError("server closed the connection unexpectedly")


@login_not_required
def closed(request: HttpRequest) -> NoReturn:
    raise InterfaceError("connection already closed")


@login_not_required
def mistaken(request: HttpRequest) -> NoReturn:
    raise ValueError("this one is ours")


urlpatterns = [
    *pages,
    path("cut-off", cut_off),
    path("closed", closed),
    path("mistaken", mistaken),
]
handler500 = "dashboard.views.errors.server_error"

PAGES = [("/cut-off", 503), ("/closed", 503), ("/mistaken", 500)]


@pytest.mark.parametrize(("url", "status"), PAGES)
def test_a_page_without_its_database_says_come_back_in_a_moment(
    settings: Any, url: str, status: int
) -> None:
    settings.ROOT_URLCONF = "tests.chaos.test_database_away"

    response = Client(raise_request_exception=False).get(url)
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs for ever in this one.
        visit = AsyncClient(raise_request_exception=False).get(url)
        with_asgi = thread.submit(asyncio.run, visit).result()

    assert (response.status_code, with_asgi.status_code) == (status, status)
    assert response.get("Retry-After") == ("2" if status == 503 else None)
