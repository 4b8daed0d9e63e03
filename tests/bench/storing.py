"""How long it takes to submit a whole fleet, and to open the pages of the request."""

import time
from collections.abc import Callable

from django.db import connection
from django.urls import reverse

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from dashboard.models import User
from tests.bench import setup
from tests.bench.client import PageClient
from tests.bench.installation import Installation
from tests.bench.result import Line, duration, spread

SECONDS_TO_STORE, SECONDS_TO_SHOW = 3.0, 0.3
TRIES = 5
PAGE_TRIES = 15


def submit(*, quick: bool) -> list[Line]:
    """From the list of ids to the committed request, and the pages of it while it runs.

    All devices are in the inventory and each try is checked, stored and committed whole: the
    request, a row for each device with its known fields, and the audit line. After the first
    one half of its rows are settled, and its page, its live part and the list of requests are
    requested from the real views in this process: what is measured is the server's time. In the
    end all tries wait, and the page of the last one is requested again. Medians of five
    submits (three when quick) and of fifteen requests of a page, the first of which is not counted.
    """
    count, tries = (20_000, 3) if quick else (100_000, TRIES)
    ids = setup.names("d", count)
    setup.add_to_inventory(ids)
    with Installation() as installation:
        installation.redis()
        took = [_seconds(lambda: setup.submit(ids, "exempt", listed=True))]
        action_request = ActionRequest.objects.latest("id")
        _settle_half(action_request)
        pages = _pages(action_request)
        while len(took) < tries:
            took.append(_seconds(lambda: setup.submit(ids, "exempt", listed=True)))
        stored = spread(took)
        last_page = _pages(ActionRequest.objects.latest("id"))[0]
        return [
            Line(
                f"{count:,} devices until stored",
                str(stored),
                stored.median,
                "" if quick else f"< {SECONDS_TO_STORE:g} s",
                None if quick else stored.median < SECONDS_TO_STORE,
            ),
            *pages,
            Line(f"its page while {tries} such wait", last_page.text, last_page.value),
        ]


def _pages(action_request: ActionRequest) -> list[Line]:
    client = PageClient(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="oscar"))
    page = reverse("action_request", args=[action_request.uuid])
    live = {"HX-Request": "true", "HX-Target": "progress-live"}
    requests: dict[str, Callable[[], object]] = {
        "its page while it runs": lambda: client.get(page),
        "its live part": lambda: client.get(page, {"v": "0"}, headers=live),
        "its last page of devices": lambda: client.get(
            page, {"page": action_request.device_count // 100}
        ),
        "the list of requests": lambda: client.get(reverse("action_requests")),
    }
    lines = []
    for who, ask in requests.items():
        ask()
        took = spread([_seconds(ask) for _ in range(PAGE_TRIES)])
        kept = took.median < SECONDS_TO_SHOW
        bound = f"< {duration(SECONDS_TO_SHOW)}"
        lines.append(Line(who, str(took), took.median, bound, kept))
    return lines


def _settle_half(action_request: ActionRequest) -> None:
    """Settle the first half of the rows: one in a hundred failed, the others accepted."""
    rows = DeviceCommand.objects.filter(request=action_request)
    first, last = rows.order_by("id")[0].pk, rows.order_by("-id")[0].pk
    middle = rows.filter(pk__lt=(first + last) // 2)
    middle.extra(where=["id %% 100 = 0"]).update(status=CommandStatus.FAILED)
    middle.filter(status=CommandStatus.QUEUED).update(status=CommandStatus.ACCEPTED)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
