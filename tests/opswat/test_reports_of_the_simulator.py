"""Agent logs of the simulator, read by the real client."""

import hashlib
import io
import time
import zipfile

import pytest

from actions.opswat.payloads import ActionCall
from actions.simulator import Simulator
from tests.opswat.test_against_the_simulator import SLOT, connect, make_sim


@pytest.mark.parametrize("code", ["200", "404", "400"])
def test_a_log_is_polled_and_then_read_completely(code):
    with Simulator(devices=0, limit=None, log_delay=(0.3, 0.3), log_not_ready=code) as sim:
        client, token = connect(sim)
        device_id = sim.add_device().device_id
        call = ActionCall("fetch_agent_log", "ids", (device_id,))
        result = client.device_action(SLOT, token.value, call).value.results[device_id]
        sink = io.BytesIO()
        report = client.get_report(SLOT, token.value, result.command_id, sink).value
        assert (report.ready, report.size, report.message) == (
            False,
            0,
            "The report is not ready yet",
        )
        assert sink.getvalue() == b""
        time.sleep(0.35)
        report = client.get_report(SLOT, token.value, result.command_id, sink).value
    log = sink.getvalue()
    assert (report.ready, report.size) == (True, len(log))
    assert report.sha256 == hashlib.sha256(log).hexdigest()
    with zipfile.ZipFile(io.BytesIO(log)) as archive:
        assert archive.testzip() is None


def test_an_unknown_command_id_is_not_ready():
    with make_sim() as sim:
        client, token = connect(sim)
        answer = client.get_report(SLOT, token.value, "c0000000000000000", io.BytesIO())
    assert (answer.http_status, answer.value.ready) == (404, False)
    assert answer.value.message == "Not found"
