"""A vendor over real sockets that answers each API exactly as a test says."""

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.opswat.hostile import Arrived, HostileServer, head

APIS = {
    "/o/oauth/token": "token",
    "/o/api/v3.1/devices/action": "action",
    "/o/api/v3.7/devices": "devices",
    "/o/api/v3.8/devices/detail": "detail",
    "/o/api/v3/devices/status_changed": "changes",
    "/o/api/v3/groups": "groups",
    "/o/api/v3.1/get_reports": "reports",
}

WAF_PAGE = (
    b"<html><head><title>Attention Required!</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1></body></html>"
)

Reply = tuple[int, object, tuple[str, ...]]
Answer = Callable[[dict[str, Any]], Reply]


def say(code: int, body: object = b"", *lines: str) -> Answer:
    """Always answer so; a body that is not bytes is sent as JSON."""
    return lambda asked: (code, body, lines)


def blocked(code: int = 403) -> Answer:
    """Answer as a gateway in front of the vendor does, with a page."""
    return say(code, WAF_PAGE, "Content-Type: text/html; charset=UTF-8")


def accept(asked: dict[str, Any]) -> Reply:
    """Accept the action for each device."""
    names = asked.get("ids") or asked.get("macs") or []
    return 200, [{"id": name, "status": 1, "command_id": f"c-{name}"} for name in names], ()


def pages(by_token: dict[str, object]) -> Answer:
    """Answer Get Devices with the page of the token that was sent, "" for none."""
    return lambda asked: (200, by_token[str(asked.get("token", ""))], ())


def rows(*names: str) -> list[dict[str, str]]:
    """Return rows of Get Devices with these ids."""
    return [{"device_id": name, "device_name": name, "status": "compliant"} for name in names]


class ScriptedVendor:
    """Answers by API; `answers` may be changed at any time. `asked` holds the calls, in order."""

    client_id, client_secret = "console", "a secret of the tests"

    def __init__(self, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = {
            "token": say(200, {"access_token": "a-token-of-the-vendor", "expires_in": 3600}),
            "action": accept,
            "devices": pages({"": {"devices": [], "next_token": ""}}),
            "detail": say(200, []),
            "changes": say(200, {"monitored_devices": [], "deleted_devices": []}),
            "groups": say(200, []),
            "reports": say(404, {"status": "pending", "message": "not ready"}),
        } | answers
        self.asked: list[tuple[str, float]] = []
        self._server = HostileServer(self._answer)
        self.url = self._server.url

    def __enter__(self) -> "ScriptedVendor":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def counts(self) -> Counter[str]:
        """The calls so far, by API."""
        return Counter(api for api, _ in self.asked)

    def _answer(self, connection: Any, arrived: Arrived) -> None:
        api = APIS[urlsplit(arrived.target).path]
        self.asked.append((api, time.monotonic()))
        body = arrived.body if arrived.body.startswith(b"{") else b"{}"
        code, value, lines = self.answers[api](json.loads(body))
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        connection.sendall(head(code, f"Content-Length: {len(raw)}", *lines) + raw)
