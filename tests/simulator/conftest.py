"""A running simulator and a plain HTTP client for it; neither uses code of the console."""

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from actions.simulator import SimDevice, Simulator


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Makes calls with its own token, each on a new connection."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.token = ""

    def raw(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 5.0,
    ) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.sim.url).netloc, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def control(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Make a call to a control endpoint, which needs the client secret."""
        return self.raw(method, path, body, {"Authorization": f"Bearer {self.sim.client_secret}"})

    def log_in(self, **changes: str) -> Reply:
        form = {
            "client_id": self.sim.client_id,
            "client_secret": self.sim.client_secret,
            "grant_type": "client_credentials",
        } | changes
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = self.raw("POST", "/o/oauth/token", urlencode(form).encode(), headers)
        if reply.status == 200:
            self.token = reply.json()["access_token"]
        return reply

    def get(self, path: str, **query: str) -> Reply:
        return self.raw("GET", f"{path}?{urlencode({'access_token': self.token} | query)}")

    def post(self, path: str, body: object, timeout: float = 5.0, **headers: str) -> Reply:
        sent = {"Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.raw("POST", f"{path}?access_token={self.token}", raw, sent, timeout)

    def action(
        self,
        kind: object,
        *ids: str,
        macs: list[str] | None = None,
        version: str = "v3.1",
        timeout: float = 5.0,
        **params: object,
    ) -> Reply:
        body: dict[str, object] = {"types": kind}
        body |= {"macs": macs} if macs is not None else {"ids": list(ids)}
        if params:
            body["params"] = params
        return self.post(f"/o/api/{version}/devices/action", body, timeout)

    def status(self, kind: str, device: SimDevice, **more: Any) -> int:
        """Do an action on one device and return the status in its row."""
        return int(self.action(kind, device.device_id, **more).json()[0]["status"])


Start = Callable[..., Caller]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start simulators (default: small fleet, no limit), each with a logged-in caller."""
    running: list[Simulator] = []

    def start_one(**options: Any) -> Caller:
        sim = Simulator(**({"devices": 20, "limit": None, "log_delay": (0.0, 0.0)} | options))
        sim.start()
        running.append(sim)
        caller = Caller(sim)
        caller.token = sim._account.issue_token()[0]  # Does not use up a call.
        return caller

    yield start_one
    for sim in running:
        sim.stop()


@pytest.fixture
def vendor(start: Start) -> Caller:
    """A simulator with the default assumptions and no limit."""
    return start()
