"""How fast a large fleet is listed, searched and counted, compared with Django's admin."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection, reset_queries
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest
from actions.dispatch.models import DispatcherHeartbeat
from actions.ratelimit.models import VendorAccount
from dashboard.models import User
from tests.bench import fleet
from tests.bench.client import PageClient
from tests.bench.result import Line, Spread, duration, spread

SECONDS, QUERIES = 0.15, 10
LAST = 5
"""How many of the admin's last pages are requested in turn."""


_SEARCHES: dict[str, Callable[[int], str]] = {
    "search, a hundred found": lambda n: f"q=user{n}%40",
    "search, one found": lambda n: f"q=d10{n:05}",
    "search, all found": lambda n: "q=corp.example",
    "search, none found": lambda n: f"q=nobody{n}",
    "search of two letters": lambda n: f"q={n:02}",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One list page: its query string for each try, and the admin's where it has the same."""

    who: str
    ours: Callable[[int], str]
    admins: Callable[[int], str] | None = None
    typed: bool = False
    """Whether the search box or a filter sends it: the browser then gets only the list."""


def lists(*, quick: bool) -> list[Line]:
    """Pages of 50 of 100,000 devices with 2,000,000 commands, as a browser requests them.

    The table is filled by INSERT ... SELECT in the database. Each page is requested from the
    real views in this process, 40 times with other values each time (8 when quick, and a tenth
    of the rows): what is measured is the server's time with its templates. Searches and filters
    are measured twice: as the whole page of the URL, and, "as typed", as the list alone, which
    a browser requests while the user types. Django's admin lists the same table with the same
    columns, filters and search in the same run; it counts with each page, so in the comparison
    ours is what the browser requests (as typed, where that is measured) and the exact count
    together; the ratio has no bound. The 95th percentile of our own pages is compared with
    the bound.
    """
    devices, tries = (10_000, 8) if quick else (100_000, 40)
    call_command("collectstatic", interactive=False, verbosity=0)  # The admin has static files too.
    action_requests = fleet.build(devices, 20)
    client = _signed_in_client()
    lines = []
    for query in _page_queries(devices, action_requests):
        lines += _compared(client, query, tries, bounded=not quick)
    lines.append(_queries(client))
    return lines


def _page_queries(devices: int, action_requests: list[ActionRequest]) -> Iterator[Query]:
    last = -(-devices // 50)
    failed = urlencode({"request": action_requests[3].uuid, "outcome": "failed"})
    yield Query("list", lambda n: "", lambda n: "")
    yield Query(
        "filter by two",
        lambda n: "status=non_compliant&type=laptop",
        lambda n: "status=non_compliant&device_type=laptop",
        typed=True,
    )
    for who, search in _SEARCHES.items():
        yield Query(who, search, search, typed=True)
    yield Query("sort by last seen", lambda n: "sort=-seen", lambda n: "o=-9")
    yield Query("sort by agent version", lambda n: "sort=agent", lambda n: "o=5")
    yield Query("last page", lambda n: "page=last", lambda n: f"p={last - n % LAST}")
    yield Query(
        "last page by last seen", lambda n: "sort=seen&page=last", lambda n: f"o=9&p={last}"
    )
    yield Query("acted on in the last 7 days", lambda n: f"acted={7 + n}d")
    yield Query("acted on in the last hours", lambda n: f"acted={1 + n % 4}h")
    yield Query("failed in a request", lambda n: failed)
    yield Query("exempted, by last seen", lambda n: "exemption=now&sort=-seen")


def _compared(client: PageClient, query: Query, tries: int, *, bounded: bool) -> list[Line]:
    page = _times(client, "/devices/?", query.ours, tries)
    counting = _times(client, "/devices/count/?", query.ours, tries, "device-count")
    lines = [
        _line(query.who, page, bounded=bounded),
        _line(f"{query.who}: its exact count", counting, bounded=bounded),
    ]
    if query.typed:
        page = _times(client, "/devices/?", query.ours, tries, "device-list")
        lines.append(_line(f"{query.who}: as typed", page, bounded=bounded))
    if query.admins:
        theirs = _times(client, "/admin/actions/device/?", query.admins, max(5, tries // 4))
        both = page.median + counting.median
        ratio = theirs.median / both
        text = f"{duration(theirs.median)} against {duration(both)}: {ratio:.1f} ×"
        # The text holds the ratio; as `value` it would be divided by our seconds.
        lines.append(Line(f"{query.who}: Django's admin", text))
    return lines


def _line(who: str, took: Spread, *, bounded: bool) -> Line:
    kept = took.p95 < SECONDS if bounded else None
    return Line(who, str(took), took.p95, f"< {duration(SECONDS)}" if bounded else "", kept)


def _times(
    client: PageClient, place: str, query: Callable[[int], str], tries: int, part: str = ""
) -> Spread:
    """Measure the URLs as whole pages, or as the fragment `part` that htmx requests."""
    headers = {"HX-Request": "true", "HX-Target": part} if part else {}
    urls = [place + query(n) for n in range(1, tries + 1)]
    return spread([_seconds(client, url, headers) for url in urls])


def _seconds(client: PageClient, url: str, headers: dict[str, str]) -> float:
    reset_queries()
    start = time.perf_counter()
    answer = client.get(url, headers=headers)
    took = time.perf_counter() - start
    if answer.status_code != 200:
        raise RuntimeError(f"{url} answered {answer.status_code}")
    return took


def _queries(client: PageClient) -> Line:
    highest = 0
    for query in ("", "q=user1&status=compliant", "sort=-seen&page=last", "acted=7d"):
        with CaptureQueriesContext(connection) as found:
            client.get(f"/devices/?{query}")
        highest = max(highest, len(found))
    return Line("queries of a page", str(highest), highest, f"≤ {QUERIES}", highest <= QUERIES)


def _signed_in_client() -> PageClient:
    person = User.objects.get(username="oscar")
    person.is_staff = person.is_superuser = True
    person.save()
    client = PageClient(headers={"host": "localhost"})
    client.force_login(person)
    # As in production: a dispatcher's heartbeat and the vendor account exist.
    DispatcherHeartbeat.objects.create(name="bench", heartbeat_at=now() + timedelta(hours=1))
    VendorAccount.objects.get_or_create(pk=1)
    client.get("/devices/")
    return client
