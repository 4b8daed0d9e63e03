"""Two hosts with data folders of their own on one database, one Redis and one storage.

HOST_ROUNDS=5 repeats the loss of a host.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.processes.installation import Installation, short_folder
from tests.processes.test_gate import AUDIT_KEYS, MISSING, share
from tests.processes.web import Web, status_of

ROUNDS = int(os.environ.get("HOST_ROUNDS", "1"))

SHORT = {
    "OPSWAT_RATE_LIMIT": "60/10",
    "OPSWAT_TIMEOUT": "2/8",
    "ENGINE_RUN_SECONDS": "2",
    "ENGINE_GRACE_SECONDS": "0.5",
    "ENGINE_VERIFY_AFTER": "1.5",
    "OPSWAT_MAX_DEVICES": "5",
    "AGENT_LOG_FIRST_POLL": "1",
}
"""A lease of 13 s; an unknown outcome is read back within a second."""

OPEN = """
SELECT count(*) FROM actions_devicecommand
WHERE status IN ('queued', 'sending') OR check_at IS NOT NULL
"""
OUTCOMES = "SELECT target, status, detail FROM actions_devicecommand"

EXPORT = """
from actions.actor import Actor
from actions.audit import jobs
from actions.audit.query import AuditQuery
from actions.roles import Role
actor = Actor(name="auditor", role=Role.AUDITOR, source="command")
"""
ASK = f"{EXPORT}jobs.ask_export(actor, AuditQuery(), 'csv')\njobs.work()"
TAKE = f"""{EXPORT}
import hashlib, io, zipfile
from actions.audit.models import AuditJob
with jobs.open_export(AuditJob.objects.get(), actor) as file:
    box = zipfile.ZipFile(io.BytesIO(file.read()))
print(hashlib.sha256(box.read("audit.csv")).hexdigest())
print(AuditJob.objects.get().result["sha256"])
"""


@pytest.fixture
def hosts(installation: Installation) -> Iterator[tuple[Installation, Installation]]:
    """The second host has the keys and the storage of the first one."""
    installation.env |= SHORT | {"AUDIT_KEYS": AUDIT_KEYS}
    shared = str(installation.folder / "agent-logs")
    with short_folder() as folder:
        other = Installation(folder, installation.database, installation.vendor)
        shutil.copytree(installation.folder / "static", folder / "static")
        # Redis tells the second host which calls the database must know.
        installation.start_redis()
        assert installation.manage("dispatch", "--seconds", "0").returncode == 0
        share(installation, other, *MISSING)
        installation.env["AGENT_LOG_STORAGE"] = other.env["AGENT_LOG_STORAGE"]
        socket = installation.folder / "redis" / "redis.sock"
        other.env |= SHORT | {"REDIS_URL": f"unix://{socket}"}
        assert shared in other.env["AGENT_LOG_STORAGE"]
        yield installation, other
        other.stop()


def start(host: Installation) -> None:
    host.worker(2)
    host.ticker()


def verify(*hosts: Installation) -> None:
    for host in hosts:
        done = host.manage("audit_verify")
        assert done.returncode == 0, done.stdout + done.stderr


def test_h5_logs_exports_and_sessions_of_one_host_work_on_the_other(
    hosts: tuple[Installation, Installation],
) -> None:
    first, other = hosts
    first.vendor.add_device(device_id="kiosk")
    webs = [Web(host, "--no-access-log") for host in hosts]
    cookie = webs[0].sessions()["operator"]
    start(other)
    first.submit("fetch_agent_log", "kiosk")
    query = "SELECT status, stored_as, sha256 FROM actions_agentlog"
    other.wait_until(lambda: [row[0] for row in first.rows(query)] == ["ready"], 90)

    [(_, name, sha256)] = first.rows(query)
    assert hashlib.sha256((first.folder / "agent-logs" / name).read_bytes()).hexdigest() == sha256
    assert {status_of(web.get("/devices/", cookie)) for web in webs} == {200}

    made = other.manage("shell", "--no-imports", "-c", ASK)
    assert made.returncode == 0, made.stderr
    for host in hosts:
        done = host.manage("shell", "--no-imports", "-c", TAKE)
        assert done.returncode == 0, done.stderr
        found, stated = done.stdout.split()
        assert found == stated
    verify(first, other)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_h5_a_host_killed_in_mid_job_loses_and_doubles_nothing(
    hosts: tuple[Installation, Installation], number: int
) -> None:
    first, other = hosts
    names = [f"d{each:02}" for each in range(60)]
    for name in names:
        first.vendor.add_device(device_id=name)
    first.vendor.fault("slow", times=None, api=None, seconds=0.2, jitter=0.4)
    start(first)
    start(other)
    first.submit("delete", *names)
    first.wait_until(lambda: sum(first.vendor.applied.values()) >= 10 + 5 * number, 90)

    killed = first if number % 2 else other
    left = other if number % 2 else first
    killed.kill_all()

    left.wait_until(lambda: not left.rows(OPEN)[0][0], 240)
    found = {name: (status, detail) for name, status, detail in left.rows(OUTCOMES)}
    assert set(found) == set(names)
    for name, (status, detail) in found.items():
        times = left.vendor.applied["delete", name]
        if status in {"accepted", "confirmed"}:
            assert times == 1, (name, status)
        elif status == "failed":  # Claimed by the killed host, and never made.
            assert times == 0, (name, status)
            assert "Read back" in detail
        else:  # A device that is not listed and is gone cannot tell whether it was ever there.
            assert (status, times <= 1) == ("unconfirmed", True), (name, times)
    verify(first, other)
