"""`manage.py up` with a real vendor and a public host name: it says when it is up, in few lines."""

import http.client
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions.simulator import Simulator
from tests.ports import free_port
from tests.processes.installation import MANAGE, ROOT, bare_environment, short_folder
from tests.processes.test_up import Console

MAX_LINES = 40
MAX_BYTES = 4_000
"""What a start may write: its own lines, those of the process manager, and a few warnings."""


class Production(Console):
    """A console for a stand-in of the vendor, which runs in the process of the test."""

    def __init__(self, folder: Path, vendor: Simulator, hosts: str) -> None:
        super().__init__(folder)
        self.vendor = vendor
        self.env = bare_environment(folder) | {
            "ALLOWED_HOSTS": hosts,
            "OPSWAT_BASE_URL": vendor.url,
            "OPSWAT_CLIENT_ID": vendor.client_id,
            "OPSWAT_CLIENT_SECRET": vendor.client_secret,
        }

    def start(self, log_folder: Path | None = None) -> None:
        self.log = self.folder / "output.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*MANAGE, "up", "--port", str(self.port)],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for(self, condition: Callable[[], object], seconds: float = 60) -> None:
        assert self.process is not None
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < end, self.output()
            time.sleep(0.05)


@pytest.fixture
def vendor() -> Iterator[Simulator]:
    with Simulator(devices=20, limit=(1000, 60.0), log_delay=(0, 0)) as simulator:
        yield simulator


@pytest.fixture
def make(vendor: Simulator) -> Iterator[Callable[[str], Production]]:
    with short_folder() as folder:
        made: list[Production] = []

        def production(hosts: str) -> Production:
            made.append(Production(folder, vendor, hosts))
            return made[-1]

        yield production
        for console in made:
            console.clear()


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (".corp.example", "https://corp.example/"),
        ("Console.Corp.example,localhost", "https://console.corp.example/"),
    ],
)
def test_low_a_production_start_says_that_it_is_up_and_who_can_sign_in_and_floods_nothing(
    make: Callable[[str], Production], vendor: Simulator, hosts: str, url: str
) -> None:
    console = make(hosts)
    console.start()
    console.wait_for(lambda: "Press Ctrl-C to stop." in console.output())
    # The engine works, and every part has started: nothing more is due in the log.
    console.wait_for(lambda: len(vendor.received) >= 3)

    output = console.output()
    assert f"The console is up: {url}\n" in output
    assert f"127.0.0.1:{console.port}" in output
    assert "manage.py add_person NAME --role" in output
    assert "demo users" not in output
    assert "Traceback" not in output
    assert '"level": "error"' not in output
    assert len(output.splitlines()) < MAX_LINES, output
    assert len(output) < MAX_BYTES, output
    assert console.stop(signal.SIGTERM) == 0


def test_low_the_hint_goes_when_a_real_person_can_sign_in_and_counts_no_demo_person(
    make: Callable[[str], Production],
) -> None:
    console = make("console.corp.example")
    subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=console.env, cwd=ROOT, check=True)
    create = (
        "from dashboard.models import User;"
        "User.objects.create(username='operator', role='operator', is_demo=True)"
    )
    shell = [*MANAGE, "shell", "--no-imports", "-c"]
    subprocess.run([*shell, create], env=console.env, cwd=ROOT, check=True)
    console.start()
    console.wait_for(lambda: "Press Ctrl-C to stop." in console.output())
    assert "add_person" in console.output()
    console.stop(signal.SIGTERM)

    subprocess.run(
        [*MANAGE, "add_person", "anna", "--role", "operator", "--password-stdin"],
        env=console.env,
        cwd=ROOT,
        input=b"correct horse battery\n",
        stdout=subprocess.DEVNULL,
        check=True,
    )
    console.port = free_port()
    console.start()
    console.wait_for(lambda: "Press Ctrl-C to stop." in console.output())
    assert "add_person" not in console.output()


def test_h6_health_checks_are_answered_by_the_address_of_the_host(
    make: Callable[[str], Production],
) -> None:
    console = make("console.example.com")
    console.start()
    console.wait_for(lambda: "Press Ctrl-C to stop." in console.output())
    console.wait_for(lambda: asked(console, "/healthz/ready")[0] == 200)

    assert asked(console, "/healthz/live") == (200, b"ok")
    assert asked(console, "/")[0] == 400
    assert console.stop(signal.SIGTERM) == 0


def test_m2_a_redis_that_does_not_answer_is_told_beside_the_address(
    make: Callable[[str], Production], vendor: Simulator
) -> None:
    console = make("localhost")
    console.env["REDIS_URL"] = f"redis://:secret@127.0.0.1:{free_port()}/0"
    console.start()
    console.wait_for(lambda: "Press Ctrl-C to stop." in console.output())

    assert "Redis does not answer (ConnectionError). Check REDIS_URL" in console.output()
    assert "secret" not in console.output()
    console.wait_for(lambda: vendor.received)  # The ticker reads the inventory.
    assert console.stop(signal.SIGTERM) == 0


def asked(console: Production, path: str) -> tuple[int, bytes]:
    """Ask as a load balancer does: by address and port, without https."""
    web = http.client.HTTPConnection("127.0.0.1", console.port, timeout=20)
    try:
        web.request("GET", path)
        response = web.getresponse()
        return response.status, response.read()
    finally:
        web.close()
