"""The client and the simulator, two implementations of the vendor's documents, agree."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from actions.catalog import VERSIONS
from actions.opswat.client import Slot, Token, VendorClient, VendorConfig
from actions.opswat.errors import Rejected, Throttled, Unauthorized, Unconfirmed, VendorError
from actions.opswat.payloads import ActionCall, DeviceRecord
from actions.simulator import Simulator

SLOT = Slot(1)


def connect(sim: Simulator, **changes) -> tuple[VendorClient, Token]:
    values = {"read_timeout": 5.0} | changes
    client = VendorClient(VendorConfig(sim.url, sim.client_id, sim.client_secret, **values))
    return client, client.fetch_token(SLOT).value


def make_sim(devices: int = 5, **switches) -> Simulator:
    return Simulator(devices=devices, limit=None, log_delay=(0.0, 0.0), **switches)


def test_a_token_is_fetched_and_a_wrong_secret_is_unauthorized():
    with make_sim() as sim:
        _, token = connect(sim)
        assert token.expires_in == 43199
        other = VendorClient(VendorConfig(sim.url, sim.client_id, "another secret"))
        with pytest.raises(Unauthorized) as caught:
            other.fetch_token(SLOT)
    assert "invalid_client" in caught.value.body


def test_an_expired_token_is_unauthorized():
    with make_sim() as sim:
        client, token = connect(sim)
        sim.issue_new_tokens()
        with pytest.raises(Unauthorized):
            client.list_groups(SLOT, token.value, 1)


PARAMETERS: dict[str, dict[str, Any]] = {
    "exempt": {"exempt_hours": 60},
    "assign_to_group": {"group_id": "5b1f0c6e9c"},
}


@pytest.mark.parametrize(
    ("version", "kind"),
    [(name, kind) for name in VERSIONS for kind in sorted(VERSIONS[name].kinds)],
)
def test_every_kind_of_every_version_gets_a_result_for_every_device(version, kind):
    with make_sim(devices=40) as sim:
        client, token = connect(sim, action_version=version)
        targets = tuple(sim.devices)
        call = ActionCall(kind, "ids", targets, **PARAMETERS.get(kind, {}))
        answer = client.device_action(SLOT, token.value, call).value
        done = {device_id for name, device_id in sim.applied if name == kind}
    assert (answer.missing, answer.foreign) == ((), ())
    accepted = {name for name, result in answer.results.items() if result.status == 1}
    assert accepted == done
    assert {result.status for result in answer.results.values()} <= {1, 0, -1}
    with_command = {name for name, result in answer.results.items() if result.command_id}
    assert with_command == (accepted if kind == "fetch_agent_log" else set())


@pytest.mark.parametrize("echo", ["as_sent", "upper", "lower"])
@pytest.mark.parametrize("row_order", ["as_sent", "by_id"])
def test_devices_named_by_mac_get_their_results(echo, row_order):
    with make_sim(id_echo=echo, row_order=row_order) as sim:
        client, token = connect(sim)
        first = sim.add_device(macs=("AA:BB:CC:DD:EE:01",)).device_id
        sim.add_device(macs=("AA:BB:CC:DD:EE:02",), status="unknown")
        targets = ("aabb.ccdd.ee02", "aa-bb-cc-dd-ee-01", "aabbccddee03")
        answer = client.device_action(SLOT, token.value, ActionCall("unexempt", "macs", targets))
        assert sim.applied == {("unexempt", first): 1}
    statuses = [answer.value.results[target].status for target in targets]
    assert statuses == [0, 1, -1]


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("cut_before", {}),
        ("cut_after", {}),
        ("cut_body", {}),
        ("timeout_after", {"seconds": 2.0}),
        ("drip", {"seconds": 0.05}),
        ("status", {"code": 500}),
        ("status", {"code": 503}),
        ("html", {}),
        ("broken_json", {}),
        ("wrong_shape", {}),
        ("huge", {"mb": 2.0}),
        ("huge", {"mb": 2.0, "announced": False}),
        ("redirect", {}),
    ],
)
@pytest.mark.parametrize("api", ["token", "action", "devices", "detail", "groups"])
def test_every_fault_is_unconfirmed(api, fault, options):
    with make_sim() as sim:
        client, token = connect(sim, read_timeout=0.5, max_body_bytes=2**20)
        targets = tuple(sim.devices)
        calls = {
            "token": lambda: client.fetch_token(SLOT),
            "action": lambda: client.device_action(
                SLOT, token.value, ActionCall("ignore", "ids", targets)
            ),
            "devices": lambda: client.list_devices(SLOT, token.value, None),
            "detail": lambda: client.device_details(SLOT, token.value, targets),
            "groups": lambda: client.list_groups(SLOT, token.value, 1),
        }
        sim.fault(fault, api=api, **options)
        before = len(sim.received)
        with pytest.raises(VendorError) as caught:
            calls[api]()
        assert type(caught.value) is Unconfirmed
        assert len(sim.received) == before + 1


def test_malformed_rows_never_give_a_device_the_result_of_another():
    with make_sim() as sim:
        client, token = connect(sim)
        targets = tuple(sim.devices)

        def act():
            return client.device_action(SLOT, token.value, ActionCall("delete", "ids", targets))

        for device in sim.devices.values():
            device.forced_status = 0
        sim.fault("missing_rows", count=2)
        assert act().value.missing == targets[-2:]
        sim.fault("doubled_rows", count=2)
        assert act().value.missing == ()
        sim.fault("doubled_differing", count=1)
        assert act().value.missing == targets[:1]
        sim.fault("reordered")
        assert list(act().value.results) == list(reversed(targets))
        sim.fault("foreign_rows", count=1)
        answer = act().value
        assert (len(answer.foreign), answer.missing) == (1, ())
        sim.fault("odd_status", value="done", count=1)
        result = act().value.results[targets[0]]
        assert (result.status, result.raw) == (None, '"done"')


def test_a_refused_call_keeps_the_vendors_text_in_each_shape():
    for shape in ("object", "nested", "text", "empty"):
        with make_sim(error_body=shape, unknown_group="400") as sim:
            client, token = connect(sim)
            call = ActionCall("assign_to_group", "ids", tuple(sim.devices), group_id="none")
            with pytest.raises(Rejected) as caught:
                client.device_action(SLOT, token.value, call)
            assert caught.value.http_status == 400
            assert ("does not exist" in caught.value.body) == (shape != "empty")


@pytest.mark.parametrize("unit", ["seconds", "epoch"])
def test_the_rate_limit_headers_are_read_in_both_units(unit):
    with Simulator(devices=1, limit=(3, 60.0), reset_unit=unit) as sim:
        client, token = connect(sim)
        answer = client.list_groups(SLOT, token.value, 1)
        assert (answer.rate.limit, answer.rate.remaining) == (3, 1)
        client.list_groups(SLOT, token.value, 1)
        with pytest.raises(Throttled) as caught:
            client.list_groups(SLOT, token.value, 1)
    assert caught.value.retry_after is not None
    assert 55 < caught.value.retry_after <= 61


def read_all(client: VendorClient, token: Token, limit: int) -> list[DeviceRecord]:
    found: list[DeviceRecord] = []
    cursor = None
    for _ in range(20):
        page = client.list_devices(SLOT, token.value, cursor, limit).value
        assert page.dropped == 0
        found += page.devices
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("The list has no end.")


@pytest.mark.parametrize("mark", ["empty", "missing", "null", "repeated", "empty_page"])
@pytest.mark.parametrize("devices", [0, 1, 50, 120])
def test_the_list_is_read_to_its_end_with_every_end_mark(mark, devices):
    with make_sim(devices=devices, end_mark=mark) as sim:
        client, token = connect(sim)
        found = read_all(client, token, 50)
        expected = list(sim.devices)
    assert [record.vendor_id for record in found] == expected


@pytest.mark.parametrize("spelling", ["long", "short", "plural"])
@pytest.mark.parametrize("shape", ["array", "object"])
def test_list_and_details_give_the_same_record_of_a_device(spelling, shape):
    switches = {"issue_in_list": spelling, "issue_in_detail": spelling, "detail_shape": shape}
    with make_sim(agent_type_in_list=True, detail_spelling="hyphen", **switches) as sim:
        client, token = connect(sim)
        seen = time.time() - 100
        device = sim.add_device(
            device_name="kiosk",
            host_name="kiosk.example",
            nickname="Lobby",
            status="out_of_license_usage",
            severity="warning",
            warning_issues=2,
            critical_issues=1,
            user_name="anna",
            macs=("AA:BB:CC:DD:EE:01", "AA:BB:CC:DD:EE:02"),
            ipv4="10.1.2.3",
            last_seen=seen,
        )
        listed = {record.vendor_id: record for record in read_all(client, token, 50)}
        ids = [*sim.devices, "nobody"]
        detailed = client.device_details(SLOT, token.value, ids).value.devices
    assert listed == {record.vendor_id: record for record in detailed}
    record = listed[device.device_id]
    assert (record.name, record.host_name, record.nickname) == ("kiosk", "kiosk.example", "Lobby")
    assert (record.status, record.severity) == ("out_of_license_usage", "warning")
    assert (record.total_issues, record.critical_issues, record.warning_issues) == (3, 1, 2)
    assert (record.os_family, record.os_name, record.agent_type) == (
        "windows",
        "Windows 11 Pro",
        "persistent",
    )
    assert (record.user_name, record.group_name) == ("anna", "Default")
    assert (record.ip, record.public_ip, record.macs) == ("10.1.2.3", "203.0.113.1", device.macs)
    assert record.last_seen == datetime.fromtimestamp(int(seen), UTC)


@pytest.mark.parametrize("entry", ["object", "text"])
@pytest.mark.parametrize("spelling", ["underscore", "hyphen"])
def test_changes_and_deletions_are_read_page_by_page_until_413(entry, spelling):
    with make_sim(devices=8, deleted_entry=entry, detail_spelling=spelling) as sim:
        client, token = connect(sim)
        names = list(sim.devices)
        for name in names[:4]:
            sim.change_device(name, status="non_compliant")
        for name in names[4:6]:
            sim.remove_device(name)
        pages = [client.status_changes(SLOT, token.value, 60, page, limit=2) for page in (1, 2, 3)]
        everything = client.list_devices(SLOT, token.value, None).value.devices
    assert [page.http_status for page in pages] == [200, 200, 413]
    assert [page.value.rows for page in pages] == [4, 2, 0]
    changed = [record for page in pages for record in page.value.changed]
    assert {record.vendor_id for record in changed} == set(names[:4])
    assert {name for page in pages for name in page.value.deleted} == set(names[4:6])
    assert {record.status for record in changed} == {"non_compliant"}
    reported = changed[0].reported
    assert reported is not None
    assert {"status", "severity", "name", "group_name"} <= reported
    assert not reported & {"macs", "os_name", "agent_version", "agent_type"}
    assert all(record.reported and "agent_type" not in record.reported for record in everything)


def test_groups_are_read_page_by_page_until_413():
    with make_sim() as sim:
        client, token = connect(sim)
        pages = [client.list_groups(SLOT, token.value, page, limit=3) for page in (1, 2, 3, 4)]
        expected = {key: group.name for key, group in sim.groups.items()}
    assert [page.value.rows for page in pages] == [3, 3, 2, 0]
    assert [page.http_status for page in pages] == [200, 200, 200, 413]
    groups = [group for page in pages for group in page.value.groups]
    assert {group.vendor_id: group.name for group in groups} == expected
    assert sum(group.device_count or 0 for group in groups) == 5
