"""Start the alternatives, each with a simulated vendor of its own."""

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from actions.simulator import Simulator
from tests.bench.stage import Process, Stage

CELERY = "tests.bench.rival_tasks"


class Rival:
    """One alternative: its vendor and the environment of its processes."""

    def __init__(
        self, stage: Stage, vendor: Simulator, limit: tuple[int, float], kind: str, retries: int = 0
    ) -> None:
        self.stage, self.vendor, self.limit = stage, vendor, limit
        # The token is fetched before the clock starts, so that its call does not count.
        self.env = {
            "RIVAL_URL": vendor.url,
            "RIVAL_TOKEN": _token(vendor),
            "RIVAL_REDIS": settings.REDIS_URL,
            "RIVAL_BROKER": settings.CELERY_BROKER_URL,
            "RIVAL_LIMIT": f"{limit[0]}/{limit[1]:g}",
            "RIVAL_KIND": kind,
            "RIVAL_RETRIES": str(retries),
        }

    def worker(self, rate: str = "") -> Process:
        """Start a Celery worker with that `rate_limit`."""
        self.env["RIVAL_RATE"] = rate
        with self.environment():
            return self.stage.worker(CELERY, concurrency=4)

    def script(self, kind: str, todo: Path, done: Path) -> Process:
        """Start one process of `rival_script`."""
        python = (sys.executable, "-m", "tests.bench.rival_script")
        with self.environment():
            return self.stage.spawn(*python, kind, str(todo), str(done))

    def enqueue(self, devices: list[str]) -> None:
        """Queue a task for each device, from a process with the alternative's environment."""
        code = (
            "import sys; from tests.bench.rival_tasks import act;"
            "[act.delay(device) for device in sys.stdin.read().split()]"
        )
        subprocess.run(
            [sys.executable, "-c", code],
            input="\n".join(devices),
            env=os.environ | self.env,
            text=True,
            check=True,
        )

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Give this process, and those started inside the block, the alternative's environment."""
        before = dict(os.environ)
        os.environ.update(self.env)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _token(vendor: Simulator) -> str:
    query = urllib.parse.urlencode(
        {
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
            "grant_type": "client_credentials",
        }
    )
    url = f"{vendor.url}/o/oauth/token?{query}"
    with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310  # Our own simulator.
        token: str = json.loads(reply.read())["access_token"]
    return token
