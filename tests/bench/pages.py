"""Many open pages of one running request: the server's CPU and the delay of updates."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from django.db import transaction
from django.urls import reverse

from actions.action_requests import recording
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from tests.bench import setup
from tests.bench.installation import Installation
from tests.bench.latency import session_cookie
from tests.bench.result import Line, spread

CHANGE_EVERY = 6.0
SPARE_FILES = 200


def open_pages(*, quick: bool) -> list[Line]:
    """From the commit of a change to each of 300 open pages, and the web server's share of a core.

    In real time: uvicorn with one process, Redis and SQLite; one request of 5,000 devices whose
    fifty next rows are settled every 6 s, five times (100 pages, twice, when quick). The pages
    are sockets of one other process, all of the same request. First each holds its stream open,
    then the same pages poll every 2 s for newer versions, as the page's script does without a
    stream; an answer of "nothing new" is a 204. The server's CPU is user and system time of its
    process over the time in which changes came. A page that saw a change late, by more than the
    run lasted after it, counts with the next one that it saw, or else as unseen.
    """
    pages, changes = (100, 2) if quick else (300, 5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * pages)), hard))
    pages = min(pages, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
    return [
        _run("stream", "streams (this engine)", pages, changes),
        _run("poll", "polling each 2 s", pages, changes),
    ]


def _run(how: str, who: str, pages: int, changes: int) -> Line:
    with Installation() as installation:
        installation.redis()
        # One person opens all pages here: a person may have a quarter of the connections.
        limits = {"WEB_STREAMS_PER_PERSON": pages, "WEB_CONNECTIONS": 4 * (pages + 10)}
        installation.configure(ENGINE_VERIFY_AFTER=0, **limits)
        action_request = setup.submit(setup.names(f"{how}-", 5_000), "exempt")
        server, port = installation.web()
        os.environ["PAGE_CLIENTS_PORT"] = str(port)
        os.environ["PAGE_CLIENTS_COOKIE"] = session_cookie()
        view = "action_request_stream" if how == "stream" else "action_request"
        os.environ["PAGE_CLIENTS_PATH"] = reverse(view, args=[action_request.uuid])
        # Time to open all, then the changes, then time for the last one to be seen.
        opening = 4.0 + pages * 0.03
        seconds = opening + changes * CHANGE_EVERY
        page_clients = installation.spawn(
            *(sys.executable, "-m", "tests.bench.page_clients", how, str(pages), str(seconds)),
            stdout=subprocess.PIPE,
        )
        time.sleep(opening)
        before, begin = _cpu(server.pid), time.monotonic()
        committed = {}
        for number in range(changes):
            version, committed_at = _change(action_request)
            committed[version] = committed_at
            time.sleep(max(0.0, begin + (number + 1) * CHANGE_EVERY - time.monotonic() - 0.2))
        share = (_cpu(server.pid) - before) / (time.monotonic() - begin)
        output, _ = page_clients.communicate(timeout=60)
    seen = json.loads(output)
    late, unseen = [], 0
    for page in seen:
        for version, committed_at in committed.items():
            first = next((at for had, at in page if had >= version), None)
            if first is None:
                unseen += 1
            else:
                late.append(first - committed_at)
    found = spread(late)
    missed = f", {unseen} unseen" if unseen else ""
    bound = "p95 < 500 ms" if how == "stream" else ""
    kept = found.p95 < 0.5 and not unseen if how == "stream" else None
    text = f"{found}{missed}; {pages} pages, {share:.1%} of a core"
    return Line(who, text, found.p95, bound, kept)


def _change(action_request: ActionRequest) -> tuple[int, float]:
    """Settle fifty rows of the request; its new version and when that was committed."""
    with transaction.atomic():
        rows = DeviceCommand.objects.filter(request=action_request, status=CommandStatus.QUEUED)
        keys = list(rows.order_by("id").values_list("pk", flat=True)[:50])
        found = DeviceCommand.objects.filter(pk__in=keys)
        found.move(CommandStatus.QUEUED, CommandStatus.SENDING)
        found.move(CommandStatus.SENDING, CommandStatus.ACCEPTED)
        commit_times: list[float] = []
        # Registered before the publish to the open pages, which runs after the commit too.
        transaction.on_commit(lambda: commit_times.append(time.monotonic()))
        recording.bump_version([action_request.pk])
    version = ActionRequest.objects.values_list("version", flat=True).get(pk=action_request.pk)
    return version, commit_times[0]


def _cpu(pid: int) -> float:
    """Seconds of CPU that the process has used (Linux: fields 14 and 15 of its stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
