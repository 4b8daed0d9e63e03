"""How long it takes to match 100,000 pasted lines, and to open Compose for as many."""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.urls import reverse

from actions.inventory.models import Device, DeviceMac
from actions.selections import list_matching
from actions.selections.choose import choose_devices
from actions.selections.list_parser import column_of
from actions.selections.list_reader import read_text
from dashboard.models import User
from tests.bench import setup
from tests.bench.client import PageClient
from tests.bench.result import Line, duration, spread

SECONDS_TO_LOOK_UP, SECONDS_TO_COMPOSE = 2.0, 0.3
TRIES = 5
PAGE_TRIES = 15


def pick(*, quick: bool) -> list[Line]:
    """From pasted lines to the match of each, and Compose with its cost for as many devices.

    The inventory holds as many devices as there are lines; the lines are ids, MACs in four
    notations, names in another case and texts that name nothing, in equal parts. Compose is
    requested from the real view in this process: the page without an action, then the part with
    the cost. Medians of five matches (three when quick) and of fifteen requests of a page; the
    first of each is not counted.
    """
    count, tries = (20_000, 3) if quick else (100_000, TRIES)
    ids = setup.names("d", count)
    setup.add_to_inventory(ids)
    devices = list(Device.objects.order_by("pk"))
    DeviceMac.objects.bulk_create(
        (DeviceMac(device=device, mac=device.mac) for device in devices), batch_size=5000
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    text = "\n".join(_line(number, device) for number, device in enumerate(devices))
    return [
        _timed(f"{count:,} pasted lines", lambda: _look_up(text), tries, SECONDS_TO_LOOK_UP),
        *_compose(),
    ]


def _line(number: int, device: Device) -> str:
    mac = device.mac
    plain = mac.replace(":", "")
    dotted = f"{plain[:4]}.{plain[4:8]}.{plain[8:]}"
    forms = [device.vendor_id, mac.lower(), mac.replace(":", "-"), dotted, plain]
    forms += [device.name.upper(), f"nobody {number}"]
    return forms[number % len(forms)]


def _look_up(text: str) -> list[list_matching.Line]:
    rows = read_text(text).rows
    column, heading = list_matching.guess_column(rows)
    return list_matching.match_lines(column_of(rows[heading:], column))


def _compose() -> list[Line]:
    chosen = choose_devices(Device.objects.all(), setup.operator())
    client = PageClient(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="oscar"))
    page = f"{reverse('compose')}?selection={chosen.uuid}"
    part = {"HX-Request": "true", "HX-Target": "preview"}
    requests: dict[str, Callable[[], Any]] = {
        "Compose for them": lambda: client.get(page),
        "the cost of exempt": lambda: client.get(f"{page}&kind=exempt", headers=part),
        "the cost of fetch agent log": lambda: client.get(
            f"{page}&kind=fetch_agent_log", headers=part
        ),
    }
    return [_timed(who, ask, PAGE_TRIES, SECONDS_TO_COMPOSE) for who, ask in requests.items()]


def _timed(who: str, work: Callable[[], object], tries: int, max_seconds: float) -> Line:
    work()
    took = spread([_seconds(work) for _ in range(tries)])
    return Line(
        who, str(took), took.median, f"< {duration(max_seconds)}", took.median < max_seconds
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
