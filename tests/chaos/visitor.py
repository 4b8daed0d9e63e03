"""Somebody who looks at the pages all the while, signed in by a session of their own."""

import http.client
import itertools
import threading
import time
from collections import Counter

from tests.chaos.chronicle import Chronicle
from tests.chaos.submitter import Submitter

PATIENCE = 40.0
"""Seconds that a page may take: a locked SQLite is waited for up to twenty, more than once."""

LIVE = {"HX-Request": "true", "HX-Target": "progress-live"}


class Visitor:
    """Asks for one page after the other, and counts what came."""

    def __init__(self, port: int, cookie: str, submitter: Submitter, chronicle: Chronicle) -> None:
        self.port, self.cookie = port, cookie
        self.submitter, self.chronicle = submitter, chronicle
        self.answers: Counter[int] = Counter()
        self.troubles: list[str] = []
        self.longest = 0.0
        self.sent_away = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Go away after this page."""
        self._stopped.set()

    def run(self) -> None:
        """Look until told to stop."""
        for turn in itertools.count():
            if self._stopped.wait(0.2):
                return
            uuids = list(self.submitter.wishes)
            page = f"/requests/{uuids[-1 - turn % min(len(uuids), 5)]}/" if uuids else "/requests/"
            wanted: list[tuple[str, dict[str, str]]] = [(page, {}), (page, LIVE), (page, LIVE)]
            wanted += [("/requests/", {}), ("/vendor-calls/", {}), ("/", {})]
            if uuids and turn % 7 == 0:
                wanted = [(f"{page}stream", {})]
            self._ask(*wanted[turn % len(wanted)])

    def _ask(self, path: str, headers: dict[str, str]) -> None:
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers | {"Cookie": self.cookie})
            response = connection.getresponse()
            body = response.readline() if path.endswith("stream") else response.read()
        except (OSError, http.client.HTTPException) as error:
            self._note(path, f"{type(error).__name__}: {error}")
            return
        finally:
            connection.close()
            self.longest = max(self.longest, time.monotonic() - start)
        self.answers[response.status] += 1
        if response.status == 503:
            # A stream says so also while Redis is away: its page polls then.
            self.sent_away += not path.endswith("stream")
        elif response.status not in (200, 204):
            self._note(path, f"{response.status} {body[:100]!r}")

    def _note(self, path: str, trouble: str) -> None:
        self.chronicle.note(f"THE WEB: {path} {trouble}")
        self.troubles.append(f"{path}: {trouble}")
