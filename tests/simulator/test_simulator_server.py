"""Start, stop, ports, threads, the log of calls, the admin API, the command."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from actions.simulator import Simulator
from actions.simulator.options import (
    parse_delay,
    parse_fault,
    parse_limit,
    parse_pair,
    parse_switch,
)

ROOT = Path(__file__).resolve().parents[2]
ACTION = "/o/api/v3.1/devices/action"


def simulator_threads():
    return [one for one in threading.enumerate() if one.name.startswith("simulator")]


def test_stop_closes_held_idle_and_dripping_connections_at_once(start):
    vendor = start(devices=5)
    before = len(simulator_threads())
    vendor.sim.fault("timeout_after", seconds=300)
    vendor.sim.fault("drip", seconds=300)

    def call_without_answer():
        with pytest.raises((http.client.HTTPException, OSError)):
            vendor.action("exempt", "a", timeout=20)

    held = [threading.Thread(target=call_without_answer) for _ in range(2)]
    for one in held:
        one.start()
    idle = socket.create_connection(("127.0.0.1", urlsplit(vendor.sim.url).port or 0))
    while len(simulator_threads()) < before + 3 or len(vendor.sim.received) < 2:
        time.sleep(0.005)
    started = time.monotonic()
    vendor.sim.stop()
    assert time.monotonic() - started < 1.0
    assert len(simulator_threads()) == before - 1
    assert idle.recv(1) == b""
    idle.close()
    for one in held:
        one.join(2.0)
        assert not one.is_alive()
    with pytest.raises(ConnectionRefusedError):
        vendor.raw("GET", "/")
    vendor.sim.stop()


def test_a_stopped_simulator_restarts_on_its_port_with_its_account(start):
    vendor = start()
    device = vendor.sim.add_device()
    vendor.status("exempt", device)
    url = vendor.sim.url
    vendor.sim.stop()
    vendor.sim.start(urlsplit(url).port or 0)
    assert vendor.sim.url == url
    assert vendor.status("unexempt", device) == 1
    assert len(vendor.sim.received) == 2


def test_it_listens_on_loopback_and_a_port_in_use_is_an_error(vendor):
    assert urlsplit(vendor.sim.url).hostname == "127.0.0.1"
    with pytest.raises(OSError, match="in use"):
        Simulator(devices=1).start(urlsplit(vendor.sim.url).port or 0)
    with pytest.raises(RuntimeError):
        vendor.sim.start()


def test_it_is_a_context_manager():
    with Simulator(devices=1) as sim:
        assert sim.url.startswith("http://127.0.0.1:")
        assert len(sim.client_id) > 10
        assert len(sim.client_secret) > 20


def test_one_connection_serves_many_calls(vendor):
    connection = http.client.HTTPConnection(urlsplit(vendor.sim.url).netloc, timeout=5)
    for body in (b'{"types": "exempt", "ids": ["a"]}', b"nonsense"):
        for _ in range(3):
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"{ACTION}?access_token={vendor.token}", body, headers)
            response = connection.getresponse()
            response.read()
            assert response.status in {200, 400}
    assert len(vendor.sim.received) == 6
    connection.close()


def test_a_body_without_a_valid_length_is_a_400(vendor):
    path = f"{ACTION}?access_token={vendor.token}"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for line in ("Transfer-Encoding: chunked", "Content-Length: 99999999999", "Content-Length: -1"):
        with socket.create_connection(("127.0.0.1", urlsplit(vendor.sim.url).port or 0)) as raw:
            raw.sendall(f"{head}{line}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_the_log_contains_the_calls_without_secrets(vendor):
    started, wall = time.monotonic(), time.time()
    vendor.log_in()
    device = vendor.sim.add_device()
    vendor.action("exempt", device.device_id, exempt_time=3)
    vendor.get("/o/api/v3.1/get_reports", type="agent_log", command_id="c" * 17)
    token, action, report = vendor.sim.received
    assert [token.api, action.api, report.api] == ["token", "action", "reports"]
    assert [token.status, action.status, report.status] == [200, 200, 404]
    assert (token.body, token.path) == (None, "/o/oauth/token")
    assert action.body == {
        "types": "exempt",
        "ids": [device.device_id],
        "params": {"exempt_time": 3},
    }
    assert report.query == {"type": "agent_log", "command_id": "c" * 17}
    assert started <= token.at <= action.at <= report.at <= time.monotonic()
    assert wall <= token.wall <= time.time()
    log = repr(vendor.sim.received)
    assert vendor.token not in log
    assert vendor.sim.client_secret not in log


def test_a_call_is_in_the_log_while_its_answer_is_held(vendor):
    vendor.sim.fault("timeout_before")
    with pytest.raises(TimeoutError):
        vendor.action("exempt", "a", timeout=0.1)
    assert [(entry.api, entry.status) for entry in vendor.sim.received] == [("action", 0)]


def test_the_admin_api_reads_the_log_and_injects_faults(start):
    vendor = start(limit=(2, 60.0))
    device = vendor.sim.add_device()
    fault = {"name": "status", "times": 1, "api": "action", "code": 503}
    assert vendor.control("POST", "/_simulator/faults", json.dumps(fault).encode()).status == 200
    assert vendor.control("GET", "/_simulator/faults").json()[0]["options"]["code"] == 503
    assert vendor.action("exempt", device.device_id).status == 503
    assert vendor.action("exempt", device.device_id).status == 200
    log = vendor.control("GET", "/_simulator/log?since=1").json()["received"]
    assert [entry["applied"] for entry in log] == [[device.device_id]]
    applied = vendor.control("GET", "/_simulator/applied").json()
    assert applied == [{"kind": "exempt", "device_id": device.device_id, "times": 1}]
    shown = vendor.control("GET", f"/_simulator/devices/{device.device_id}").json()
    assert shown["status"] == "exempted"
    vendor.sim.fault("html", times=None)
    assert vendor.control("DELETE", "/_simulator/faults").json() == []
    assert vendor.control("GET", "/_simulator/faults").json() == []
    assert vendor.control("POST", "/_simulator/tokens/expire").status == 200
    assert not vendor.sim._account.accepts(vendor.token)
    assert len(vendor.sim.received) == 2


def test_the_admin_api_refuses_invalid_calls(vendor):
    for raw in (b"", b"[]", b'{"name": "earthquake"}', b'{"name": "html", "times": "2"}', b"{}"):
        assert vendor.control("POST", "/_simulator/faults", raw).status == 400
    assert vendor.control("GET", "/_simulator/nothing").status == 404
    assert vendor.control("GET", "/_simulator/devices/nobody").status == 404
    assert vendor.control("PUT", "/_simulator/faults").status == 405
    assert vendor.control("GET", "/_simulator/log?since=x").status == 400


def test_parsing_of_command_line_options():
    assert parse_limit("10/60") == (10, 60.0)
    assert parse_limit("none") is None
    assert parse_delay("5-20") == (5.0, 20.0)
    assert parse_delay("0.5") == (0.5, 0.5)
    assert parse_pair("reset=null") == ("reset", None)
    assert parse_switch("end_mark=null") == ("end_mark", "null")
    assert parse_switch("log_not_ready=404") == ("log_not_ready", "404")
    assert parse_switch("max_action_ids=null") == ("max_action_ids", None)
    assert parse_fault("html") == ("html", 1, "action", {})
    assert parse_fault("status:3:code=503:api=any") == ("status", 3, None, {"code": 503})
    assert parse_fault("slow:ever:seconds=0.5") == ("slow", None, "action", {"seconds": 0.5})
    redirect = parse_fault("redirect:location=http://127.0.0.1:9/x")
    assert redirect.options == {"location": "http://127.0.0.1:9/x"}
    for parse, text in (
        (parse_limit, "10"),
        (parse_delay, "20-5"),
        (parse_fault, "html:x"),
        (parse_pair, "end_mark"),
    ):
        with pytest.raises(ValueError, match=r"write|invalid literal"):
            parse(text)


RUN = """
import sys
from django.conf import settings
settings.configure()
from actions.management.commands.simulate_vendor import Command
Command().run_from_argv(["manage.py", "simulate_vendor", *sys.argv[1:]])
"""


def run_command(*options, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSWAT")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "--devices", "20", *options],
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_address_and_ends_on_a_signal(signum):
    process = run_command(
        "--fault",
        "status:code=503",
        "--assume",
        "error_body=text",
        OPSWAT_CLIENT_ID="demo",
        OPSWAT_CLIENT_SECRET="demo-secret",
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Simulated vendor ready at http://127.0.0.1:")
    netloc = urlsplit(line.split()[-1]).netloc
    connection = http.client.HTTPConnection(netloc, timeout=5)
    query = "client_id=demo&client_secret=demo-secret&grant_type=client_credentials"
    connection.request("GET", f"/o/oauth/token?{query}")
    assert connection.getresponse().status == 200
    connection.close()
    process.send_signal(signum)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_and_invalid_options_exit_with_1_and_a_message(vendor):
    port = str(urlsplit(vendor.sim.url).port)
    for options, message in (
        (("--port", port), f"Cannot listen on port {port}"),
        (("--port", "99999"), "Cannot listen on port 99999"),
        (("--fault", "earthquake"), "no such fault: earthquake"),
        (("--limit", "ten"), "calls/seconds"),
        (("--client-id", "only"), "both the client id and the client secret"),
        (("--assume", "colour=red"), "no such switch: colour"),
        (("--assume", "token_seconds=long"), "token_seconds cannot be 'long'"),
    ):
        process = run_command(*options)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 1
        assert message in err
        assert "Traceback" not in err
        assert out == ""


def test_the_simulator_imports_only_itself_and_the_standard_library():
    code = (
        "import sys; before = set(sys.modules); import actions.simulator;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names)));"
        "print(*[m for m in sys.modules if m.startswith('actions.')"
        " and not m.startswith('actions.simulator')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["actions"]
