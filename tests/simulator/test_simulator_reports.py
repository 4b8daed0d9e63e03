"""The simulator's agent logs."""

import io
import time
import zipfile

import pytest

REPORTS = "/o/api/v3.1/get_reports"


def request_log(vendor):
    device = vendor.sim.add_device(device_name="kiosk")
    return vendor.action("fetch_agent_log", device.device_id).json()[0]["command_id"]


def test_a_log_is_a_zip_of_several_files(vendor):
    command_id = request_log(vendor)
    reply = vendor.get(REPORTS, type="agent_log", command_id=command_id)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/zip"
    assert command_id in reply.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert len(archive.namelist()) >= 3
        assert archive.testzip() is None
        assert b"kiosk" in archive.read("system_info.txt")
    assert (
        vendor.get("/o/api/v3/get_reports", type="agent_log", command_id=command_id).status == 200
    )


@pytest.mark.parametrize("code", ["200", "404", "400"])
def test_a_log_that_is_not_ready_has_the_status_code_of_the_switch(start, code):
    vendor = start(log_delay=(0.5, 0.5), log_not_ready=code)
    command_id = request_log(vendor)
    reply = vendor.get(REPORTS, type="agent_log", command_id=command_id)
    assert reply.status == int(code)
    assert reply.json().keys() == {"status", "message"}
    time.sleep(0.55)
    assert vendor.get(REPORTS, type="agent_log", command_id=command_id).body[:2] == b"PK"


def test_reports_validate_the_query(start):
    vendor = start(command_lifetime=0.0)
    command_id = request_log(vendor)
    for code, query in (
        (400, {"command_id": command_id}),
        (400, {"type": "logs", "command_id": command_id}),
        (400, {"type": "agent_log"}),
        (404, {"type": "agent_log", "command_id": "c" * 17}),
        (404, {"type": "scan_threats_log", "command_id": command_id}),
        (404, {"type": "agent_log", "command_id": command_id}),  # It has expired.
    ):
        assert vendor.get(REPORTS, **query).status == code
    assert vendor.post(REPORTS, {}).status == 405
    scan = {"type": "scan_threats_log", "command_id": command_id}
    assert vendor.get("/o/api/v3/get_reports", **scan).status == 400


def test_the_size_of_a_log_can_be_increased(start):
    vendor = start(report_megabytes=1.5)
    reply = vendor.get(REPORTS, type="agent_log", command_id=request_log(vendor))
    assert len(reply.body) > 1.5 * 2**20
