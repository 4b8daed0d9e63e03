"""`manage.py submit_action` called by a script: input, output and exit codes."""

import json
from typing import Any

import pytest

from tests.processes.installation import Completed, Installation

REASON = ("--reason", "because a test says so")
TABLES = ("actionrequest", "devicecommand", "vendorcall")


def submit(installation: Installation, *args: str, stdin: str = "") -> Completed:
    return installation.manage("submit_action", *args, *REASON, stdin=stdin)


def assert_nothing_stored_or_sent(installation: Installation) -> None:
    counts = {
        table: installation.rows(f"SELECT COUNT(*) FROM actions_{table}")[0][0]  # noqa: S608
        for table in TABLES
    }
    assert counts == dict.fromkeys(TABLES, 0)
    assert installation.vendor.received == []


def assert_refused(done: Completed, *words: str) -> None:
    """Exit code 2, nothing on standard output, and exactly one line on standard error."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [line] = done.stderr.splitlines()
    for word in words:
        assert word in line


def parsed(done: Completed) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def fetch_logs(installation: Installation, names: list[str]) -> None:
    done = submit(
        installation,
        *("fetch_agent_log", "--ids", ",".join(names), "--unlisted", "--wait", "60", "--json"),
    )

    assert done.returncode == 0, done.stderr
    devices = parsed(done)["devices"]
    assert [device["id"] for device in devices] == names
    assert {device["status"] for device in devices} == {"accepted"}
    assert {device["code"] for device in devices} == {1}
    assert len({device["command_id"] for device in devices} - {""}) == len(names)
    assert parsed(done)["counts"]["accepted"] == len(names)


def test_command_ids_of_logs_are_returned_without_a_worker(
    installation: Installation, vendor_devices: list[str]
) -> None:
    fetch_logs(installation, vendor_devices)


def test_command_ids_of_logs_are_returned_while_a_worker_runs(
    installation: Installation, vendor_devices: list[str]
) -> None:
    installation.start_redis()
    installation.worker()
    installation.ticker()

    fetch_logs(installation, vendor_devices)

    assert set(installation.vendor.applied.values()) == {1}


def test_submitting_without_waiting_exits_with_0(
    installation: Installation, vendor_devices: list[str]
) -> None:
    done = submit(installation, "unexempt", "--ids", "a1", "--unlisted", "--json")

    assert done.returncode == 0
    assert parsed(done)["counts"]["queued"] == 1
    assert installation.vendor.received == []


def test_a_finished_request_with_a_failure_exits_with_3(
    installation: Installation, vendor_devices: list[str]
) -> None:
    installation.vendor.devices["b2"].forced_status = -1

    done = submit(installation, "unexempt", "--ids", "a1,b2", "--unlisted", "--wait", "60")

    assert done.returncode == 3
    assert "1 accepted" in done.stdout
    assert "1 failed" in done.stdout


def test_a_wait_that_times_out_exits_with_4_and_the_request_stays_queued(
    installation: Installation, vendor_devices: list[str]
) -> None:
    installation.vendor.stop()

    done = submit(installation, "unexempt", "--ids", "a1", "--unlisted", "--wait", "1", "--json")

    assert done.returncode == 4
    assert parsed(done)["counts"]["queued"] == 1
    installation.vendor.start(int(installation.vendor.url.rsplit(":", 1)[1]))
    assert installation.manage("dispatch", "--seconds", "20").returncode == 0
    assert installation.statuses() == {"a1": "accepted"}


def test_ids_are_read_from_standard_input_with_blank_lines_and_any_line_end(
    installation: Installation, vendor_devices: list[str]
) -> None:
    done = submit(
        installation, "delete", "--unlisted", "--from-file", "-", stdin="a1\r\n\n  b2 \nc3"
    )

    assert done.returncode == 0, done.stderr
    assert installation.statuses() == dict.fromkeys(vendor_devices, "queued")


def test_macs_are_read_from_a_file_in_any_notation(installation: Installation) -> None:
    path = installation.folder / "macs.txt"
    path.write_text("\ufeffaabb.ccdd.ee01\nAA-BB-CC-DD-EE-02\n", encoding="utf-8")

    done = submit(installation, "unexempt", "--unlisted", "--from-file", str(path))

    assert done.returncode == 0, done.stderr
    assert set(installation.statuses()) == {"AA:BB:CC:DD:EE:01", "AA:BB:CC:DD:EE:02"}


def test_a_dry_run_reports_devices_and_calls_and_stores_nothing(installation: Installation) -> None:
    names = ",".join(f"d{number}" for number in range(101))

    done = submit(installation, "exempt", "--forever", "--ids", names, "--unlisted", "--dry-run")
    as_json = submit(
        installation,
        *("exempt", "--forever", "--ids", names, "--unlisted", "--dry-run", "--json"),
    )

    assert (done.returncode, as_json.returncode) == (0, 0)
    assert "101" in done.stdout
    assert parsed(as_json) == {"dry_run": True, "kind": "exempt", "devices": 101, "calls": 3}
    assert_nothing_stored_or_sent(installation)


DEVICE = ("--ids", "a1", "--unlisted")
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown kind": (("explode", *DEVICE), "explode"),
    "no device": (("unexempt", "--ids", " , ", "--unlisted"), "at least one"),
    "neither ids nor macs": (("unexempt", "--unlisted"), "--ids"),
    "duplicate device": (("unexempt", "--ids", "a1,b2,a1", "--unlisted"), "a1"),
    "ids and macs": (("unexempt", *DEVICE, "--macs", "aabbccddee01"), "--macs"),
    "ids and macs in one file": (("unexempt", "--from-file", "-", "--unlisted"), "mixes"),
    "no such file": (("unexempt", "--from-file", "/does/not/exist", "--unlisted"), "exist"),
    "not a mac": (("unexempt", "--macs", "kiosk", "--unlisted"), "kiosk"),
    "hours of -1": (("exempt", *DEVICE, "--exempt-hours", "-1"), "64999"),
    "hours of 0": (("exempt", *DEVICE, "--exempt-hours", "0"), "64999"),
    "hours of 65000": (("exempt", *DEVICE, "--exempt-hours", "65000"), "64999"),
    "hours of 1.5": (("exempt", *DEVICE, "--exempt-hours", "1.5"), "64999"),
    "hours of x": (("exempt", *DEVICE, "--exempt-hours", "x"), "64999"),
    "no hours": (("exempt", *DEVICE), "hours"),
    "hours for delete": (("delete", *DEVICE, "--exempt-hours", "5"), "no hours"),
    "no such group": (("assign_to_group", *DEVICE, "--group-id", "nowhere"), "nowhere"),
    "no group": (("assign_to_group", *DEVICE), "group"),
    "not in the inventory": (("unexempt", "--ids", "a1"), "a1"),
    "a wait of -1": (("unexempt", *DEVICE, "--wait", "-1"), "seconds"),
    "no such person": (("unexempt", *DEVICE, "--as", "nobody"), "nobody"),
}


@pytest.mark.parametrize(("args", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_prints_one_line_exits_with_2_and_stores_nothing(
    installation: Installation, args: tuple[str, ...], word: str
) -> None:
    done = submit(installation, *args, "--json", stdin="a1\naabb.ccdd.ee01\n")

    assert_refused(done, word)
    assert_nothing_stored_or_sent(installation)


def test_a_submission_as_a_helpdesk_user_is_limited_to_helpdesk_rights(
    installation: Installation,
) -> None:
    person = ("add_person", "hanna", "--role", "helpdesk", "--password-stdin")
    assert installation.manage(*person, stdin="correct horse battery\n").returncode == 0
    eleven = ",".join(f"d{number}" for number in range(11))
    hanna = ("--unlisted", "--as", "hanna")

    assert_refused(submit(installation, "delete", "--ids", "a1", *hanna), "Helpdesk", "Delete")
    too_many = submit(installation, "exempt", "--forever", "--ids", eleven, *hanna)
    assert_refused(too_many, "Helpdesk", "10", "11")
    assert_nothing_stored_or_sent(installation)

    allowed = submit(installation, "unexempt", "--ids", "a1", *hanna)

    assert allowed.returncode == 0, allowed.stderr
    lines = installation.rows("SELECT verb, on_behalf_of, role FROM actions_auditevent ORDER BY id")
    assert lines[-3:] == [
        ("request.refused", "hanna", "helpdesk"),
        ("request.refused", "hanna", "helpdesk"),
        ("request.submitted", "hanna", "helpdesk"),
    ]


def test_a_database_without_tables_prints_one_line_and_exits_with_1(
    installation: Installation,
) -> None:
    installation.env["DATABASE_URL"] = f"sqlite:///{installation.folder / 'new.sqlite3'}"

    done = submit(installation, "unexempt", *DEVICE)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "migrated" in line
