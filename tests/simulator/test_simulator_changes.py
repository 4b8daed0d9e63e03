"""Status Change: what changed lately and what was deleted; and a fleet that lives by itself."""

import time

import pytest

CHANGES = "/o/api/v3/devices/status_changed"


def ids(rows):
    return [row["device_id"] for row in rows]


def asked(vendor, **body):
    reply = vendor.post(CHANGES, body)
    assert reply.status == 200
    return reply.json()


def test_at_first_nothing_has_changed(vendor):
    assert asked(vendor) == {"monitored_devices": [], "deleted_devices": []}


def test_each_action_that_changes_a_record_is_a_change_and_a_delete_a_deletion(vendor):
    one, two, three = list(vendor.sim.devices.values())[:3]
    one.status = two.status = three.status = "compliant"
    vendor.action("exempt", one.device_id)
    vendor.action("dhcprenew", two.device_id)
    vendor.action("delete", three.device_id)

    told = asked(vendor, age=60)

    assert ids(told["monitored_devices"]) == [one.device_id]
    assert told["monitored_devices"][0]["status"] == "exempted"
    assert ids(told["deleted_devices"]) == [three.device_id]


def test_only_the_time_asked_for_is_told(vendor):
    name = next(iter(vendor.sim.devices))
    vendor.sim.change_device(name, status="pending", changed_at=time.time() - 100)
    assert ids(asked(vendor, age=200)["monitored_devices"]) == [name]
    assert asked(vendor, age=50)["monitored_devices"] == []


def test_an_exemption_that_ends_by_itself_is_a_change(vendor):
    name = next(iter(vendor.sim.devices))
    end = time.time() - 5
    vendor.sim.change_device(name, status="exempted", exempted_until=end, changed_at=0.0)
    assert ids(asked(vendor, age=60)["monitored_devices"]) == [name]


def test_one_who_comes_back_is_no_longer_told_deleted(vendor):
    name = next(iter(vendor.sim.devices))
    vendor.sim.remove_device(name)
    vendor.sim.add_device(device_id=name)
    told = asked(vendor, age=60)
    assert ids(told["monitored_devices"]) == [name]
    assert told["deleted_devices"] == []


def test_verbose_tells_more(vendor):
    vendor.sim.change_device(next(iter(vendor.sim.devices)), status="pending")
    (few,), (many,) = (asked(vendor, verbose=each)["monitored_devices"] for each in (0, 1))
    assert set(few) == {"device_id", "status", "status_detail", "severity"}
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
def test_values_outside_the_page_are_refused(vendor, body, code):
    assert vendor.post(CHANGES, body).status == code


@pytest.mark.parametrize(("paging", "counts"), [("each", [4, 2, 413]), ("together", [2, 2, 2])])
def test_pages_turn_in_both_ways_that_are_thinkable(start, paging, counts):
    vendor = start(changes_paging=paging)
    names = list(vendor.sim.devices)
    for name in names[:4]:
        vendor.sim.change_device(name)
    for name in names[4:6]:
        vendor.sim.remove_device(name)

    found = []
    for page in (1, 2, 3):
        reply = vendor.post(CHANGES, {"limit": 2, "page": page})
        told = reply.json() if reply.status == 200 else {}
        found.append(sum(map(len, told.values())) if told else reply.status)

    assert found == counts


def test_a_fleet_lives_by_itself_between_two_calls(start):
    vendor = start(devices=200, changes_per_minute=60_000.0)
    before = set(vendor.sim.devices)
    time.sleep(0.3)

    told = asked(vendor, age=60, limit=50)

    assert told["monitored_devices"]
    assert told["deleted_devices"]
    assert before - set(vendor.sim.devices)
    assert set(vendor.sim.devices) - before


def test_a_fleet_is_left_alone_unless_told(vendor):
    before = dict(vendor.sim.devices)
    asked(vendor)
    assert vendor.sim.devices == before
