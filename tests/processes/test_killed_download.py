"""A worker killed during a log download leaves no partial log; the log is fetched again."""

import hashlib
from pathlib import Path

from actions.trail.fingerprints import MARKER
from tests.processes.installation import Installation

LOG = "SELECT status, stored_as, sha256 FROM actions_agentlog"


def files_in(folder: Path) -> list[Path]:
    """Return the files, without the marker by which all hosts know the storage."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    return [path for path in files if path.name != MARKER]


def test_a_log_whose_download_was_killed_is_never_shown_partially_and_is_fetched_again(
    installation: Installation,
) -> None:
    installation.env |= {
        "OPSWAT_TIMEOUT": "2/6",
        "ENGINE_RUN_SECONDS": "2",
        "ENGINE_GRACE_SECONDS": "0.5",
        "AGENT_LOG_FIRST_POLL": "0.2",
        "AGENT_LOG_MAX_INTERVAL": "1",
    }
    data = Path(installation.env["DATA_DIR"])
    incoming, stored = data / "agent-logs-incoming", data / "agent-logs"
    installation.vendor.add_device(device_id="kiosk")
    installation.vendor.fault("drip", api="reports", seconds=0.1, size=64)
    installation.submit("fetch_agent_log", "kiosk")
    assert installation.manage("dispatch", "--seconds", "1").returncode == 0  # The action call.
    dispatcher = installation.spawn_manage("dispatch", "--seconds", "30")
    installation.wait_until(lambda: files_in(incoming), 20)

    installation.kill(dispatcher)

    assert [row[0] for row in installation.rows(LOG)] != ["ready"]
    assert not files_in(stored)

    def is_fetched() -> bool:
        installation.manage("dispatch", "--seconds", "3")
        installation.manage("shell", "--no-imports", "-c", SWEEP)
        return bool(installation.rows(LOG)[0][0] == "ready")

    installation.wait_until(is_fetched)
    [(_, name, sha256)] = installation.rows(LOG)
    assert hashlib.sha256((stored / name).read_bytes()).hexdigest() == sha256
    assert len(files_in(stored)) == 1


SWEEP = "from actions.dispatch import sweeper; sweeper.sweep()"
