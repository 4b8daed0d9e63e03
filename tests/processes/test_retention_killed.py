"""Retention is killed in the middle, again and again, while people read pages and submit."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.processes.installation import ROOT, Installation, Process
from tests.processes.web import Web, status_of

SEED = (
    "import django; django.setup(); from tests.bench import long_trail, retention; "
    "long_trail.build(12000, 500); retention._make_old_requests(8000)"
)
PAGES = ("/", "/requests/", "/devices/", "/vendor-calls/", "/storage/")


def seed(installation: Installation) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    command = [sys.executable, "-c", SEED]
    subprocess.run(command, cwd=ROOT, env=installation.env | settings, check=True)


def counts(installation: Installation) -> tuple[int, int]:
    [(lines, commands)] = installation.rows(
        "SELECT (SELECT COUNT(*) FROM actions_auditevent WHERE verb <> 'audit.archived' "
        "AND verb <> 'retention.removed'), (SELECT COUNT(*) FROM actions_devicecommand "
        "WHERE target LIKE 'd%')"
    )
    return lines, commands


def has_removed(installation: Installation, running: Process, before: tuple[int, int]) -> bool:
    return counts(installation) != before or running.poll() is not None


def archived(folder: Path) -> int:
    """The highest line of the archives, each of which follows the one before."""
    ends = sorted(int(path.name.split("-")[2]) for path in folder.glob("audit-to-*.zip"))
    assert len(set(ends)) == len(ends)
    return ends[-1] if ends else 0


def test_h8_h9_retention_killed_in_the_middle_goes_on_while_pages_and_requests_go_on(
    installation: Installation,
) -> None:
    installation.env |= {"AUDIT_KEEP_DAYS": "1", "REQUESTS_KEEP_DAYS": "400"}
    seed(installation)
    web = Web(installation, "--no-access-log")
    cookie = web.sessions()["operator"]
    for number in range(4):
        before = counts(installation)
        running = installation.spawn_manage("retention")
        installation.wait_until(partial(has_removed, installation, running, before))
        for page in PAGES:
            assert status_of(web.get(page, cookie)) == 200
        installation.submit("unexempt", f"new{number}")
        installation.kill(running)
        done = installation.manage("audit_verify")
        assert done.returncode == 0, done.stdout

    done = installation.manage("retention")

    assert done.returncode == 0, done.stderr
    lines, commands = counts(installation)
    assert commands == 500
    assert lines < 12_000 * 0.35
    assert archived(installation.folder / "audit-archive") > 0
    done = installation.manage("audit_verify")
    assert done.returncode == 0, done.stdout
    [(told,)] = installation.rows("SELECT SUM(untold) FROM actions_retentioncount")
    assert told == 0
    assert sorted(installation.statuses())[-4:] == [f"new{number}" for number in range(4)]
