"""`manage.py sync_devices` called by a script: output and exit codes."""

import json

from tests.processes.conftest import MakeInstallation
from tests.processes.installation import Installation

SYNC = ("sync_devices", "--json")


def test_a_full_read_stores_every_device_and_group(make_installation: MakeInstallation) -> None:
    installation = make_installation(devices=120)

    done = installation.manage(*SYNC)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    groups = len(installation.vendor.groups)
    assert (answer["stage"], answer["devices"], answer["groups"]) == ("done", 120, groups)
    assert set(installation.rows("SELECT vendor_id FROM actions_device")) == {
        (device_id,) for device_id in installation.vendor.devices
    }
    assert {call.status for call in installation.vendor.received} == {200}


def test_a_second_command_joins_the_full_read_that_is_running(
    make_installation: MakeInstallation,
) -> None:
    installation = make_installation(devices=120)
    # Both start at once, so on a busy machine as well the read lasts until the later one joins.
    installation.vendor.fault("late", times=None, api="devices", seconds=2.0)
    first = installation.spawn_manage("sync_devices")
    second = installation.manage(*SYNC)

    assert first.wait(30) == 0
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["devices"] == 120
    assert installation.rows("SELECT COUNT(*) FROM actions_inventorysync") == [(1,)]
    apis = [call.api for call in installation.vendor.received]
    assert (apis.count("token"), apis.count("groups")) == (1, 1)
    assert apis.count("devices") == len(
        {json.dumps(call.body) for call in installation.vendor.received if call.api == "devices"}
    )


def test_a_full_read_that_the_vendor_refuses_prints_one_line_and_exits_with_3(
    installation: Installation,
) -> None:
    installation.start_redis()
    installation.vendor.fault("status", code=404, api="devices")

    done = installation.manage(*SYNC)

    assert done.returncode == 3
    assert json.loads(done.stdout)["stage"] == "failed"
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert "404" in line


def test_with_the_vendor_down_the_wait_exits_with_4_and_the_read_finishes_later(
    installation: Installation,
) -> None:
    installation.start_redis()
    installation.vendor.stop()

    done = installation.manage(*SYNC, "--wait", "2")

    assert done.returncode == 4
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert "wait ran out" in line
    installation.vendor.start(int(installation.vendor.url.rsplit(":", 1)[1]))
    assert installation.manage(*SYNC, "--wait", "60").returncode == 0
