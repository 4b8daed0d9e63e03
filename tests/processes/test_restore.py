"""A backup in mid job, restored after the job: nothing is done twice, and a person decides."""

from pathlib import Path

from tests.processes.conftest import MakeInstallation
from tests.processes.installation import Installation

DEVICES = [f"d{number:03}" for number in range(400)]

RESUME = (
    "from actions.action_requests import controls; from actions.actor import Actor; "
    "from actions.roles import Role; "
    "person = Actor(name='olga', role=Role.OPERATOR, source='page', user_id=1); "
    "controls.freeze(person, frozen=False, reason='I have read the list')"
)


def applied(installation: Installation) -> dict[str, int]:
    """How often the vendor has exempted each device."""
    counts = dict.fromkeys(DEVICES, 0)
    for (kind, device), times in installation.vendor.applied.items():
        if kind == "exempt":
            counts[device] += times
    return counts


def submit(installation: Installation, devices: list[str]) -> None:
    command = (
        "submit_action",
        "exempt",
        "--unlisted",
        "--exempt-hours",
        "24",
        "--reason",
        "a test",
    )
    done = installation.manage(*command, "--from-file", "-", stdin="\n".join(devices))
    assert done.returncode == 0, done.stderr


def statuses_now(installation: Installation) -> set[str]:
    return set(installation.statuses().values())


def run_until_done(installation: Installation, wanted: set[str]) -> None:
    installation.start_redis()
    processes = [installation.worker(), installation.ticker()]
    installation.wait_until(lambda: statuses_now(installation) <= wanted, 60)
    for process in processes:
        installation.kill(process)


def test_h1_a_backup_of_mid_job_sends_nothing_twice_when_it_is_restored(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    installation = make_installation(devices=0, limit=(10, 2.0))
    installation.env |= {
        "OPSWAT_RATE_LIMIT": "10/2",
        "OPSWAT_MAX_DEVICES": "20",
        "ENGINE_VERIFY_AFTER": "2",
    }
    for device in DEVICES:
        installation.vendor.add_device(device_id=device)
    archive = tmp_path / "backup.tar"
    submit(installation, DEVICES)
    # In mid job: some calls are made by hand, then the backup, then the rest.
    assert installation.manage("dispatch", "--seconds", "0.6").returncode == 0
    done = installation.manage("backup", str(archive))
    assert done.returncode == 0, done.stderr
    queued = installation.rows("SELECT COUNT(*) FROM actions_devicecommand WHERE status = 'queued'")
    assert 0 < queued[0][0] < 400
    run_until_done(installation, {"accepted", "confirmed"})
    assert set(applied(installation).values()) == {1}

    checked = installation.manage("restore", str(archive), "--dry-run")
    assert checked.returncode == 0, checked.stderr
    restored = installation.manage("restore", str(archive))

    assert restored.returncode == 0, restored.stderr
    assert f"{queued[0][0]} commands may have been sent" in restored.stdout
    verified = installation.manage("audit_verify")
    assert verified.returncode != 0
    assert "cut" in verified.stdout
    run_until_done(installation, {"accepted", "confirmed", "unconfirmed"})
    assert set(applied(installation).values()) == {1}
    assert "unconfirmed" in statuses_now(installation)

    assert installation.manage("shell", "-c", RESUME).returncode == 0
    run_until_done(installation, {"accepted", "confirmed"})
    assert set(applied(installation).values()) == {1}


def test_h1_a_copy_of_the_database_put_back_by_hand_freezes_sending(
    make_installation: MakeInstallation,
) -> None:
    installation = make_installation(devices=0, limit=(10, 2.0))
    installation.env |= {"OPSWAT_RATE_LIMIT": "10/2", "ENGINE_VERIFY_AFTER": "0"}
    for device in DEVICES[:120]:
        installation.vendor.add_device(device_id=device)
    submit(installation, DEVICES[:120])
    with installation.database.snapshot() as put_back:
        run_until_done(installation, {"accepted"})
        put_back()

    run_until_done(installation, {"unconfirmed"})

    assert set(applied(installation).values()) == {0, 1}
    [(frozen, reason)] = installation.rows(
        "SELECT frozen, frozen_reason FROM actions_vendoraccount"
    )
    assert frozen
    assert "restored backup" in reason
