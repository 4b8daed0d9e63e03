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
from tests.bench.installation import Installation, Process

CELERY = "tests.bench.alternative_tasks"


class Alternative:
    """One alternative: its vendor and the environment of its processes."""

    def __init__(
        self,
        installation: Installation,
        vendor: Simulator,
        limit: tuple[int, float],
        kind: str,
        retries: int = 0,
    ) -> None:
        self.installation, self.vendor, self.limit = installation, vendor, limit
        # The token is fetched before the clock starts, so that its call does not count.
        self.env = {
            "ALTERNATIVE_URL": vendor.url,
            "ALTERNATIVE_TOKEN": _token(vendor),
            "ALTERNATIVE_REDIS": settings.REDIS_URL,
            "ALTERNATIVE_BROKER": settings.CELERY_BROKER_URL,
            "ALTERNATIVE_LIMIT": f"{limit[0]}/{limit[1]:g}",
            "ALTERNATIVE_KIND": kind,
            "ALTERNATIVE_RETRIES": str(retries),
        }

    def worker(self, rate: str = "") -> Process:
        """Start a Celery worker with that `rate_limit`."""
        self.env["ALTERNATIVE_RATE"] = rate
        with self.environment():
            return self.installation.worker(CELERY, concurrency=4)

    def script(self, kind: str, todo: Path, done: Path) -> Process:
        """Start one process of `alternative_script`."""
        python = (sys.executable, "-m", "tests.bench.alternative_script")
        with self.environment():
            return self.installation.spawn(*python, kind, str(todo), str(done))

    def enqueue(self, devices: list[str]) -> None:
        """Queue a task for each device, from a process with the alternative's environment."""
        code = (
            "import sys; from tests.bench.alternative_tasks import act;"
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
