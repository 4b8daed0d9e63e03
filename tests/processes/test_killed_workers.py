"""Workers that end in the middle of a call, by force and politely."""

import os
import signal
from typing import Any

import pytest

from tests.processes.installation import Installation


@pytest.fixture
def quick(installation: Installation) -> Installation:
    """Leases of eleven seconds: pump 2, connect 2, read 6 and twice the grace of 0.5."""
    installation.env |= {
        "OPSWAT_TIMEOUT": "2/6",
        "ENGINE_RUN_SECONDS": "2",
        "ENGINE_GRACE_SECONDS": "0.5",
        "ENGINE_VERIFY_AFTER": "0",  # A look would tell what became of it.
    }
    for device_id in ("first", "struck", "other"):
        installation.vendor.add_device(device_id=device_id)
    return installation


def warm_up(installation: Installation) -> None:
    """Fetch the token and lift the brake that lets the first call go alone."""
    installation.submit("unexempt", "first")
    installation.until(lambda: installation.statuses().get("first") == "accepted")


def deletes(installation: Installation) -> list[Any]:
    calls = [call.body for call in installation.vendor.received if call.api == "action"]
    return [body["ids"] for body in calls if body and body["types"] == "delete"]


def test_a_worker_killed_in_a_call_loses_nothing_and_nothing_is_sent_twice(
    quick: Installation,
) -> None:
    quick.start_redis()
    workers = {worker.pid: worker for worker in (quick.worker(1), quick.worker(1))}
    quick.beat()
    warm_up(quick)
    quick.vendor.fault("slow", seconds=5.5)

    quick.submit("delete", "struck")
    quick.until(lambda: quick.vendor.applied["delete", "struck"])
    [(name,)] = quick.rows("SELECT worker FROM actions_vendorcall WHERE state = 'sending'")
    quick.kill(workers[os.getpgid(int(name.split(":")[-2]))])

    quick.submit("unexempt", "other")
    quick.until(lambda: quick.statuses()["other"] == "accepted")
    quick.until(lambda: quick.statuses()["struck"] != "sending", 40)

    assert quick.statuses() == {"first": "accepted", "struck": "unconfirmed", "other": "accepted"}
    [(detail,)] = quick.rows("SELECT detail FROM actions_devicecommand WHERE target = 'struck'")
    assert "worker died" in detail
    assert deletes(quick) == [["struck"]]
    assert quick.vendor.applied["delete", "struck"] == 1


def test_a_worker_stopped_politely_brings_its_call_home(quick: Installation) -> None:
    quick.start_redis()
    worker = quick.worker(2)
    warm_up(quick)
    quick.vendor.fault("slow", seconds=1.5)

    quick.submit("delete", "struck")
    quick.until(lambda: quick.vendor.applied["delete", "struck"])
    # As a supervisor does: the signal goes to the worker and to its pool.
    os.killpg(worker.pid, signal.SIGTERM)

    assert worker.wait(10) == 0
    assert quick.statuses()["struck"] == "accepted"


def test_an_interrupted_wait_brings_its_call_home(quick: Installation) -> None:
    quick.vendor.fault("slow", seconds=1.5)
    wish = ("submit_action", "delete", "--ids", "struck", "--unlisted", "--reason", "test")
    waiting = quick.spawn_manage(*wish, "--wait", "30")
    quick.until(lambda: quick.vendor.applied["delete", "struck"])

    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(10) == 0  # The answer was the end of it.
    assert quick.statuses()["struck"] == "accepted"


def test_a_vendor_that_never_answers_leaves_the_row_unconfirmed(quick: Installation) -> None:
    quick.env["OPSWAT_TIMEOUT"] = "2/2"
    quick.env["OPSWAT_RATE_LIMIT"] = "10/1"
    quick.vendor.fault("timeout_after")
    quick.submit("delete", "struck")

    assert quick.manage("dispatch", "--seconds", "20").returncode == 0
    assert quick.manage("dispatch", "--seconds", "1").returncode == 0

    assert quick.statuses() == {"struck": "unconfirmed"}
    assert deletes(quick) == [["struck"]]
