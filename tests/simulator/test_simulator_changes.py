"""Status Change: devices changed or deleted recently; and random changes of the fleet."""

import time

import pytest

CHANGES = "/o/api/v3/devices/status_changed"


def ids(rows):
    return [row["device_id"] for row in rows]


def read_changes(vendor, **body):
    reply = vendor.post(CHANGES, body)
    assert reply.status == 200
    return reply.json()


def test_a_new_simulator_has_no_changes(vendor):
    assert read_changes(vendor) == {"monitored_devices": [], "deleted_devices": []}


def test_actions_that_change_or_delete_a_record_are_listed(vendor):
    one, two, three = list(vendor.sim.devices.values())[:3]
    one.status = two.status = three.status = "compliant"
    vendor.action("exempt", one.device_id)
    vendor.action("dhcprenew", two.device_id)
    vendor.action("delete", three.device_id)

    changes = read_changes(vendor, age=60)

    assert ids(changes["monitored_devices"]) == [one.device_id]
    assert changes["monitored_devices"][0]["status"] == "exempted"
    assert ids(changes["deleted_devices"]) == [three.device_id]


def test_only_changes_of_the_requested_age_are_listed(vendor):
    name = next(iter(vendor.sim.devices))
    vendor.sim.change_device(name, status="pending", changed_at=time.time() - 100)
    assert ids(read_changes(vendor, age=200)["monitored_devices"]) == [name]
    assert read_changes(vendor, age=50)["monitored_devices"] == []


def test_an_expired_exemption_is_a_change(vendor):
    name = next(iter(vendor.sim.devices))
    end = time.time() - 5
    vendor.sim.change_device(name, status="exempted", exempted_until=end, changed_at=0.0)
    assert ids(read_changes(vendor, age=60)["monitored_devices"]) == [name]


def test_a_device_enrolled_again_is_no_longer_listed_as_deleted(vendor):
    name = next(iter(vendor.sim.devices))
    vendor.sim.remove_device(name)
    vendor.sim.add_device(device_id=name)
    changes = read_changes(vendor, age=60)
    assert ids(changes["monitored_devices"]) == [name]
    assert changes["deleted_devices"] == []


def test_verbose_adds_fields(vendor):
    vendor.sim.change_device(next(iter(vendor.sim.devices)), status="pending")
    (few,), (many,) = (read_changes(vendor, verbose=each)["monitored_devices"] for each in (0, 1))
    assert set(many) - set(few) == {"issue"}
    assert {"device_name", "group_name", "issue"} <= set(many)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *(({"age": age}, 400) for age in (-1, 86_401, "60", 1.5)),
        *(({"verbose": each}, 400) for each in (2, True)),
        ({"limit": 51}, 406),
        ({"limit": 0}, 400),
        ({"page": 0}, 400),
        ({"page": 2}, 413),
    ],
)
def test_invalid_values_are_refused(vendor, body, code):
    assert vendor.post(CHANGES, body).status == code


@pytest.mark.parametrize(("paging", "counts"), [("each", [4, 2, 413]), ("together", [2, 2, 2])])
def test_both_paging_assumptions(start, paging, counts):
    vendor = start(changes_paging=paging)
    names = list(vendor.sim.devices)
    for name in names[:4]:
        vendor.sim.change_device(name)
    for name in names[4:6]:
        vendor.sim.remove_device(name)

    found = []
    for page in (1, 2, 3):
        reply = vendor.post(CHANGES, {"limit": 2, "page": page})
        page_rows = reply.json() if reply.status == 200 else {}
        found.append(sum(map(len, page_rows.values())) if page_rows else reply.status)

    assert found == counts


def test_the_fleet_changes_randomly_between_calls(start):
    vendor = start(devices=200, changes_per_minute=60_000.0)
    before = set(vendor.sim.devices)
    time.sleep(0.3)

    changes = read_changes(vendor, age=60, limit=50)

    assert changes["monitored_devices"]
    assert changes["deleted_devices"]
    assert before - set(vendor.sim.devices)
    assert set(vendor.sim.devices) - before


def test_by_default_the_fleet_does_not_change(vendor):
    before = dict(vendor.sim.devices)
    read_changes(vendor)
    assert vendor.sim.devices == before
