"""The whole console, started by `up`, whose parts are killed again and again while it sends."""

import http.client
import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from tests.chaos.event_log import EventLog
from tests.chaos.installation import CALLS, WINDOW, ChaosInstallation, UserProcess
from tests.chaos.invariants import UNSETTLED
from tests.processes.installation import Process

PARTS = ("up", "worker", "ticker", "redis", "web")

EXPECTED = {"Redis does not answer (ConnectionError)."}
"""Titles of notices that are true while a part is down."""

NOTICE = re.compile(r'<span class="banner-title">(?!Simulator)(.*?)</span>', re.DOTALL)

UNDER_WAY = 0.5
"""Seconds after a kill in which a call that arrives may have been under way before."""

STATUSES = "SELECT target, status FROM actions_devicecommand"

MAY_BE_DONE = {"accepted", "confirmed", "unconfirmed", "not_seen"}


@dataclass
class KillResult:
    """What a run found: sentences, and the seconds from each kill to the next call, by part."""

    findings: list[str] = field(default_factory=list)
    resumed: dict[str, list[float]] = field(default_factory=dict)
    notices: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [
            f"{part:<7} killed {len(seconds)} times; sending resumed after "
            f"{sorted(seconds)[len(seconds) // 2]:.1f} s (median), {max(seconds):.1f} s (longest)"
            for part, seconds in sorted(self.resumed.items())
        ]
        lines.append(f"notices seen: {dict(self.notices) or 'none'}")
        return "\n".join([*lines, *self.findings])


class Console:
    """`up` and its parts, with the vendor in this process."""

    def __init__(self, installation: ChaosInstallation) -> None:
        self.installation = installation
        self.up: Process | None = None

    def start(self) -> None:
        """Start `up`; return at once, as a service manager does."""
        port = str(self.installation.port)
        self.up = self.installation.spawn_manage("up", "--port", port)

    def pid_of(self, part: str) -> int:
        """Return the process of a part, 0 while it does not run."""
        if part == "up":
            return self.up.pid if self.up else 0
        with suppress(OSError, ValueError):
            told = json.loads((self.installation.folder / "up.json").read_text())
            pids = {each["name"]: each["pid"] for each in told.get("parts", [])}
            return pids.get(part) or 0
        return 0

    def kill(self, part: str) -> None:
        """Kill -9 the process alone, not what it has started; start `up` again if it was that."""
        self.installation.wait_until(lambda: self.pid_of(part))
        os.kill(self.pid_of(part), signal.SIGKILL)
        if part == "up" and self.up:
            self.up.wait()
            self.start()

    def page(self, cookie: str) -> str | None:
        """Return the overview; None while the web is down."""
        web = http.client.HTTPConnection("127.0.0.1", self.installation.port, timeout=40)
        try:
            web.request("GET", "/", headers={"Cookie": cookie})
            response = web.getresponse()
            body = response.read().decode(errors="replace")
            return body if response.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            web.close()


def kill_parts(
    installation: ChaosInstallation, event_log: EventLog, seed: int, *, times: int
) -> KillResult:
    """Kill each part so many times, in random order, while devices wait to be sent."""
    result = KillResult()
    order = list(PARTS) * times
    random.Random(f"parts {seed}").shuffle(order)
    devices = [f"k{number}" for number in range(200 + 60 * len(order))]
    for device in devices:
        installation.vendor.add_device(device_id=device)
    installation.env |= {"OPSWAT_MAX_DEVICES": "2", "INVENTORY_CHANGES_MINUTES": "0"}
    console = Console(installation)
    console.start()
    installation.wait_until(lambda: console.pid_of("web"))
    users = UserProcess(installation)
    try:
        cookie = users.call_with_retry("sign_in")["cookie"]
        installation.submit("delete", *devices)
        with _watching(console, cookie, result):
            for part in order:
                _kill_one(console, part, event_log, result)
        _finish(installation, result)
        # A notice of a fault that is over is a finding, and so is a page that does not come back.
        installation.wait_until(lambda: console.page(cookie) is not None)
        installation.wait_until(lambda: not NOTICE.findall(console.page(cookie) or ""))
    finally:
        users.close()
    return result


def _kill_one(console: Console, part: str, event_log: EventLog, result: KillResult) -> None:
    vendor = console.installation.vendor
    console.installation.wait_until(lambda: console.pid_of(part))
    event_log.note(f"kills {part} {console.pid_of(part)}")
    console.kill(part)
    start = time.monotonic()
    time.sleep(UNDER_WAY)
    seen = len(vendor.received)
    console.installation.wait_until(lambda: len(vendor.received) > seen)
    result.resumed.setdefault(part, []).append(time.monotonic() - start)
    # Some more calls, so that the next kill comes at any moment of the work.
    console.installation.wait_until(lambda: len(vendor.received) > seen + 4)


@contextmanager
def _watching(console: Console, cookie: str, result: KillResult) -> Iterator[None]:
    """Look at the overview all the time, and collect the titles of its notices."""
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(0.3):
            result.notices.update(set(NOTICE.findall(console.page(cookie) or "")))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _finish(installation: ChaosInstallation, result: KillResult) -> None:
    """Wait until no command is under way, and compare with the vendor's log."""
    for (uuid,) in installation.query("SELECT uuid FROM actions_actionrequest"):
        installation.manage("action_request", str(UUID(str(uuid))), "cancel")
    seconds = 120 + 2 * WINDOW * len(installation.vendor.applied) / CALLS
    installation.wait_until(lambda: not any(installation.query(UNSETTLED)[0]), seconds)
    applied = installation.vendor.applied
    twice = [device for (_, device), times in applied.items() if times > 1]
    result.findings += [f"repeated: {device}" for device in twice]
    for device, status in installation.query(STATUSES):
        if applied["delete", device] and status not in MAY_BE_DONE:
            result.findings.append(f"shown as not done: {device} is {status}")
        if not applied["delete", device] and status in {"accepted", "confirmed"}:
            result.findings.append(f"not done: {device} is {status}")
    calls = sorted(installation.vendor.received, key=lambda call: call.at)
    for first, last in zip(calls, calls[CALLS:], strict=False):
        if last.at - first.at < WINDOW:
            result.findings.append(f"limit: {CALLS + 1} calls in {last.at - first.at:.3f} s")
    verified = installation.manage("audit_verify")
    if verified.returncode:
        result.findings.append(f"audit_verify: {verified.stdout[-500:]}")
    unexplained = set(result.notices) - EXPECTED
    result.findings += [f"unexplained notice: {title}" for title in sorted(unexplained)]
