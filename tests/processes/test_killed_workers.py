"""Workers that end during a call: killed, or stopped by a signal that lets them finish."""

import os
import signal
from typing import Any

import pytest

from tests.processes.installation import Installation


@pytest.fixture
def installation(installation: Installation) -> Installation:
    """Shorten leases to 11 s: run 2, connect 2, read 6 and twice the grace of 0.5."""
    installation.env |= {
        "OPSWAT_TIMEOUT": "2/6",
        "ENGINE_RUN_SECONDS": "2",
        "ENGINE_GRACE_SECONDS": "0.5",
        "ENGINE_VERIFY_AFTER": "0",  # A read-back would find out whether the action was done.
    }
    for device_id in ("first", "struck", "other"):
        installation.vendor.add_device(device_id=device_id)
    return installation


def warm_up(installation: Installation) -> None:
    """Fetch the token and close the circuit breaker, which lets the first call go alone."""
    installation.submit("unexempt", "first")
    installation.wait_until(lambda: installation.statuses().get("first") == "accepted")


def deletes(installation: Installation) -> list[Any]:
    calls = [call.body for call in installation.vendor.received if call.api == "action"]
    return [body["ids"] for body in calls if body and body["types"] == "delete"]


def test_after_a_worker_is_killed_in_a_call_nothing_is_lost_or_sent_twice(
    installation: Installation,
) -> None:
    installation.start_redis()
    workers = {worker.pid: worker for worker in (installation.worker(1), installation.worker(1))}
    installation.ticker()
    warm_up(installation)
    installation.vendor.fault("slow", seconds=5.5)

    installation.submit("delete", "struck")
    installation.wait_until(lambda: installation.vendor.applied["delete", "struck"])
    [(name,)] = installation.rows("SELECT worker FROM actions_vendorcall WHERE state = 'sending'")
    installation.kill(workers[os.getpgid(int(name.split(":")[-2]))])

    installation.submit("unexempt", "other")
    installation.wait_until(lambda: installation.statuses()["other"] == "accepted")
    installation.wait_until(lambda: installation.statuses()["struck"] != "sending", 40)

    assert installation.statuses() == {
        "first": "accepted",
        "struck": "unconfirmed",
        "other": "accepted",
    }
    [(detail,)] = installation.rows(
        "SELECT detail FROM actions_devicecommand WHERE target = 'struck'"
    )
    assert "worker died" in detail
    assert deletes(installation) == [["struck"]]
    assert installation.vendor.applied["delete", "struck"] == 1


def test_a_worker_stopped_by_sigterm_finishes_its_call(installation: Installation) -> None:
    installation.start_redis()
    worker = installation.worker(2)
    warm_up(installation)
    installation.vendor.fault("slow", seconds=1.5)

    installation.submit("delete", "struck")
    installation.wait_until(lambda: installation.vendor.applied["delete", "struck"])
    # Supervisors signal the whole process group: the worker and its pool.
    os.killpg(worker.pid, signal.SIGTERM)

    assert worker.wait(10) == 0
    assert installation.statuses()["struck"] == "accepted"


def test_submit_action_interrupted_while_waiting_finishes_its_call(
    installation: Installation,
) -> None:
    installation.vendor.fault("slow", seconds=1.5)
    command = ("submit_action", "delete", "--ids", "struck", "--unlisted", "--reason", "test")
    waiting = installation.spawn_manage(*command, "--wait", "30")
    installation.wait_until(lambda: installation.vendor.applied["delete", "struck"])

    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(10) == 0  # The answer settled the request.
    assert installation.statuses()["struck"] == "accepted"


def test_a_call_without_answer_marks_its_command_unconfirmed_and_is_not_repeated(
    installation: Installation,
) -> None:
    installation.env["OPSWAT_TIMEOUT"] = "2/2"
    installation.env["OPSWAT_RATE_LIMIT"] = "10/1"
    installation.vendor.fault("timeout_after")
    installation.submit("delete", "struck")

    assert installation.manage("dispatch", "--seconds", "20").returncode == 0
    assert installation.manage("dispatch", "--seconds", "1").returncode == 0

    assert installation.statuses() == {"struck": "unconfirmed"}
    assert deletes(installation) == [["struck"]]
