"""A signed-in user who requests pages during the whole run."""

import http.client
import itertools
import threading
import time
from collections import Counter

from tests.chaos.event_log import EventLog
from tests.chaos.installation import ChaosInstallation
from tests.chaos.workload import Workload

TIMEOUT = 40.0
"""Seconds that a page may take: each wait for a locked SQLite takes up to 20 s."""

LIVE = {"HX-Request": "true", "HX-Target": "progress-live"}


class PagePoller:
    """Requests one page after the other and counts the answers by HTTP status."""

    def __init__(
        self,
        installation: ChaosInstallation,
        cookie: str,
        workload: Workload,
        event_log: EventLog,
    ) -> None:
        self.installation, self.port, self.cookie = installation, installation.port, cookie
        self.workload, self.event_log = workload, event_log
        self.statuses: Counter[int] = Counter()
        self.errors: list[str] = []
        self.longest = 0.0
        self.unavailable = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Stop after the current page."""
        self._stopped.set()

    def run(self) -> None:
        """Request pages until stopped."""
        for turn in itertools.count():
            if self._stopped.wait(0.2):
                return
            uuids = list(self.workload.submitted)
            page = f"/requests/{uuids[-1 - turn % min(len(uuids), 5)]}/" if uuids else "/requests/"
            pages: list[tuple[str, dict[str, str]]] = [(page, {}), (page, LIVE), (page, LIVE)]
            pages += [("/requests/", {}), ("/vendor-calls/", {}), ("/", {})]
            if uuids and turn % 7 == 0:
                pages = [(f"{page}stream/", {})]
            self._get(*pages[turn % len(pages)])

    def _get(self, path: str, headers: dict[str, str]) -> None:
        start, troubles = time.monotonic(), self.installation.past_troubles
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", path, headers=headers | {"Cookie": self.cookie})
            response = connection.getresponse()
            body = response.readline() if path.endswith("stream/") else response.read()
        except (OSError, http.client.HTTPException) as error:
            if not self._in_trouble(troubles):
                self._note(path, f"{type(error).__name__}: {error}")
            return
        finally:
            connection.close()
            self.longest = max(self.longest, time.monotonic() - start)
        self.statuses[response.status] += 1
        if response.status == 503:
            # A stream also answers 503 while Redis is down: its page polls then.
            expected = path.endswith("stream/") or self._in_trouble(troubles)
            self.unavailable += not expected
        elif response.status not in (200, 204) and not self._in_trouble(troubles):
            self._note(path, f"{response.status} {body[:100]!r}")

    def _in_trouble(self, past: int) -> bool:
        """Return whether a fault under which pages may fail lasts, or ended since `past`."""
        return bool(self.installation.troubles) or self.installation.past_troubles > past

    def _note(self, path: str, error: str) -> None:
        self.event_log.note(f"THE WEB: {path} {error}")
        self.errors.append(f"{path}: {error}")
