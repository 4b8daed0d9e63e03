"""The simulator's switches for what the vendor does not document."""

import pytest

KINDS = [
    *("exempt", "unexempt", "ignore", "unignore", "delete"),
    *("dhcprenew", "re-identify", "assign_to_group", "fetch_agent_log"),
]


def test_switches_change_the_undocumented_answers(start):
    assert start(unknown_ids="dropped").action("exempt", "a").json() == []
    strict = start(unknown_group="400")
    device = strict.sim.add_device()
    assert strict.action("assign_to_group", device.device_id, group_id="nope").status == 400
    loose = start()
    assert loose.status("assign_to_group", loose.sim.add_device(), group_id="nope") == -1
    other = start(exempt_again="not_supported", unexempt_normal="failed", id_echo="upper")
    device = other.sim.add_device()
    assert other.status("unexempt", device) == -1
    assert other.action("exempt", device.device_id).json()[0]["id"] == device.device_id.upper()
    assert other.status("exempt", device) == 0
    many = start(max_action_ids=None)
    assert many.action("exempt", *map(str, range(200))).status == 200


def test_an_unknown_switch_or_value_is_refused(start):
    with pytest.raises(ValueError, match="no such switch"):
        start(end_marks="null")
    with pytest.raises(ValueError, match="end_mark must be one of"):
        start(end_mark="none")
    with pytest.raises(ValueError, match="token_seconds cannot be"):
        start(token_seconds="60")


def test_a_refused_id_fails_the_whole_call(vendor):
    good, bad = vendor.sim.add_device(), vendor.sim.add_device()
    vendor.sim.refused_ids.add(bad.device_id)
    assert vendor.action("exempt", good.device_id, bad.device_id).status == 400
    assert vendor.action("exempt", good.device_id).status == 200
    assert vendor.sim.applied == {("exempt", good.device_id): 1}


def test_a_forced_status_is_answered_and_nothing_is_applied(vendor):
    device = vendor.sim.add_device(forced_status=-1)
    assert vendor.status("exempt", device) == -1
    assert vendor.sim.applied == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_action_of_version_3_1_is_accepted(vendor, kind):
    assert vendor.action(kind, "nobody").json()[0]["status"] == -1
