"""Redis is only the bell: without it everything goes on, a little slower."""

import signal
import time

from tests.processes.installation import Installation

ONE = ("--unlisted", "--reason", "because a test says so", "--ids")


def submit_seconds(installation: Installation, device: str) -> float:
    """How much longer it takes to submit than to check only, which never asks Redis."""
    taken = []
    for more in (["--dry-run"], []):
        start = time.monotonic()
        done = installation.manage("submit_action", "unexempt", *ONE, device, *more)
        taken.append(time.monotonic() - start)
        assert done.returncode == 0, done.stderr
    return taken[1] - taken[0]


def assert_submits_within(seconds: float, installation: Installation, device: str) -> None:
    """Three tries, because on a busy machine one may be slow by chance; a wait is in all three."""
    taken: list[float] = []
    while not taken or (min(taken) >= seconds and len(taken) < 3):
        taken.append(submit_seconds(installation, device))
    assert min(taken) < seconds


def test_without_redis_people_submit_at_once_and_a_command_sends(
    installation: Installation, enrolled: list[str]
) -> None:
    assert_submits_within(2, installation, "a1")
    assert installation.manage("dispatch", "--seconds", "5").returncode == 0
    assert installation.statuses() == {"a1": "accepted"}


def test_a_redis_that_dies_is_missed_by_nobody_and_used_again_when_it_is_back(
    installation: Installation, enrolled: list[str]
) -> None:
    redis = installation.start_redis()
    installation.worker()
    installation.beat()
    installation.submit("unexempt", "a1")
    installation.until(lambda: installation.statuses().get("a1") == "accepted")

    redis.kill()
    redis.wait()
    assert_submits_within(2, installation, "b2")
    assert installation.manage("dispatch", "--seconds", "5").returncode == 0
    assert installation.statuses()["b2"] == "accepted"

    installation.submit("unexempt", "c3")
    installation.start_redis()
    installation.until(lambda: installation.statuses()["c3"] == "accepted", 60)
    assert {call.status for call in installation.vendor.received} == {200}


def test_workers_and_clock_that_start_before_redis_wait_for_it(
    installation: Installation, enrolled: list[str]
) -> None:
    installation.worker()
    installation.beat()
    installation.submit("unexempt", "a1")

    installation.start_redis()

    installation.until(lambda: installation.statuses()["a1"] == "accepted", 60)


def test_a_redis_that_hangs_does_not_hold_a_person_for_long(
    installation: Installation, enrolled: list[str]
) -> None:
    redis = installation.start_redis()
    redis.send_signal(signal.SIGSTOP)  # It stops, with its socket open.
    try:
        assert_submits_within(8, installation, "a1")
    finally:
        redis.send_signal(signal.SIGCONT)
