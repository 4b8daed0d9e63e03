"""A backup in mid job, restored after the job: nothing is done twice, and a person decides."""

from pathlib import Path

import pytest

from tests.postgres import client_programs
from tests.processes.conftest import MakeInstallation
from tests.processes.installation import Completed, Installation

DEVICES = [f"d{number:03}" for number in range(400)]
JOB = (*("submit_action", "exempt", "--exempt-hours", "24"), *("--reason", "a test"))
QUEUED = "SELECT COUNT(*) FROM actions_devicecommand WHERE status = 'queued'"

RESUME = (
    "from actions.action_requests import controls; from actions.actor import Actor; "
    "from actions.roles import Role; from dashboard.models import User; "
    "key = User.objects.get(username='olga').pk; "
    "person = Actor(name='olga', role=Role.OPERATOR, source='page', user_id=key); "
    "controls.{call}"
)
LIFT = RESUME.format(call="freeze(person, frozen=False, reason='I have read the list')")
RETRY = "from actions.action_requests.models import ActionRequest; " + RESUME.format(
    call="retry(ActionRequest.objects.get(), person, reason='they were never sent')"
)


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    """An installation that knows the status of its 400 devices; PostgreSQL's programs fit."""
    installation = make_installation(devices=0, limit=(10, 2.0))
    installation.env |= {
        "OPSWAT_RATE_LIMIT": "10/2",
        "OPSWAT_MAX_DEVICES": "20",
        "ENGINE_VERIFY_AFTER": "0.5",
        "INVENTORY_CHANGES_MINUTES": "0",
        "INVENTORY_NEW_MINUTES": "0",
        "PATH": f"{client_programs()}:{installation.env['PATH']}",
    }
    for device in DEVICES:
        installation.vendor.add_device(device_id=device)
    run(installation, "sync_devices")
    person = ("add_person", "olga", "--role", "operator", "--password-stdin")
    run(installation, *person, stdin="correct horse battery\n")
    return installation


def run(installation: Installation, *command: str, stdin: str = "") -> Completed:
    done = installation.manage(*command, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done


def applied(installation: Installation) -> dict[str, int]:
    """How often the vendor has exempted each device."""
    counts = dict.fromkeys(DEVICES, 0)
    for (kind, device), times in installation.vendor.applied.items():
        if kind == "exempt":
            counts[device] += times
    return counts


def submit(installation: Installation, devices: list[str]) -> None:
    run(installation, *JOB, "--from-file", "-", stdin="\n".join(devices))


def send_some(installation: Installation) -> None:
    """Send at least one more call and at most those of one window: ten, with 200 devices."""
    before = sum(applied(installation).values())
    while sum(applied(installation).values()) == before:
        run(installation, "dispatch", "--seconds", "0.5")


def statuses_now(installation: Installation) -> set[str]:
    return set(installation.statuses().values())


def run_until_done(installation: Installation, wanted: set[str]) -> None:
    installation.start_redis()
    processes = [installation.worker(), installation.ticker()]
    installation.wait_until(lambda: statuses_now(installation) <= wanted, 90)
    for process in processes:
        installation.kill(process)


def back_up_in_mid_job(installation: Installation, archive: Path) -> int:
    """Return how many commands are queued in the backup."""
    submit(installation, DEVICES)
    send_some(installation)
    run(installation, "backup", str(archive))
    [(queued,)] = installation.rows(QUEUED)
    assert 0 < queued < 400
    return int(queued)


def restore(installation: Installation, archive: Path, queued: int) -> None:
    """Restore the backup; the trail's cut is named, and nothing is sent."""
    before = applied(installation)
    restored = run(installation, "restore", str(archive))
    assert f"{queued} commands may have been sent" in restored.stdout
    verified = installation.manage("audit_verify")
    assert verified.returncode == 1
    assert "cut: record" in verified.stdout
    assert run(installation, "dispatch", "--seconds", "2").stdout == "0 calls made\n"
    assert applied(installation) == before
    assert "unconfirmed" in statuses_now(installation)


def test_h1_a_backup_of_mid_job_sends_nothing_twice_when_it_is_restored(
    installation: Installation, tmp_path: Path
) -> None:
    queued = back_up_in_mid_job(installation, tmp_path / "backup.tar")
    run_until_done(installation, {"accepted", "confirmed"})
    assert set(applied(installation).values()) == {1}

    restore(installation, tmp_path / "backup.tar", queued)
    run(installation, "shell", "-c", LIFT)
    run_until_done(installation, {"accepted", "confirmed"})

    assert len(installation.statuses()) == 400
    assert set(applied(installation).values()) == {1}


def test_h1_what_was_never_sent_ends_as_failed_and_a_person_sends_it_again(
    installation: Installation, tmp_path: Path
) -> None:
    queued = back_up_in_mid_job(installation, tmp_path / "backup.tar")
    send_some(installation)
    never = {device for device, times in applied(installation).items() if not times}
    assert 0 < len(never) < queued

    restore(installation, tmp_path / "backup.tar", queued)
    run(installation, "shell", "-c", LIFT)
    run_until_done(installation, {"accepted", "confirmed", "failed"})

    found = installation.statuses()
    assert {device for device, status in found.items() if status == "failed"} == never
    assert {device for device, times in applied(installation).items() if not times} == never
    reasons = installation.rows(
        "SELECT DISTINCT detail FROM actions_devicecommand WHERE status = 'failed'"
    )
    assert [reason.startswith("Read back:") for (reason,) in reasons] == [True]
    run(installation, "shell", "-c", RETRY)
    run_until_done(installation, {"accepted", "confirmed"})
    assert set(applied(installation).values()) == {1}


def test_h1_a_copy_of_the_database_put_back_by_hand_freezes_sending_and_the_cut_is_named(
    installation: Installation,
) -> None:
    submit(installation, DEVICES[:120])
    with installation.database.snapshot() as put_back:
        run_until_done(installation, {"accepted", "confirmed"})
        put_back()

    verified = installation.manage("audit_verify")  # Before any process could notice it.
    assert "cut: record" in verified.stdout
    run_until_done(installation, {"unconfirmed"})

    assert set(applied(installation).values()) == {0, 1}
    [(frozen, reason)] = installation.rows(
        "SELECT frozen, frozen_reason FROM actions_vendoraccount"
    )
    assert frozen
    assert "restored backup" in reason
    run(installation, "shell", "-c", LIFT)
    run_until_done(installation, {"accepted", "confirmed"})
    assert max(applied(installation).values()) == 1
    # The lines that the trail has lost stay lost, whatever is written after them.
    assert "cut: record" in installation.manage("audit_verify").stdout
